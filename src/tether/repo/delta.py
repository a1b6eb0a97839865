"""What two contents of several chunks have in common at the same places, by their recipes alone."""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator
from functools import partial
from itertools import accumulate
from typing import NamedTuple

from tether.core.digest import DIGEST_SIZE, Digest
from tether.core.recipe import ChunkList
from tether.core.tree import split_digests


class Chunk(NamedTuple):
    """One chunk of a content."""

    start: int
    """Where in the content it begins, in bytes."""
    length: int
    digest: Digest

    @property
    def stop(self) -> int:
        """Where in the content it ends."""
        return self.start + self.length


Pages = Iterator[tuple[int, ChunkList]]
"""The chunks of a content in order, many at a time, each with where they begin in bytes."""

_chunk = partial(tuple.__new__, Chunk)
"""Makes a chunk of three values without a call of a Python function."""


def list_chunks(start: int, chunks: ChunkList) -> Iterable[Chunk]:
    """Return chunks that begin at an offset of their content, in order; they can be taken once."""
    starts = accumulate(chunks.lengths, initial=start)
    return map(_chunk, zip(starts, chunks.lengths, split_digests(chunks.digests), strict=False))


class Span(NamedTuple):
    """Bytes of a content, from an offset up to another."""

    start: int
    stop: int


def same_spans(new: Pages, old: Pages) -> Iterator[Span]:
    """Yield where two contents have the same chunks at the same offsets; neighbours are one span.

    A page of each is in memory, however large the contents are, and chunks that are alike are compared many
    at a time.
    """
    start = stop = 0
    one, other = _Rows(new), _Rows(old)
    while one.load() and other.load():
        begin = one.starts[one.row]
        if begin != other.starts[other.row]:
            one.skip_to(other.starts[other.row])
            other.skip_to(begin)
            continue
        count = _alike(one, other)
        if count:
            if begin != stop:
                if stop > start:
                    yield Span(start, stop)
                start = begin
            stop = one.starts[one.row + count]
        one.row += count or 1
        other.row += count or 1
    if stop > start:
        yield Span(start, stop)


class _Rows:
    """The chunks of a content as they are gone through."""

    def __init__(self, pages: Pages) -> None:
        self._pages = pages
        self._chunks = ChunkList(b"", ())
        self.row = 0
        self.starts: list[int] = [0]
        """Where each chunk of the page begins, and where the last one ends, in bytes."""

    def load(self) -> bool:
        """Go on to the next page where this one is done; say whether there is a chunk."""
        while self.row >= len(self.starts) - 1:
            page = next(self._pages, None)
            if page is None:
                return False
            self._chunks, self.row = page[1], 0
            self.starts = list(accumulate(self._chunks.lengths, initial=page[0]))
        return True

    def skip_to(self, start: int) -> None:
        """Go on to the first chunk of this page that does not begin before an offset."""
        self.row = bisect_left(self.starts, start, lo=self.row)

    def part(self, first: int, last: int) -> ChunkList:
        """Return neighbouring chunks, counted from the one that is gone to."""
        return _rows(self._chunks, slice(self.row + first, self.row + last))


def _alike(one: _Rows, other: _Rows) -> int:
    """Return how many chunks that follow are the same in both pages."""
    most = min(len(one.starts) - 1 - one.row, len(other.starts) - 1 - other.row)
    done, step = 0, 1
    while done < most:
        end = min(done + step, most)
        if one.part(done, end) == other.part(done, end):
            done, step = end, 2 * step
        elif step == 1:
            break
        else:
            step = max((end - done) // 2, 1)
    return done


def between(spans: Iterator[Span], size: int) -> Iterator[Span]:
    """Yield what is left of a content of `size` bytes beside some spans of it, which come in order."""
    at = 0
    for start, stop in spans:
        if start > at:
            yield Span(at, start)
        at = stop
    if at < size:
        yield Span(at, size)


def covering(pages: Pages, spans: Iterator[Span]) -> Iterator[tuple[Span, list[Chunk]]]:
    """Yield spans in order, which do not overlap, each with the chunks that it touches."""
    starts: list[int] = [0]
    chunks = ChunkList(b"", ())
    for span in spans:
        touched: list[Chunk] = []
        while True:
            if starts[-1] > span.start:
                first = max(bisect_right(starts, span.start) - 1, 0)
                rows = slice(first, bisect_left(starts, span.stop, hi=len(starts) - 1))
                touched += list_chunks(starts[first], _rows(chunks, rows))
            if starts[-1] >= span.stop or (page := next(pages, None)) is None:
                break
            chunks = page[1]
            starts = list(accumulate(chunks.lengths, initial=page[0]))
        yield span, touched


def _rows(chunks: ChunkList, rows: slice) -> ChunkList:
    digests = chunks.digests[rows.start * DIGEST_SIZE : rows.stop * DIGEST_SIZE]
    return ChunkList(digests, chunks.lengths[rows])
