"""The columns of a Parquet file from its footer; no value is read.

The footer is a Thrift structure in the compact protocol. Every length is checked before it is used.

Source: parquet-format 2.11 (`parquet.thrift`), and the Thrift compact protocol.
"""

import struct
from collections.abc import Iterator
from typing import Any, BinaryIO

from tether.errors import InvalidInput

MAGIC = b"PAR1"
_MOST = 64 << 20
_DEEPEST = 32
_TRUE, _FALSE, _BYTE, _I16, _I32, _I64, _DOUBLE, _BINARY, _LIST, _SET, _STRUCT = (
    1,
    2,
    3,
    4,
    5,
    6,
    7,
    8,
    9,
    10,
    12,
)
_KINDS = {0: "boolean", 1: "integer", 2: "integer", 4: "float", 5: "float"}
"""What the physical types stand for; 3 and 7 are bytes of which the logical type says more."""
_UTF8, _DATE, _MILLIS, _MICROS, _ENUM, _DECIMAL = 0, 6, 9, 10, 4, 5
_MOMENTS = {_DATE, _MILLIS, _MICROS}
_REPEATED = 2


def footer(file: BinaryIO, size: int) -> dict[int, Any]:
    """Return the footer of a file as its fields by number.

    Raises:
        InvalidInput: It is no Parquet file, or its footer is damaged.
    """
    file.seek(max(0, size - 8))
    tail = file.read(8)
    if size < 12 or tail[4:] != MAGIC:
        raise InvalidInput("not a Parquet file")
    (length,) = struct.unpack("<I", tail[:4])
    if length > min(size - 12, _MOST):
        raise InvalidInput("the footer of a Parquet file is too long")
    file.seek(size - 8 - length)
    try:
        return _Compact(file.read(length)).structure(0)
    except (IndexError, struct.error, RecursionError) as error:
        raise InvalidInput(f"the footer of a Parquet file is damaged: {error}") from None


def columns(found: dict[int, Any]) -> Iterator[tuple[str, str | None]]:
    """Yield the columns at the top with their kinds: None for one that is nested, repeated or of plain bytes.

    Args:
        found: From `footer`.

    Raises:
        InvalidInput: The schema is damaged.
    """
    schema = found.get(2)
    if not isinstance(schema, list) or not schema or not all(isinstance(each, dict) for each in schema):
        raise InvalidInput("a Parquet file has no schema")
    at = 1
    while at < len(schema):
        element = schema[at]
        after = _after(schema, at)
        yield _name(element), _kind(element) if after == at + 1 and 5 not in element else None
        at = after


def rows(found: dict[int, Any]) -> int:
    """Return how many rows there are.

    Raises:
        InvalidInput: The footer does not say so.
    """
    count = found.get(3)
    if not isinstance(count, int) or count < 0:
        raise InvalidInput("a Parquet file does not say how many rows it has")
    return count


def _after(schema: list[dict[int, Any]], at: int) -> int:
    """Return the place behind an element and all below it; children come right after their parent."""
    waiting = 1
    while waiting:
        if at >= len(schema):
            raise InvalidInput("the schema of a Parquet file is cut off")
        children = schema[at].get(5, 0)
        if not isinstance(children, int) or not 0 <= children <= len(schema):
            raise InvalidInput("the schema of a Parquet file is damaged")
        waiting += children - 1
        at += 1
    return at


def _name(element: dict[int, Any]) -> str:
    name = element.get(4)
    if not isinstance(name, bytes):
        raise InvalidInput("a column of a Parquet file has no name")
    try:
        return name.decode()
    except UnicodeDecodeError:
        raise InvalidInput("the name of a column is not UTF-8") from None


def _kind(element: dict[int, Any]) -> str | None:
    logical, converted = element.get(10), element.get(6)
    if element.get(3) == _REPEATED or converted == _DECIMAL or (isinstance(logical, dict) and 5 in logical):
        return None
    if converted in _MOMENTS or (isinstance(logical, dict) and not {6, 8}.isdisjoint(logical)):
        return "date"
    if converted in (_UTF8, _ENUM) or (isinstance(logical, dict) and not {1, 4}.isdisjoint(logical)):
        return "text"
    physical = element.get(1)
    return _KINDS.get(physical) if isinstance(physical, int) else None


class _Compact:
    """A reader of the compact protocol. Past the end it raises IndexError."""

    def __init__(self, data: bytes) -> None:
        self._data, self._at = data, 0

    def structure(self, depth: int) -> dict[int, Any]:
        """Return the fields of a structure by number."""
        found: dict[int, Any] = {}
        number = 0
        while True:
            head = self._byte()
            if not head & 15:
                return found
            number = number + (head >> 4) if head >> 4 else self._signed()
            found[number] = self._value(head & 15, depth + 1)

    def _value(self, kind: int, depth: int) -> Any:
        if depth > _DEEPEST:
            raise InvalidInput("a Parquet file nests too deep")
        if kind in (_TRUE, _FALSE):
            return kind == _TRUE
        if kind in (_I16, _I32, _I64):
            return self._signed()
        if kind == _BYTE:
            return self._byte()
        if kind == _DOUBLE:
            return struct.unpack("<d", self._bytes(8))[0]
        if kind == _BINARY:
            return self._bytes(self._unsigned())
        if kind in (_LIST, _SET):
            return self._list(depth)
        if kind == _STRUCT:
            return self.structure(depth)
        raise InvalidInput("a Parquet file has a type that no footer has")

    def _list(self, depth: int) -> list[Any]:
        head = self._byte()
        count = head >> 4 if head >> 4 < 15 else self._unsigned()
        if count > len(self._data):  # each takes at least a byte
            raise InvalidInput("a list of a Parquet file is too long")
        kind = head & 15
        if kind in (_TRUE, _FALSE):
            return [self._byte() == _TRUE for _ in range(count)]
        return [self._value(kind, depth + 1) for _ in range(count)]

    def _byte(self) -> int:
        value = self._data[self._at]
        self._at += 1
        return value

    def _bytes(self, length: int) -> bytes:
        piece = self._data[self._at : self._at + length]
        if len(piece) < length:
            raise IndexError("cut off")
        self._at += length
        return piece

    def _unsigned(self) -> int:
        value = shift = 0
        while True:
            byte = self._byte()
            value |= (byte & 127) << shift
            if byte < 128:
                return value
            shift += 7
            if shift > 63:
                raise InvalidInput("a number of a Parquet file is too long")

    def _signed(self) -> int:
        value = self._unsigned()
        return (value >> 1) ^ -(value & 1)
