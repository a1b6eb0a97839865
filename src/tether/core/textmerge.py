"""Three-way merge of texts, line by line, on any bytes.

Changes of the two sides that overlap or touch are one region; when both made it the same,
or only one changed anything there, it is clean. The rest is a conflict between markers as Git
writes them.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from tether.core.sequence import Change, changes
from tether.core.textdiff import split_lines
from tether.errors import InvalidInput

MERGE_LIMIT = 64 << 20


class TextMerge(NamedTuple):
    """The merged text and how many conflicts stand in it between markers."""

    data: bytes
    conflicts: int


class Edited(NamedTuple):
    """The lines of a side, and what differs in them from those of the base."""

    lines: Sequence[bytes]
    changes: Sequence[Change]


class _Region(NamedTuple):
    """Lines of the base from `start` to `end`, and what each side made of them."""

    start: int
    end: int
    ours: list[bytes]
    theirs: list[bytes]


class _Side:
    """One side's lines, its changes against the base, and a place among them."""

    def __init__(self, edited: Edited) -> None:
        self._lines, self._changes = edited
        self._at = 0
        self._shift = 0

    def next(self) -> Change | None:
        return self._changes[self._at] if self._at < len(self._changes) else None

    def skip(self) -> None:
        change = self._changes[self._at]
        self._shift = change.new_end - change.old_end
        self._at += 1

    def text(self, start: int, end: int, shift: int) -> list[bytes]:
        """Return this side's lines for the base's from `start` to `end`.

        Both ends lie outside of changes; `shift` is the one before the region, and the current
        one holds after it.
        """
        return list(self._lines[start + shift : end + self._shift])

    @property
    def shift(self) -> int:
        """How many lines more this side has than the base, up to this place."""
        return self._shift


def merge_text(
    base: bytes,
    ours: bytes,
    theirs: bytes,
    labels: tuple[str, str] | None = ("ours", "theirs"),
    limit: int = MERGE_LIMIT,
) -> TextMerge:
    """Return the text that holds the changes of both sides.

    Args:
        base: The text both sides began with; empty when there was none.
        ours: Our text.
        theirs: Their text.
        labels: What stands after the markers; with None there are none, and where both sides changed the
            same lines those of both are kept, ours first.
        limit: Bytes that the three texts may have together.

    Raises:
        InvalidInput: The texts are larger than `limit`.
    """
    size = len(base) + len(ours) + len(theirs)
    if size > limit:
        raise InvalidInput(f"texts of {size} bytes are too large to merge by line, the limit is {limit}")
    if theirs in (ours, base):
        return TextMerge(ours, 0)
    if base == ours:
        return TextMerge(theirs, 0)
    lines = split_lines(base)
    sides = [Edited(each, changes(lines, each)) for each in (split_lines(ours), split_lines(theirs))]
    return merge_edited(lines, sides[0], sides[1], labels)


def merge_edited(
    base: Sequence[bytes], ours: Edited, theirs: Edited, labels: tuple[str, str] | None = ("ours", "theirs")
) -> TextMerge:
    """Return what `merge_text` does, of sides whose changes against the lines of the base are known."""
    merged: list[bytes] = []
    conflicts = at = 0
    line_end = _line_end(ours.lines, theirs.lines)
    for region in _regions(ours, theirs):
        merged += base[at : region.start]
        clean = _clean(region, list(base[region.start : region.end]))
        if clean is None and labels is None:
            clean = _union(region, line_end)
        elif clean is None and labels is not None:
            conflicts += 1
            clean = _conflict(region, labels, line_end)
        merged += clean or []
        at = region.end
    return TextMerge(b"".join([*merged, *base[at:]]), conflicts)


def _regions(ours: Edited, theirs: Edited) -> Iterator[_Region]:
    """Yield where at least one side changed the base, widest ranges of changes that overlap or touch."""
    sides = (_Side(ours), _Side(theirs))
    while True:
        waiting = [change for side in sides if (change := side.next()) is not None]
        if not waiting:
            return
        start = end = min(change.old_start for change in waiting)
        shifts = [side.shift for side in sides]
        grew = True
        while grew:
            grew = False
            for side in sides:
                change = side.next()
                if change is not None and change.old_start <= end:
                    end = max(end, change.old_end)
                    side.skip()
                    grew = True
        ours_here, theirs_here = (
            side.text(start, end, shift) for side, shift in zip(sides, shifts, strict=True)
        )
        yield _Region(start, end, ours_here, theirs_here)


def _clean(region: _Region, base: list[bytes]) -> list[bytes] | None:
    if region.ours in (region.theirs, base):
        return region.theirs
    return region.ours if region.theirs == base else None


def _union(region: _Region, line_end: bytes) -> list[bytes]:
    """Return our lines and then those of theirs that are not among them."""
    ours = list(region.ours)
    if ours and not ours[-1].endswith(b"\n"):
        ours[-1] += line_end
    known = set(ours)
    return [*ours, *(line for line in region.theirs if line not in known)]


def _conflict(region: _Region, labels: tuple[str, str], line_end: bytes) -> list[bytes]:
    """Write both sides between markers; what they have in common at the ends stands outside."""
    ours, theirs = region.ours, region.theirs
    shortest = min(len(ours), len(theirs))
    head = 0
    while head < shortest and ours[head] == theirs[head]:
        head += 1
    tail = 0
    while tail < shortest - head and ours[-1 - tail] == theirs[-1 - tail]:
        tail += 1
    our_label, their_label = (label.encode("utf-8", "surrogateescape") for label in labels)
    return [
        *ours[:head],
        b"<<<<<<< " + our_label + line_end,
        *_ended(ours[head : len(ours) - tail], line_end),
        b"=======" + line_end,
        *_ended(theirs[head : len(theirs) - tail], line_end),
        b">>>>>>> " + their_label + line_end,
        *ours[len(ours) - tail :],
    ]


def _ended(lines: list[bytes], line_end: bytes) -> list[bytes]:
    """A marker begins on a line of its own, so the last line before it gets its end."""
    if lines and not lines[-1].endswith(b"\n"):
        return [*lines[:-1], lines[-1] + line_end]
    return lines


def _line_end(*texts: Sequence[bytes]) -> bytes:
    r"""Return `\r\n` when the first line that has an end ends so."""
    for lines in texts:
        if lines and lines[0].endswith(b"\n"):
            return b"\r\n" if lines[0].endswith(b"\r\n") else b"\n"
    return b"\n"
