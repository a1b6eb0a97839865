"""What two contents of several chunks have in common at the same places, by their recipes alone."""

from collections.abc import Iterator
from typing import NamedTuple

from tether.core.digest import Digest


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
        while before is not None and before.start < chunk.start:
            before = next(old, None)
        if before != chunk:
            continue
        if chunk.start != stop:
            if stop > start:
                yield Span(start, stop)
            start = chunk.start
        stop = chunk.stop
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
        while (not held or held[-1].stop < span.stop) and (chunk := next(chunks, None)) is not None:
            if chunk.stop > span.start:
                held.append(chunk)
        yield span, list(held)
