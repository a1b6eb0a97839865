"""Canonical encoding: known bytes, round trips, and refusal of everything else."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.pages import hex_blocks, page

from tether.core import codec
from tether.core.kinds import CONTEXTS, ObjectKind
from tether.errors import Corrupt

PLAIN = st.none() | st.integers(-(2**63), 2**64 - 1) | st.binary(max_size=40) | st.text(max_size=40)
VALUES = st.recursive(PLAIN, lambda inner: st.lists(inner, max_size=5), max_leaves=12)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ([1, b"ab", "ab", None], "94 01 c4 02 6162 a2 6162 c0"),
        (127, "7f"),
        (128, "cc 80"),
        (256, "cd 0100"),
        (65536, "ce 00010000"),
        (-1, "ff"),
        (-33, "d0 df"),
        (b"", "c4 00"),
    ],
)
def test_values_have_the_bytes_of_the_messagepack_standard(value: object, expected: str) -> None:
    """The encoding is MessagePack in its shortest form; the bytes here are taken from its specification."""
    assert codec.encode(value) == bytes.fromhex(expected)
    assert codec.decode(bytes.fromhex(expected), "value") == value


@settings(max_examples=100)
@given(VALUES)
def test_values_round_trip(value: Any) -> None:
    """What was encoded is read back equal."""
    assert codec.decode(codec.encode(value), "value") == value


@pytest.mark.parametrize(
    "data",
    [
        "cc01",  # an integer that has a shorter form
        "d97f",  # a string cut short
        "c50001aa",  # a binary with a longer length field than needed
        "dc000101",  # an array with a longer length field than needed
        "cb3ff0000000000000",  # a float
        "c3",  # a boolean
        "80",  # a map
        "91c2",  # a boolean inside
        "d401aa",  # an extension
        "d6ff00000000",  # a timestamp
        "0101",  # bytes left over
        "a1ff",  # a string that is not UTF-8
        "",
        "91" * 5000 + "01",  # nested too deeply
    ],
)
def test_everything_else_is_corrupt(data: str) -> None:
    """Another form of the same value, other types and cut data are refused by name."""
    with pytest.raises(Corrupt, match=r"^the page "):
        codec.decode(bytes.fromhex(data), "the page")


@settings(max_examples=300)
@given(st.binary(max_size=60))
def test_any_bytes_decode_to_their_own_encoding_or_are_corrupt(data: bytes) -> None:
    """There is no third outcome for bytes from outside."""
    try:
        value = codec.decode(data, "value")
    except Corrupt:
        return
    assert codec.encode(value) == data


def test_columns_are_little_endian() -> None:
    """Columns have fixed widths with the low byte first."""
    assert codec.pack_u16([1, 0xFFFE]) == bytes.fromhex("0100feff")
    assert codec.pack_u32([1, 2**32 - 1]) == bytes.fromhex("01000000ffffffff")
    assert codec.pack_u64([258]) == bytes.fromhex("0201000000000000")
    assert list(codec.unpack_u16(bytes.fromhex("0100feff"), "c")) == [1, 0xFFFE]
    assert list(codec.unpack_u32(bytes.fromhex("01000000ffffffff"), "c")) == [1, 2**32 - 1]
    assert list(codec.unpack_u64(bytes.fromhex("0201000000000000"), "c")) == [258]


def test_columns_of_a_wrong_length_or_type_are_corrupt() -> None:
    """A column that is no whole number of values is refused, as is one that is no binary."""
    for unpack in (codec.unpack_u16, codec.unpack_u32, codec.unpack_u64):
        for bad in (b"abc", "ab", None, [1]):
            with pytest.raises(Corrupt):
                unpack(bad, "column")


def test_the_examples_of_the_format_page_hold() -> None:
    """The bytes on the page are those of the values that it names."""
    array, column = hex_blocks("encoding")
    value = [1, 300, b"\xca\xfe", "tether", None, [-1]]
    assert codec.encode(value) == array
    assert codec.decode(array, "example") == value
    assert list(codec.unpack_u16(column, "example")) == [1, 300, 65534]


def test_the_format_page_names_the_contexts() -> None:
    """The page tells the contexts that digests are derived with."""
    for kind in (ObjectKind.TREE, ObjectKind.COMMIT, ObjectKind.TAG):
        assert f"`{CONTEXTS[kind]}`" in page("encoding")
