"""Bytes of a pack on their way to its file, gathered where a disk can take them from."""

from collections.abc import Sequence
from mmap import MAP_ANONYMOUS, MAP_PRIVATE, mmap
from typing import TypeAlias

from tether.core.digest import Buffer
from tether.repo.frames import Batch

try:
    from tether.repo._blocks import put_frames
except ImportError:  # no compiler at the installation
    from tether.repo.blocks_pure import put_frames

ALIGNMENT = 4096
"""Bytes: writes that begin and end at multiples of it, from addresses that are multiples, need no copy."""
_ROOM = 6 << 20


Piece: TypeAlias = Buffer | Batch
"""What goes into a pack next: bytes as they are, or objects that still get their frames."""


class Block:
    """Gathers pieces at page-aligned addresses, in two rooms: while one is written the other is filled."""

    def __init__(self) -> None:
        self._room, self._other = _room(_ROOM), _room(_ROOM)
        self.filled = 0
        """Bytes that were put and not taken."""

    def put(self, pieces: Sequence[Piece], size: int) -> memoryview:
        """Append pieces that have `size` bytes together and return them in a row."""
        start = self.filled
        self.room(size)
        for piece in pieces:
            if isinstance(piece, Batch):
                self.filled = put_frames(self._room, self.filled, piece)
            else:
                before, self.filled = self.filled, self.filled + len(piece)
                self._room[before : self.filled] = piece
        return self._room[start : self.filled]

    def room(self, size: int) -> memoryview:
        """Make room for the next `size` bytes and return it; `fill` says how many of them came."""
        if self.filled + size > len(self._room):
            self._room = _larger(self._room, self.filled, self.filled + size)
        return self._room[self.filled : self.filled + size]

    def fill(self, size: int) -> None:
        """Append bytes that lie where `room` said."""
        self.filled += size

    def take(self, *, last: bool) -> memoryview:
        """Return the bytes up to the last full page, or all; what is left begins the other room.

        They stay as they are until `take` is called again.
        """
        end = self.filled if last else self.filled - self.filled % ALIGNMENT
        ready, left = self._room[:end], self._room[end : self.filled]
        self.filled = len(left)
        self._other[: self.filled] = left
        self._room, self._other = self._other, self._room
        return ready


def _room(size: int) -> memoryview:
    return memoryview(mmap(-1, size, flags=MAP_PRIVATE | MAP_ANONYMOUS))


def _larger(room: memoryview, filled: int, size: int) -> memoryview:
    made = _room(size)
    made[:filled] = room[:filled]
    return made
