"""Which lines two sequences share, in time that stays near linear on any input.

Patience diff first: lines that occur once on both sides are anchors when they keep their
order. Between anchors the same again; where there is no anchor, the greedy algorithm of
Myers on the lines that occur on both sides, with a cap on its depth: at the cap it keeps the
path that got furthest and starts anew from there. Every result is a common subsequence; only
how long it is may suffer from the caps.

Source: Bram Cohen, Patience Diff; E. W. Myers, An O(ND) Difference Algorithm, 1986.
"""

from bisect import bisect_left
from collections.abc import Hashable, Sequence
from typing import NamedTuple

_PATIENCE_ROUNDS = 16
STEPS = 4_000_000
"""Steps of the greedy algorithm that a comparison takes about at most: some two seconds of Python."""
_MYERS_DEPTHS = (16, 1024)


class Match(NamedTuple):
    """`length` elements from `old` on are those from `new` on."""

    old: int
    new: int
    length: int


class Change(NamedTuple):
    """The elements `old_start` to `old_end` became those from `new_start` to `new_end`."""

    old_start: int
    old_end: int
    new_start: int
    new_end: int


class _Range(NamedTuple):
    """A part of both sides that is still to be matched."""

    old_start: int
    old_end: int
    new_start: int
    new_end: int


def match(old: Sequence[Hashable], new: Sequence[Hashable], steps: int = STEPS) -> list[Match]:
    """Return the runs of elements that both sides share, in order, as long as possible each.

    Args:
        old: The one side.
        new: The other.
        steps: About how many steps difficult parts may take; with fewer, less may be found that is shared.
            Eight for each element are taken in any case.
    """
    numbers: dict[Hashable, int] = {}
    left = [numbers.setdefault(element, len(numbers)) for element in old]
    right = [numbers.setdefault(element, len(numbers)) for element in new]
    return _joined(sorted(_Matcher(left, right, steps).run()))


def changes(old: Sequence[Hashable], new: Sequence[Hashable], steps: int = STEPS) -> list[Change]:
    """Return what differs, in order; two changes never touch. `steps` as for `match`."""
    found: list[Change] = []
    old_at = new_at = 0
    for run in [*match(old, new, steps), Match(len(old), len(new), 0)]:
        if run.old > old_at or run.new > new_at:
            found.append(Change(old_at, run.old, new_at, run.new))
        old_at, new_at = run.old + run.length, run.new + run.length
    return found


def _joined(runs: list[Match]) -> list[Match]:
    joined: list[Match] = []
    for run in runs:
        last = joined[-1] if joined else None
        if last and run.old - last.old == run.new - last.new == last.length:
            joined[-1] = Match(last.old, last.new, last.length + run.length)
        else:
            joined.append(run)
    return joined


