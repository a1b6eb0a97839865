"""Bytes that are read here and there: all that a reader of a model file knows of where the file is.

Nothing that a file says of lengths is believed: a read past the end is an error before anything is read.
"""

import struct
from collections import OrderedDict
from typing import BinaryIO, Protocol

from tether.core.digest import Buffer
from tether.errors import InvalidInput
from tether.repo.seeking import SeekableFile

BLOCK = 64 << 10
"""Bytes that a cursor reads at once; a reader of a header touches a few of these."""


_KEPT = 16


class Source(Protocol):
    """A file of a known size that can be read by range."""

    @property
    def size(self) -> int:
        """In bytes."""

    def read(self, offset: int, length: int) -> bytes:
        """Return `length` bytes from `offset` on; fewer only where the file ends."""


def damaged(what: str, why: str) -> InvalidInput:
    """Return the error for a file that is not what its format demands."""
    return InvalidInput(f"not a sound {what} file: {why}")


class BytesSource:
    """A source over bytes in memory."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self.size = len(data)

    def read(self, offset: int, length: int) -> bytes:
        """Return `length` bytes from `offset` on; fewer only where the bytes end."""
        return self._data[offset : offset + length]


class FileSource:
    """A source over a seekable binary file, be it on the disk, in a store or on a hub.

    Args:
        file: Its owner closes it, and does not move its position meanwhile.
    """

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.size = file.seek(0, 2)

    def read(self, offset: int, length: int) -> bytes:
        """Return `length` bytes from `offset` on; fewer only where the file ends."""
        length = max(0, min(length, self.size - offset))
        self._file.seek(offset)
        parts: list[bytes] = []
        while length and (part := self._file.read(length)):
            parts.append(part)
            length -= len(part)
        return parts[0] if len(parts) == 1 else b"".join(parts)


class PartSource:
    """A source over a part of another one, such as a member of an archive.

    Args:
        source: Has the part.
        offset: Where it begins.
        size: Its bytes.
    """

    def __init__(self, source: Source, offset: int, size: int) -> None:
        self._source, self._offset = source, offset
        self.size = size

    def read(self, offset: int, length: int) -> bytes:
        """Return `length` bytes from `offset` on; fewer only where the part ends."""
        return self._source.read(self._offset + offset, max(0, min(length, self.size - offset)))


class CachedSource:
    """A source that keeps the blocks that were read last, for readers that jump to and fro in small steps.

    Args:
        source: Where blocks come from.
    """

    def __init__(self, source: Source) -> None:
        self._source = source
        self._blocks: OrderedDict[int, bytes] = OrderedDict()
        self.size = source.size

    def read(self, offset: int, length: int) -> bytes:
        """Return `length` bytes from `offset` on; fewer only where the file ends."""
        if length > BLOCK:
            return self._source.read(offset, length)
        first, last = offset // BLOCK, (offset + length - 1) // BLOCK
        data = b"".join([self._block(at) for at in range(first, last + 1)])
        return data[offset - first * BLOCK :][:length]

    def _block(self, at: int) -> bytes:
        if at in self._blocks:
            self._blocks.move_to_end(at)
        else:
            self._blocks[at] = self._source.read(at * BLOCK, BLOCK)
            if len(self._blocks) > _KEPT:
                self._blocks.popitem(last=False)
        return self._blocks[at]


class SourceFile(SeekableFile):
    """A seekable file over a source, for code of others that wants one.

    Args:
        source: What is read.
        limit: Bytes that may be read at once; more is an error, whatever the file says.
        what: The format, for the message.
    """

    def __init__(self, source: Source, limit: int, what: str) -> None:
        super().__init__(source.size)
        self._source, self._limit, self._what = source, limit, what

    def readinto(self, buffer: Buffer) -> int:  # type: ignore[override]
        """Fill `buffer` from the position on and return how many bytes were read."""
        view = memoryview(buffer).cast("B")
        if len(view) > self._limit:
            raise damaged(self._what, f"a part of {len(view):,} bytes is larger than any is")
        data = self._source.read(self._at, len(view))
        view[: len(data)] = data
        self._at += len(data)
        return len(data)

    def read(self, size: int | None = -1) -> bytes:
        """Return up to `size` bytes; everything up to the end where it is negative or None."""
        left = max(0, self._size - self._at)
        wanted = left if size is None or size < 0 else min(size, left)
        if wanted > self._limit:
            raise damaged(self._what, f"a part of {wanted:,} bytes is larger than any is")
        data = self._source.read(self._at, wanted)
        self._at += len(data)
        return data


class Cursor:
    """Reads a part of a source forwards, in blocks.

    Args:
        source: What is read.
        what: The format, for messages.
        start: Where to begin.
        stop: Where the part ends; None is the end of the source.
    """

    def __init__(self, source: Source, what: str, start: int = 0, stop: int | None = None) -> None:
        self._source, self._what = source, what
        self.at = start
        self.stop = source.size if stop is None else stop
        if not 0 <= start <= self.stop <= source.size:
            raise self.damaged("a part of it leaves the file")
        self._block, self._begin = b"", start

    @property
    def left(self) -> int:
        """Bytes up to the end of the part."""
        return self.stop - self.at

    def damaged(self, why: str) -> InvalidInput:
        """Return the error for something wrong near the position."""
        return damaged(self._what, why)

    def take(self, length: int) -> bytes:
        """Return the next bytes.

        Raises:
            InvalidInput: There are not as many.
        """
        if not 0 <= length <= self.stop - self.at:
            raise self.damaged(f"it ends too early, at {self.at:,}")
        begin = self.at - self._begin
        if begin < 0 or begin + length > len(self._block):
            wanted = min(max(length, BLOCK), self.stop - self.at)
            self._block, self._begin, begin = self._source.read(self.at, wanted), self.at, 0
            if len(self._block) < length:
                raise self.damaged("it became shorter while it was read")
        self.at += length
        return self._block[begin : begin + length]

    def skip(self, length: int) -> None:
        """Leave out the next bytes; errors as for `take`."""
        if not 0 <= length <= self.stop - self.at:
            raise self.damaged(f"it ends too early, at {self.at:,}")
        self.at += length

    def number(self, form: str) -> int:
        """Return the next whole number, in a form of `struct`."""
        (value,) = struct.unpack(form, self.take(struct.calcsize(form)))
        return int(value)

    def line(self, limit: int = 4096) -> bytes:
        """Return the bytes up to the next line feed, which is left out."""
        parts: list[bytes] = []
        for _ in range(min(limit, self.left)):
            if (byte := self.take(1)) == b"\n":
                return b"".join(parts)
            parts.append(byte)
        raise self.damaged("a line does not end")
