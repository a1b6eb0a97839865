"""The protocol of commands: what is written is read, and what is not sound is refused."""

import io
import json

import numpy as np
import pytest

from tether.bench.wire import WireError, read_message, write_message


def test_messages_come_back() -> None:
    """Ids, numbers of each size, empty arrays and texts are the same at the other end."""
    arrays = {
        "x": np.arange(6, dtype=np.float32).reshape(2, 3),
        "big": np.arange(3, dtype=">i4"),
        "none": np.zeros((0, 4), np.int64),
        "one": np.array(7, np.uint8),
        "text": np.array(["ä", "b c"]),
    }
    stream = io.BytesIO()
    write_message(stream, {"ids": ["a", "b"]}, arrays)
    write_message(stream, {}, {})
    stream.seek(0)

    header, found = read_message(stream) or ({}, {})

    assert header == {"ids": ["a", "b"]}
    assert found.keys() == arrays.keys()
    for name, array in arrays.items():
        assert np.array_equal(found[name], array), name
        assert found[name].shape == array.shape
    assert read_message(stream) == ({}, {})
    assert read_message(stream) is None


def test_a_message_is_what_the_page_says() -> None:
    """One line, then the bytes, low byte first."""
    stream = io.BytesIO()
    write_message(stream, {"ids": ["7"]}, {"x": np.array([[1.0, 2.0]], np.float32)})

    line, _, data = stream.getvalue().partition(b"\n")
    assert json.loads(line) == {
        "ids": ["7"],
        "arrays": [{"name": "x", "dtype": "float32", "shape": [1, 2]}],
    }
    assert data == bytes.fromhex("0000803f00000040")


@pytest.mark.parametrize(
    "line",
    [
        b"hello\n",
        b"[1]\n",
        b'{"arrays": 3}\n',
        b'{"arrays": [{"name": "x", "dtype": "object", "shape": [1]}]}\n',
        b'{"arrays": [{"name": "x", "dtype": "int8", "shape": [-1]}]}\n',
        b'{"arrays": [{"name": "x", "dtype": "int8", "shape": [true]}]}\n',
        b'{"arrays": [{"name": "x", "dtype": "int8", "shape": [4]}]}\nabc',
        b'{"arrays": [{"name": "x", "dtype": "float64", "shape": [4294967296, 4294967296]}]}\n',
        b'{"ids": []}',
    ],
)
def test_what_is_no_message_is_refused(line: bytes) -> None:
    """Nothing is believed of lengths, and nothing is guessed."""
    with pytest.raises(WireError):
        read_message(io.BytesIO(line))


def test_what_cannot_be_sent() -> None:
    """Types that others do not know are refused where they are written."""
    with pytest.raises(WireError, match="complex64"):
        write_message(io.BytesIO(), {}, {"x": np.zeros(1, np.complex64)})
