"""The operations of a pickle as they stand in the file: read, counted and never carried out.

The table of operations is that of the standard library's `pickletools`. Byte strings and long texts are
not read; where they lie is told instead.
"""

import codecs
import pickletools
import struct
from collections.abc import Iterator
from typing import Any, NamedTuple

from tether.model.source import Cursor

MOST_OPERATIONS = 2_000_000
"""More are not followed: the names in them count as not read."""

_LONGEST_TEXT = 4096
_MOST_KEPT = 64 << 20
_LONGEST_NUMBER = 1024
_FIXED = {"uint1": "<B", "uint2": "<H", "int4": "<i", "uint4": "<I", "uint8": "<Q"}
_COUNTS = {"1": "<B", "4": "<i", "8": "<Q"}
_UNSIGNED = {"bytes4", "unicodestring4"}


class Span(NamedTuple):
    """Bytes or a text that were not read."""

    offset: int
    length: int


class Operation(NamedTuple):
    """One operation with what stands behind it."""

    name: str
    """As in `pickletools`: `BINPUT`, `GLOBAL`."""
    argument: Any


_TABLE = {
    ord(each.code): (each.name, each.arg.name if each.arg is not None else "") for each in pickletools.opcodes
}


class TooMany(Exception):
    """A pickle has more operations than are followed."""


class Operations:
    """Reads operations from a cursor; what is kept of all of them together is bounded.

    Args:
        cursor: Stands at the beginning of a pickle; afterwards behind its end.
    """

    def __init__(self, cursor: Cursor) -> None:
        self.cursor = cursor
        self._kept, self._count = 0, 0

    def one_pickle(self) -> Iterator[Operation]:
        """Yield the operations up to `STOP`, which is the last.

        Raises:
            InvalidInput: The bytes are no pickle.
            TooMany: There are too many.
        """
        while True:
            self._count += 1
            if self._count > MOST_OPERATIONS:
                raise TooMany
            code = self.cursor.take(1)[0]
            if code not in _TABLE:
                raise self.cursor.damaged(f"there is no operation {code:#04x}")
            name, kind = _TABLE[code]
            yield Operation(name, self._argument(kind) if kind else None)
            if name == "STOP":
                return

    def _argument(self, kind: str) -> Any:
        if kind in _FIXED:
            return self.cursor.number(_FIXED[kind])
        if kind == "float8":
            return struct.unpack(">d", self.cursor.take(8))[0]
        if kind[-1].isdigit():
            return self._counted(kind)
        return self._line(kind)

    def _counted(self, kind: str) -> Any:
        """Return what comes after a count of bytes: `string1`, `long4`, `bytes8`, `unicodestring4`."""
        form = "<I" if kind in _UNSIGNED else _COUNTS[kind[-1]]
        length = self.cursor.number(form)
        span = Span(self.cursor.at, length)
        is_long, is_text = kind.startswith("long"), kind.startswith(("unicode", "string"))
        longest = _LONGEST_NUMBER if is_long else _LONGEST_TEXT
        if not (is_long or is_text) or length > longest or self._kept > _MOST_KEPT:
            self.cursor.skip(length)
            return span
        data = self.cursor.take(length)
        self._kept += length
        if is_long:
            return int.from_bytes(data, "little", signed=True)
        return data.decode("utf-8" if kind.startswith("unicode") else "latin-1", "replace")

    def _line(self, kind: str) -> Any:
        """Return what the oldest pickles write as lines of text."""
        data = self.cursor.line(_LONGEST_TEXT)
        self._kept += len(data)
        if self._kept > _MOST_KEPT:
            raise TooMany
        text = data.decode("latin-1")
        if kind == "stringnl_noescape_pair":
            return text, self.cursor.line(_LONGEST_TEXT).decode("latin-1")
        try:
            return _parsed(kind, text)
        except ValueError:
            raise self.cursor.damaged("a number or a text is not written as it must be") from None


def _parsed(kind: str, text: str) -> Any:
    if kind == "decimalnl_short":
        return {"00": False, "01": True}.get(text) if text in ("00", "01") else int(text[:_LONGEST_NUMBER])
    if kind == "decimalnl_long":
        return int(text.removesuffix("L")[:_LONGEST_NUMBER])
    if kind == "floatnl":
        return float(text)
    if kind == "unicodestringnl":
        return codecs.decode(text.encode("latin-1"), "raw-unicode-escape")
    return text[1:-1] if kind == "stringnl" and text[:1] in "'\"" else text
