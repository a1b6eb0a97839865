"""What two contents of several chunks have in common at the same places, by their recipes alone."""

from collections.abc import Iterable, Iterator
from functools import partial
from itertools import accumulate
from typing import NamedTuple

from tether.core.digest import Digest
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


def same_spans(new: Iterator[Chunk], old: Iterator[Chunk]) -> Iterator[Span]:
    """Yield where two contents have the same chunks at the same offsets; neighbours are one span.

    Nothing but the chunk under way is kept, however large the contents are.
    """
    start = stop = 0
    before = next(old, None)
    for chunk in new:
        begin, length, _ = chunk
        while before is not None and before[0] < begin:
            before = next(old, None)
        if before != chunk:
            continue
        if begin != stop:
            if stop > start:
                yield Span(start, stop)
            start = begin
        stop = begin + length
    if stop > start:
        yield Span(start, stop)


def between(spans: Iterator[Span], size: int) -> Iterator[Span]:
    """Yield what is left of a content of `size` bytes beside some spans of it, which come in order."""
    at = 0
    for start, stop in spans:
        if start > at:
            yield Span(at, start)
        at = stop
    if at < size:
        yield Span(at, size)


def covering(chunks: Iterator[Chunk], spans: Iterator[Span]) -> Iterator[tuple[Span, list[Chunk]]]:
    """Yield spans in order, each with the chunks that it touches."""
    held: list[Chunk] = []
    for span in spans:
        held = [chunk for chunk in held if chunk.stop > span.start]
        if not held or held[-1].stop < span.stop:
            for chunk in chunks:
                stop = chunk[0] + chunk[1]
                if stop > span.start:
                    held.append(chunk)
                if stop >= span.stop:
                    break
        yield span, list(held)
