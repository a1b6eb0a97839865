"""Latencies as somebody may have written them."""

from typing import Any

import pytest
from tests.support.benches import latencies

from tether.bench.record import decode_latencies
from tether.errors import Corrupt


def test_latencies_are_read_by_section() -> None:
    """In seconds, whatever width their integers have."""
    found = decode_latencies(latencies(batch=[1, 4, 1]))

    assert {key: values.tolist() for key, values in found.items()} == {
        ("single", 1): [1e-6, 3e-6],
        ("single", 4): [2e-6],
    }


@pytest.mark.parametrize(
    ("column", "values"),
    [
        ("due_ns", ["a", "b", "c"]),
        ("due_ns", [[1]] * 3),
        ("due_ns", [0.5] * 3),
        ("due_ns", [None] * 3),
        ("end_ns", [{"a": 1}] * 3),
        ("end_ns", [None, 1, 2]),
        ("end_ns", [b"\xff"] * 3),
        ("scenario", [["single"]] * 3),
        ("scenario", [None] * 3),
        ("scenario", [{"a": 1}] * 3),
        ("batch", ["x"] * 3),
        ("batch", [[1]] * 3),
        ("batch", [1e300] * 3),
    ],
)
def test_columns_of_other_types_are_damage(column: str, values: list[Any]) -> None:
    """What is no number, no text, or not there."""
    with pytest.raises(Corrupt, match="latencies of a bench are damaged"):
        decode_latencies(latencies(**{column: values}))


def test_truths_are_numbers() -> None:
    """Booleans differ by 0 or 1 ns, which is no failure of the program."""
    [found] = decode_latencies(latencies(due_ns=[False] * 3, end_ns=[True] * 3)).values()

    assert found.tolist() == [1e-9] * 3
