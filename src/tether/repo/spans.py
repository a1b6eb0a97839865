"""Objects that lie near each other in a pack, to be read together."""

from collections.abc import Iterator, Sequence

from tether.repo.frames import FRAME_SIZE
from tether.repo.packindex import Place

_GAP = 64 << 10
_SPAN = 4 << 20
_SPAN_RAW = 16 << 20
"""Bytes of objects in one batch, however small they are stored."""


def spans_of(places: Sequence[Place]) -> Iterator[Sequence[Place]]:
    """Group neighbours in one pack whose gaps are small, up to a bounded length."""
    begin = raw = 0
    for i in range(1, len(places) + 1):
        raw += places[i - 1].frame.raw
        if i == len(places) or raw > _SPAN_RAW or not _near(places[begin], places[i - 1], places[i]):
            yield places[begin:i]
            begin, raw = i, 0


def _near(first: Place, before: Place, place: Place) -> bool:
    frame = place.frame
    gap = frame.offset - (before.frame.offset + FRAME_SIZE + before.frame.stored)
    span = frame.offset + FRAME_SIZE + frame.stored - first.frame.offset
    return place.pack == first.pack and 0 <= gap <= _GAP and span <= _SPAN
