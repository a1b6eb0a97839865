"""Stretches: the chunks of one pack, taken for neighbours in a file, and the values of the groups they fill.

A pack that arrives is unpacked once, to verify its chunks. If it is known by then where in a file they
belong, the values of the file's groups are made in the same pass, and the file need not be read again to
show what it is. Where they belong is only a guess until a recipe that lists them just so is there.
Decision: docs/adr/0049-one-pass.md.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial

from tether.core.digest import DIGEST_SIZE, Digest
from tether.core.outline import GROUP, Outline, group_values, merge_values
from tether.repo.delta import Chunk
from tether.repo.frames import Table
from tether.repo.packs import read_contents
from tether.storage.backend import Backend

LARGEST_START = 1 << 50
"""The largest offset in a file that is taken for where a stretch begins, in bytes."""
_STEP = 16 << 10
"""Bytes that are hashed at a time: leaves for the widest vectors. What a piece has beyond that is copied."""
_STEPS = GROUP // _STEP

Begin = Callable[[Digest], "StretchHasher | None"]
"""Asked with the first chunk of a pack: returns what gets this one and all others."""
Pieces = Iterator[tuple[Digest, int]]
"""The chunks of a pack in the order in which they lie, each with its length when unpacked."""


class StretchHasher:
    """Makes the values of the groups that chunks fill which pass in pieces.

    Args:
        start: Where in the file the first one would begin, in bytes.
    """

    def __init__(self, start: int) -> None:
        self.start, self._at = start, start
        self._first = _up(start, GROUP) * GROUP
        self._left, self._values = bytearray(), bytearray()

    def update(self, data: memoryview) -> None:
        """Take the next piece, which may change afterwards."""
        begin = max(self._first - self._at, 0)
        self._at += len(data)
        data = data[begin:]
        if self._left:
            lacking = _STEP - len(self._left)
            self._left += data[:lacking]
            data = data[lacking:]
            if len(self._left) < _STEP:
                return
            self._hash(memoryview(self._left))
            self._left = bytearray()
        whole = len(data) - len(data) % _STEP
        if whole:
            self._hash(data[:whole])
        self._left += data[whole:]

    def _hash(self, data: memoryview) -> None:
        done = len(self._values) // DIGEST_SIZE * _STEP
        self._values += group_values(data, self._first + done, _STEP)

    def values(self) -> bytes:
        """Return the values of all groups of `GROUP` bytes that lie whole in what came, from the first on."""
        size = DIGEST_SIZE * _STEPS
        return _merged(bytes(self._values[: len(self._values) // size * size]), _STEPS)


@dataclass(frozen=True, slots=True)
class Stretch:
    """What was made while one pack passed."""

    start: int
    """Where in the file its first chunk would begin, in bytes."""
    first: Digest
    """The first chunk."""
    values: bytes
    """As of `StretchHasher`."""
    load: Callable[[], Pieces]
    """Returns all chunks; asked where they are needed, so that those of one pack are in memory at a time."""

    def shown(self, stop: int, outline: Outline) -> Iterator[int]:
        """Yield which groups of an outline have the values made here, where the chunks fit up to `stop`."""
        scale = outline.group // GROUP
        if not scale:
            return
        low, high = _up(self.start, outline.group), stop // outline.group
        before = _up(self.start, GROUP)
        made = self.values[(low * scale - before) * DIGEST_SIZE : (high * scale - before) * DIGEST_SIZE]
        if low >= high or len(made) != (high - low) * scale * DIGEST_SIZE:
            return
        made = _merged(made, scale)
        for index in range(low, high):
            at = (index - low) * DIGEST_SIZE
            if made[at : at + DIGEST_SIZE] == outline.value(index):
                yield index


class Stretches:
    """The stretches of the packs of one push."""

    def __init__(self, found: Iterable[Stretch] = ()) -> None:
        self._found = {(each.start, each.first): each for each in found}

    def __bool__(self) -> bool:
        return bool(self._found)

    def shown(self, chunks: Iterator[Chunk], outline: Outline) -> set[int]:
        """Return the groups of a file that were hashed while packs passed, and have the outline's values.

        Args:
            chunks: Of the file, as its recipe lists them.
            outline: Of the file; whether it is true is the caller's to know.
        """
        groups: set[int] = set()
        under_way: Stretch | None = None
        pieces: Pieces = iter(())
        stop = 0
        starts = frozenset(start for start, _ in self._found)
        for start, length, digest in chunks:
            if under_way is not None and next(pieces, None) != (digest, length):
                groups.update(under_way.shown(stop, outline))
                under_way = None
            if under_way is None and start in starts:
                under_way = self._found.get((start, digest))
                pieces = under_way.load() if under_way is not None else iter(())
                if under_way is not None and next(pieces, None) != (digest, length):
                    under_way = None
            stop = start + length
        if under_way is not None:
            groups.update(under_way.shown(stop, outline))
        return groups


NONE = Stretches()


def stretch_of(backend: Backend, name: Digest, table: Table, start: int, values: bytes) -> Stretch:
    """Return the stretch of a pack that has come, not an empty one; its table is read again when needed."""
    row = min(range(len(table.kinds)), key=table.offsets.__getitem__)
    return Stretch(start, table.frame(row).digest, values, partial(_in_order, backend, name))


def _in_order(backend: Backend, name: Digest) -> Pieces:
    table = read_contents(backend, name)
    for row in sorted(range(len(table.kinds)), key=table.offsets.__getitem__):
        yield Digest(table.digests[row * DIGEST_SIZE : (row + 1) * DIGEST_SIZE]), table.raw[row]


def _up(offset: int, size: int) -> int:
    """Return how many pieces of `size` bytes it takes to reach an offset."""
    return -(-offset // size)


def _merged(values: bytes, count: int) -> bytes:
    """Return the values of so many groups together, a power of two."""
    while count > 1 and values:
        values, count = merge_values(values), count // 2
    return values