class _Matcher:
    """One comparison of two lists of numbers."""

    def __init__(self, old: list[int], new: list[int], steps: int) -> None:
        self._old = old
        self._new = new
        self._found: list[Match] = []
        total = len(old) + len(new) + 1
        self._patience_left = _PATIENCE_ROUNDS * total
        low, high = _MYERS_DEPTHS
        self._depth = max(low, min(high, steps // total))

    def run(self) -> list[Match]:
        waiting = [_Range(0, len(self._old), 0, len(self._new))]
        while waiting:
            part = self._trim(waiting.pop())
            if part.old_start == part.old_end or part.new_start == part.new_end:
                continue
            anchors = self._anchors(part)
            if anchors:
                waiting.extend(self._between(part, anchors))
            else:
                self._without_anchors(part)
        return self._found

    def _trim(self, part: _Range) -> _Range:
        """Take the common elements at the start and at the end."""
        old, new = self._old, self._new
        old_start, old_end, new_start, new_end = part
        while old_start < old_end and new_start < new_end and old[old_start] == new[new_start]:
            old_start += 1
            new_start += 1
        if old_start > part.old_start:
            self._found.append(Match(part.old_start, part.new_start, old_start - part.old_start))
        while old_start < old_end and new_start < new_end and old[old_end - 1] == new[new_end - 1]:
            old_end -= 1
            new_end -= 1
        if old_end < part.old_end:
            self._found.append(Match(old_end, new_end, part.old_end - old_end))
        return _Range(old_start, old_end, new_start, new_end)

    def _anchors(self, part: _Range) -> list[tuple[int, int]]:
        """Return places of elements that are unique on both sides and in the same order."""
        self._patience_left -= part.old_end - part.old_start + part.new_end - part.new_start
        if self._patience_left < 0:
            return []
        in_new = _unique(self._new, part.new_start, part.new_end)
        in_old = _unique(self._old, part.old_start, part.old_end)
        pairs = [
            (old_at, new_at) for value, old_at in in_old.items() if (new_at := in_new.get(value)) is not None
        ]
        return _longest_rising(pairs)

    def _between(self, part: _Range, anchors: list[tuple[int, int]]) -> list[_Range]:
        parts: list[_Range] = []
        old_at, new_at = part.old_start, part.new_start
        for old_anchor, new_anchor in anchors:
            if old_at < old_anchor and new_at < new_anchor:
                parts.append(_Range(old_at, old_anchor, new_at, new_anchor))
            self._found.append(Match(old_anchor, new_anchor, 1))
            old_at, new_at = old_anchor + 1, new_anchor + 1
        parts.append(_Range(old_at, part.old_end, new_at, part.new_end))
        return parts

    def _without_anchors(self, part: _Range) -> None:
        """Match what occurs on both sides; the rest cannot be matched and only costs time."""
        old_values = set(self._old[part.old_start : part.old_end])
        shared = old_values.intersection(self._new[part.new_start : part.new_end])
        if not shared:
            return
        old_places = [at for at in range(part.old_start, part.old_end) if self._old[at] in shared]
        new_places = [at for at in range(part.new_start, part.new_end) if self._new[at] in shared]
        left = [self._old[at] for at in old_places]
        right = [self._new[at] for at in new_places]
        for run in _myers(left, right, self._depth):
            for step in range(run.length):
                self._found.append(Match(old_places[run.old + step], new_places[run.new + step], 1))


def _unique(values: list[int], start: int, end: int) -> dict[int, int]:
    """Return where each value is that occurs once from `start` to `end`, in order."""
    places: dict[int, int] = {}
    again: set[int] = set()
    for at in range(start, end):
        value = values[at]
        if value in places:
            again.add(value)
        else:
            places[value] = at
    for value in again:
        del places[value]
    return places


def _longest_rising(pairs: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Return a longest part of `pairs`, which rise in the first place, that rises in the second too."""
    tops: list[int] = []
    at_top: list[int] = []
    before: list[int] = []
    for index, (_, new_at) in enumerate(pairs):
        pile = bisect_left(tops, new_at)
        before.append(at_top[pile - 1] if pile else -1)
        if pile == len(tops):
            tops.append(new_at)
            at_top.append(index)
        else:
            tops[pile] = new_at
            at_top[pile] = index
    rising: list[tuple[int, int]] = []
    index = at_top[-1] if at_top else -1
    while index >= 0:
        rising.append(pairs[index])
        index = before[index]
    return rising[::-1]


def _myers(old: list[int], new: list[int], depth: int) -> list[Match]:
    found: list[Match] = []
    old_at = new_at = 0
    while old_at < len(old) and new_at < len(new):
        path = _Path(old, new, old_at, new_at)
        old_at, new_at = path.extend(depth)
        found.extend(path.matches(old_at, new_at))
    return found


class _Path:
    """The furthest reaching paths from one point; places count from that point."""

    def __init__(self, old: list[int], new: list[int], old_start: int, new_start: int) -> None:
        self._old, self._old_start = old, old_start
        self._new, self._new_start = new, new_start
        self._history: list[dict[int, int]] = []

    def extend(self, depth: int) -> tuple[int, int]:
        """Go to the end, or to the best point that `depth` edits reach; return where that is."""
        width, height = len(self._old) - self._old_start, len(self._new) - self._new_start
        reach: dict[int, int] = {}
        for edits in range(depth + 1):
            lowest, highest = 2 * max(0, edits - height) - edits, edits - 2 * max(0, edits - width)
            reach = {
                diagonal: self._slide(self._step(edits, diagonal)[0], diagonal)
                for diagonal in range(lowest, highest + 1, 2)
            }
            self._history.append(reach)
            if reach.get(width - height) == width:
                return len(self._old), len(self._new)
        inside = [(x, x - k) for k, x in reach.items() if x <= width and 0 <= x - k <= height]
        x, y = max(inside, key=sum)
        return self._old_start + x, self._new_start + y

    def _slide(self, x: int, diagonal: int) -> int:
        """Follow equal elements from `x` on."""
        old, new = self._old, self._new
        old_at = self._old_start + x
        new_at = self._new_start + x - diagonal
        while old_at < len(old) and new_at < len(new) and old[old_at] == new[new_at]:
            old_at += 1
            new_at += 1
        return old_at - self._old_start

    def matches(self, old_end: int, new_end: int) -> list[Match]:
        """Return the matches on the path to this point, which `extend` has returned."""
        found: list[Match] = []
        x, y = old_end - self._old_start, new_end - self._new_start
        for edits in range(len(self._history) - 1, -1, -1):
            diagonal = x - y
            start, came_from = self._step(edits, diagonal)
            if x > start:
                run = Match(self._old_start + start, self._new_start + start - diagonal, x - start)
                found.append(run)
            if edits:
                x = self._history[edits - 1][came_from]
                y = x - came_from
        return found

    def _step(self, edits: int, diagonal: int) -> tuple[int, int]:
        """Return where edit number `edits` arrives on `diagonal`, and the diagonal it comes from."""
        if edits == 0:
            return 0, 0
        reach = self._history[edits - 1]
        above, below = reach.get(diagonal + 1, -1), reach.get(diagonal - 1, -2) + 1
        return (above, diagonal + 1) if above >= below else (below, diagonal - 1)
