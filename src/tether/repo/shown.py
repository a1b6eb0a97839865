"""Which groups of a file were hashed while its packs passed, by a recipe that lists their chunks just so."""

from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import partial
from itertools import accumulate, chain

from tether.core.digest import DIGEST_SIZE, Digest
from tether.core.outline import GROUP, Outline
from tether.core.recipe import ChunkList
from tether.core.tree import digest_at
from tether.repo.delta import Pages, list_chunks
from tether.repo.packs import read_contents
from tether.repo.stretches import Made, OrderHasher, Pieces, Stretch, Values, merged, up
from tether.storage.backend import Backend

_AT_ONCE = 4
"""Stretches that are followed at once: of true ones only the last chunks of each may be others' too."""

Chunks = Callable[[], Pages]
"""Returns the chunks of a file; asked twice at most."""


class Stretches:
    """The stretches of the packs of one push."""

    def __init__(self, found: Iterable[Stretch] = ()) -> None:
        self._found = {each.place: each for each in found}
        self._starts = sorted({start for start, _ in self._found})

    def __bool__(self) -> bool:
        return bool(self._found)

    def shown(self, chunks: Chunks, outline: Outline) -> set[int]:
        """Return the groups of a file that were hashed while packs passed, and have the outline's values.

        Args:
            chunks: Gives those of the file, as its recipe lists them.
            outline: Of the file; whether it is true is the caller's to know.
        """
        scale, groups = outline.group // GROUP, set[int]()
        if not scale:
            return groups
        values = sorted(each.made.values for each in self._listed(chunks))
        for first, made in _runs(values):
            low, high = up(first, scale), (first + len(made) // DIGEST_SIZE) // scale
            mine = merged(
                made[(low * scale - first) * DIGEST_SIZE : (high * scale - first) * DIGEST_SIZE], scale
            )
            if mine == outline.part(low, high):
                groups.update(range(low, high))
                continue
            for index in range(low, high):
                at = (index - low) * DIGEST_SIZE
                if mine[at : at + DIGEST_SIZE] == outline.value(index):
                    groups.add(index)
        return groups

    def _listed(self, chunks: Chunks) -> list[Stretch]:
        """Return the stretches whose chunks a file lists in a row; of others the part that it lists."""
        whole, begun = list[Stretch](), dict[tuple[int, bytes], Stretch]()
        under_way: list[_UnderWay] = []

        def follow(each: _UnderWay, page: ChunkList, row: int) -> bool:
            each.feed(page, row)
            if each.is_over and each.is_listed:
                whole.append(begun.pop(each.stretch.place))
            return not each.is_over

        for begin, page in chunks():
            under_way = [each for each in under_way if follow(each, page, 0)]
            for row, stretch in self._beginning(begin, page):
                begun[stretch.place] = stretch
                if len(under_way) < _AT_ONCE and follow(each := _UnderWay(stretch), page, row):
                    under_way.append(each)
        return [*whole, *_in_part(chunks, begun)] if begun else whole

    def _beginning(self, begin: int, chunks: ChunkList) -> Iterator[tuple[int, Stretch]]:
        """Yield the stretches whose first chunk is among these, each with its row."""
        offsets = list(accumulate(chunks.lengths, initial=begin))
        for start in self._starts[bisect_left(self._starts, begin) : bisect_left(self._starts, offsets[-1])]:
            row = bisect_left(offsets, start)
            stretch = self._found.get((start, digest_at(chunks.digests, row)))
            if offsets[row] == start and stretch is not None:
                yield row, stretch


@dataclass(slots=True)
class _UnderWay:
    """A stretch that begins in a file, and what the file lists from there on."""

    stretch: Stretch
    _hasher: OrderHasher = field(default_factory=OrderHasher)

    def feed(self, chunks: ChunkList, row: int) -> None:
        """Take chunks that follow, from a row on, as many as the stretch has."""
        end = row + self.stretch.made.order.chunks - self._hasher.count
        self._hasher.update(chunks.digests[row * DIGEST_SIZE : end * DIGEST_SIZE], chunks.lengths[row:end])

    @property
    def is_over(self) -> bool:
        """Whether as many came as it has."""
        return self._hasher.count == self.stretch.made.order.chunks

    @property
    def is_listed(self) -> bool:
        """Whether they are the same."""
        return self._hasher.order() == self.stretch.made.order


def _in_part(chunks: Chunks, begun: dict[tuple[int, bytes], Stretch]) -> Iterator[Stretch]:
    """Yield of stretches as much as a file lists of them in a row."""
    under_way: Stretch | None = None
    pieces: Pieces = iter(())
    stop = 0
    for start, length, digest in chain.from_iterable(list_chunks(*page) for page in chunks()):
        if under_way is not None and next(pieces, None) != (digest, length):
            yield under_way.up_to(stop)
            under_way = None
        if under_way is None and (found := begun.get((start, digest))) is not None:
            pieces = found.load()
            under_way = found if next(pieces, None) == (digest, length) else None
        stop = start + length
    if under_way is not None:
        yield under_way.up_to(stop)


def _runs(made: Iterable[Values]) -> Iterator[tuple[int, bytes]]:
    """Yield the values of neighbouring groups, with the number of the first; those at seams included."""
    first, run = 0, bytearray()
    before: Values | None = None
    for each in made:
        seam = before.seam(each) if before is not None else None
        if seam is None:
            if run:
                yield first, bytes(run)
            first, run = each.first, bytearray()
        else:
            run += seam
        run += each.groups
        before = each
    if run:
        yield first, bytes(run)


NONE = Stretches()


def stretch_of(backend: Backend, name: Digest, made: Made) -> Stretch:
    """Return the stretch of a pack that has come; its table is read again where it is needed."""
    return Stretch(made, partial(_in_order, backend, name))


def _in_order(backend: Backend, name: Digest) -> Pieces:
    table = read_contents(backend, name)
    for row in sorted(range(len(table.kinds)), key=table.offsets.__getitem__):
        yield digest_at(table.digests, row), table.raw[row]
