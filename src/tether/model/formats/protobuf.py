"""The wire format of protocol buffers: the fields of one message, as numbers or as ranges of the file.

Source: the encoding page of the protocol buffers documentation. A field of bytes is not read, so that a
message of gigabytes costs what is looked at.
"""

from collections.abc import Iterator
from typing import NamedTuple

from tether.model.source import Cursor, Source

VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5


class Field(NamedTuple):
    """One field of a message."""

    number: int
    wire: int
    value: int
    """The number of a varint or of fixed bytes (unsigned); of bytes where they start."""
    length: int
    """Of bytes, else 0."""


class Message:
    """A message in a range of a source.

    Args:
        source: Has the file.
        what: The format, for messages.
        start: Where the message begins.
        stop: Where it ends; None is the end of the source.
    """

    def __init__(self, source: Source, what: str, start: int = 0, stop: int | None = None) -> None:
        self.source, self.what = source, what
        self.start = start
        self.stop = source.size if stop is None else stop

    def __iter__(self) -> Iterator[Field]:
        """Yield the fields in order.

        Raises:
            InvalidInput: The bytes are no message.
        """
        cursor = Cursor(self.source, self.what, self.start, self.stop)
        while cursor.left:
            key = varint(cursor)
            number, wire = key >> 3, key & 7
            if not 0 < number < 1 << 29:
                raise cursor.damaged(f"there is no field {number}")
            if wire == VARINT:
                yield Field(number, wire, varint(cursor), 0)
            elif wire == BYTES:
                length = varint(cursor)
                at = cursor.at
                cursor.skip(length)
                yield Field(number, wire, at, length)
            elif wire in (FIXED64, FIXED32):
                yield Field(number, wire, cursor.number("<Q" if wire == FIXED64 else "<I"), 0)
            else:
                raise cursor.damaged(f"a field is of the unknown kind {wire}")

    def below(self, field: Field) -> "Message":
        """Return the message in a field of bytes."""
        self._is_bytes(field)
        return Message(self.source, self.what, field.value, field.value + field.length)

    def text(self, field: Field, limit: int = 1000) -> str:
        """Return the text in a field, cut after `limit` bytes."""
        self._is_bytes(field)
        data = self.source.read(field.value, min(field.length, limit))
        return data.decode("utf-8", "replace")

    def numbers(self, field: Field, most: int = 1024) -> list[int]:
        """Return the whole numbers of a field that may be packed, as signed numbers of 64 bits."""
        if field.wire != BYTES:
            return [signed(field.value)]
        cursor = Cursor(self.source, self.what, field.value, field.value + field.length)
        found: list[int] = []
        while cursor.left:
            if len(found) == most:
                raise cursor.damaged("a list of numbers is too long")
            found.append(signed(varint(cursor)))
        return found

    def _is_bytes(self, field: Field) -> None:
        if field.wire != BYTES:
            raise Cursor(self.source, self.what).damaged(f"field {field.number} is of another kind")


def varint(cursor: Cursor) -> int:
    """Return the next number of a variable length, unsigned in 64 bits."""
    value = 0
    for shift in range(0, 70, 7):
        byte = cursor.take(1)[0]
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value & 0xFFFF_FFFF_FFFF_FFFF
    raise cursor.damaged("a number does not end")


def signed(value: int) -> int:
    """Return an unsigned number of 64 bits as a signed one."""
    return value - (1 << 64) if value >> 63 else value
