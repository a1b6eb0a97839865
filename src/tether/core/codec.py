"""Canonical MessagePack and little-endian columns: the bytes that every digest of an object covers.

One value has one encoding: arrays, integers in their shortest form, binaries, strings and nil.
A decoder encodes what it read once more and refuses any difference, so no two payloads mean the same.
"""

import sys
from array import array
from collections.abc import Iterable
from typing import Any

import msgspec

from tether.core.digest import Buffer
from tether.errors import Corrupt

_ENCODER = msgspec.msgpack.Encoder()
_DECODER = msgspec.msgpack.Decoder()
_PLAIN = frozenset({int, bytes, str, type(None)})
_BIG_ENDIAN = sys.byteorder == "big"


def encode(value: Any) -> bytes:
    """Return the one encoding of a value made of lists or tuples, integers, bytes, strings and None."""
    return _ENCODER.encode(value)


def decode(data: Buffer, what: str) -> Any:
    """Read canonical MessagePack; arrays come back as lists.

    Args:
        data: The whole payload.
        what: Names the object in the error message.

    Raises:
        Corrupt: `data` is not the canonical encoding of a value of the allowed types.
    """
    try:
        value = _DECODER.decode(data)
        _check_types(value, what)
        same = _ENCODER.encode(value) == data
    except (msgspec.MsgspecError, UnicodeError, RecursionError, ValueError, OverflowError) as error:
        raise Corrupt(f"{what} is not valid MessagePack: {error}", hint="run `tether fsck`") from None
    if not same:
        raise Corrupt(f"{what} is not in canonical form", hint="run `tether fsck`")
    return value


def _check_types(value: Any, what: str) -> None:
    if type(value) is list:
        for item in value:
            if type(item) not in _PLAIN:
                _check_types(item, what)
    elif type(value) not in _PLAIN:
        raise Corrupt(f"{what} holds a value of a kind that is not allowed", hint="run `tether fsck`")


def pack_u16(values: Iterable[int]) -> bytes:
    """Return integers below 2^16 as a little-endian column."""
    return _pack("H", values)


def pack_u32(values: Iterable[int]) -> bytes:
    """Return integers below 2^32 as a little-endian column."""
    return _pack("I", values)


def pack_u64(values: Iterable[int]) -> bytes:
    """Return integers below 2^64 as a little-endian column."""
    return _pack("Q", values)


def unpack_u16(data: Any, what: str) -> "array[int]":
    """Read a column of 2-byte integers.

    Raises:
        Corrupt: `data` is not bytes, or not a whole number of values.
    """
    return _unpack("H", data, what)


def unpack_u32(data: Any, what: str) -> "array[int]":
    """Read a column of 4-byte integers; errors as for `unpack_u16`."""
    return _unpack("I", data, what)


def unpack_u64(data: Any, what: str) -> "array[int]":
    """Read a column of 8-byte integers; errors as for `unpack_u16`."""
    return _unpack("Q", data, what)


def _pack(typecode: str, values: Iterable[int]) -> bytes:
    column = array(typecode, values)
    if _BIG_ENDIAN:  # pragma: no cover (no such machine runs the tests)
        column.byteswap()
    return column.tobytes()


def _unpack(typecode: str, data: Any, what: str) -> "array[int]":
    column: array[int] = array(typecode)
    if type(data) is not bytes or len(data) % column.itemsize:
        raise Corrupt(f"{what} has a column of the wrong length", hint="run `tether fsck`")
    column.frombytes(data)
    if _BIG_ENDIAN:  # pragma: no cover (no such machine runs the tests)
        column.byteswap()
    return column
