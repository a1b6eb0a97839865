"""The example of docs/format/bench.md is what the code writes, and the code reads it."""

import re

import numpy as np
import pytest
from tests.support.benches import small
from tests.support.pages import page

from tether.bench.launch import Measured, Round
from tether.bench.record import Bench, decode_latencies, encode_latencies
from tether.bench.settings import Section
from tether.errors import Corrupt, Unsupported


def test_the_example_of_a_bench() -> None:
    """The record is that on the page, byte for byte."""
    (record,) = re.findall(r"^```json\n(.*?)^```$", page("bench"), re.M | re.S)

    assert small().encode() == record.encode()
    assert Bench.decode(record.encode()) == small()


def test_records_of_others() -> None:
    """A newer version is told of, fields that are not known are borne, and what is no record is damage."""
    record = small().encode()

    assert Bench.decode(record.replace(b'"version":1', b'"more":[1],"version":1')) == small()
    with pytest.raises(Unsupported):
        Bench.decode(record.replace(b'"version":1', b'"version":2'))
    for wrong in (b"", b"[]", record[:-9], record.replace(b'"batch":1', b'"batch":"one"')):
        with pytest.raises(Corrupt):
            Bench.decode(wrong)


def test_latencies_come_back_in_order() -> None:
    """All rounds of a section are together, from when a query was due; what is no table is damage."""
    sections = [Section("single", 1, 2, 0.0, 1.0), Section("server", 1, 1, 0.0, 1.0)]
    single = [np.array([[0, 10], [5, 20], [0, 10]]), np.array([[0], [7], [0]])]
    server = [np.array([[100], [150], [40]]), np.array([[100], [160], [40]])]
    rounds = [Round({}, [*pair]) for pair in zip(single, server, strict=True)]

    data = encode_latencies(Measured(sections, rounds, None))

    found = decode_latencies(data)
    assert {key: (each * 1e9).round().tolist() for key, each in found.items()} == {
        ("single", 1): [5, 10, 7],
        ("server", 1): [110, 120],
    }
    with pytest.raises(Corrupt):
        decode_latencies(data[:-20])
