"""The record of a run: one form of bytes, and what readers refuse."""

import math

import pytest

from tether.errors import Corrupt, InvalidInput, Unsupported
from tether.runs.rundoc import RunRecord, Status, check_name, number, read_scalar, scalar

RECORD = RunRecord(
    "01kdvjkj00000000000000000a",
    Status.FINISHED,
    ("sh",),
    "2026-01-01T00:00:00.000000+00:00",
    parameters={"b": 1, "a": 0.5},
)


def test_the_bytes_have_one_form() -> None:
    """Keys are sorted, there is one line, and reading gives the same record."""
    data = RECORD.encode()

    assert data.index(b'"a":0.5') < data.index(b'"b":1')
    assert data.endswith(b"}\n")
    assert data.count(b"\n") == 1
    assert RunRecord.decode(data) == RECORD
    assert RunRecord.decode(data).encode() == data


@pytest.mark.parametrize(
    ("old", "new", "error"),
    [
        (b'"version":1', b'"version":2', Unsupported),
        (b'"seeds":{}', b'"seeds":{},"more":1', Corrupt),
        (b'"status":"finished"', b'"status":"over"', Corrupt),
        (b'"seeds":{}', b'"seeds":[]', Corrupt),
        (b'"version":1', b'"version":"1"', Corrupt),
        (b"{", b"", Corrupt),
    ],
)
def test_what_readers_refuse(old: bytes, new: bytes, error: type[Exception]) -> None:
    """Another version, another field and another type are told apart."""
    with pytest.raises(error):
        RunRecord.decode(RECORD.encode().replace(old, new, 1))


def test_parameters_are_what_json_can_say() -> None:
    """Numbers stay numbers, those that JSON has not become text, and so does all else."""
    given = [scalar(value) for value in (True, 3, 2**70, 0.5, math.nan, None, "x", [1])]

    assert given == [True, 3, str(2**70), 0.5, "NaN", None, "x", "[1]"]
    assert [*map(read_scalar, ("3", "0.1", "true", "null", "adam", '"3"', "[1]", "NaN"))] == [
        3,
        0.1,
        True,
        None,
        "adam",
        '"3"',
        "[1]",
        "NaN",
    ]
    assert [number(value) for value in (math.inf, -math.inf, 1)] == ["Infinity", "-Infinity", 1.0]


@pytest.mark.parametrize("name", ["", " a", "a\nb", "x" * 251])
def test_names_that_cannot_be(name: str) -> None:
    """A name is printed on one line."""
    with pytest.raises(InvalidInput):
        check_name(name, "metric")
