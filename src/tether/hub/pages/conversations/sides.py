"""The texts of a conflict beside each other: what each side changed, and what both changes together give."""

from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

from tether.core.sequence import changes
from tether.core.textdiff import split_lines
from tether.core.textmerge import Edited, merge_edited

OURS, THEIRS = "This branch", "Target"
"""What the sides are called, on the page and behind the marks of a text that is to be decided."""
LINES = 20_000
"""Lines of all versions of all paths that one page compares; further texts are shown as they are."""
STEPS = 2_000_000
"""Steps that all comparisons of one page share where texts are difficult (see `match`): about a second."""
_AROUND = 3
_MARKS = (f"<<<<<<< {OURS}", "=======", f">>>>>>> {THEIRS}")


class Line(NamedTuple):
    """A line of a text, or some that are left out.

    Attributes:
        text: With its end.
        differs: Whether it is not as it was before, or not as a side has it.
        skipped: How many lines stand here, of which none is shown; 0 for a line.
    """

    text: str
    differs: bool = False
    skipped: int = 0


class Compared(NamedTuple):
    """The versions of a path as they are shown beside each other.

    Attributes:
        ours: The lines of the branch, those that differ from the base marked; empty where it has no text.
        base: What was there before, and which lines of it a side has no more.
        theirs: The lines of the target.
        merged: The text with the changes of both sides, with marks around the lines that are to be decided;
            None unless both have a text.
    """

    ours: list[Line]
    base: list[Line]
    theirs: list[Line]
    merged: str | None


def lines_in(*texts: str | None) -> int:
    """Return how many lines there are in texts."""
    return sum(text.count("\n") + 1 for text in texts if text is not None)


def compare(ours: str | None, base: str | None, theirs: str | None, steps: int) -> Compared:
    """Return what two sides changed; each is compared with the base once.

    Args:
        ours: The text of the branch; None where it has none.
        base: The text before; None counts as an empty one.
        theirs: The text of the target.
        steps: What each of the two comparisons may take, see `match`.
    """
    before = split_lines((base or "").encode())
    sides = [None if text is None else _edited(before, text, steps) for text in (ours, theirs)]
    known = [side for side in sides if side is not None]
    shown = [
        [] if side is None else _near(side.lines, [(each.new_start, each.new_end) for each in side.changes])
        for side in sides
    ]
    gone = _near(before, [(each.old_start, each.old_end) for side in known for each in side.changes])
    merged = None
    if len(known) == len(sides):
        merged = merge_edited(before, known[0], known[1], (OURS, THEIRS)).data.decode()
    return Compared(shown[0], gone, shown[1], merged)


def uncompared(ours: str | None, base: str | None, theirs: str | None) -> Compared:
    """Return the texts whole, where there are too many lines to compare."""
    before, *sides = ([Line(text)] if text else [] for text in (base, ours, theirs))
    return Compared(sides[0], before, sides[1], None)


def is_undecided(text: str, ours: str = "", base: str = "", theirs: str = "") -> bool:
    """Whether a mark of `Compared.merged` still stands in a text.

    Lines that look like one may be of the text itself, as `=======` below a heading. So one
    is a mark where there are more of it than a side has, and than there are with what both sides changed.
    """
    found, left, before, right = (_marks_in(each) for each in (text, ours, base, theirs))
    return any(
        found[mark] > max(left[mark], right[mark], left[mark] + right[mark] - before[mark]) for mark in _MARKS
    )


def _marks_in(text: str) -> Counter[str]:
    return Counter(line for each in text.split("\n") if (line := each.strip()) in _MARKS)


def _edited(base: list[bytes], text: str, steps: int) -> Edited:
    lines = split_lines(text.encode())
    return Edited(lines, changes(base, lines, steps))


def _near(text: Sequence[bytes], spans: list[tuple[int, int]]) -> list[Line]:
    """Return the lines of some spans with a few around each; an empty span is a place between lines."""
    lines = [line.decode() for line in text]
    differ, seen = set[int](), set[int]()
    for start, end in spans:
        differ.update(range(start, end))
        seen.update(range(max(start - _AROUND, 0), min(end + _AROUND, len(lines))))
    found, skipped = list[Line](), 0
    for at, line in enumerate([*lines, None]):
        if line is not None and at not in seen:
            skipped += 1
            continue
        if skipped:
            found.append(Line("", skipped=skipped))
            skipped = 0
        if line is not None:
            found.append(Line(line, at in differ))
    return found
