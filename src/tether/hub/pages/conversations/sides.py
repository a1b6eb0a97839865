"""The texts of a conflict beside each other: what each side changed, and what both changes together give."""

from typing import NamedTuple

from tether.core.sequence import Change, changes
from tether.core.textdiff import split_lines
from tether.core.textmerge import merge_text

OURS, THEIRS = "This branch", "Target"
"""What the sides are called, on the page and behind the marks of a text that is to be decided."""
_AROUND = 3
_MARKS = (f"<<<<<<< {OURS}", f">>>>>>> {THEIRS}")


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


def changed_lines(base: str, text: str) -> list[Line]:
    """Return the lines of a text as they are shown beside what it was before."""
    return _near(text, [(each.new_start, each.new_end) for each in _changes(base, text)])


def base_lines(base: str, sides: list[str]) -> list[Line]:
    """Return the lines that were there before, and which of them a side has no more."""
    return _near(base, [(each.old_start, each.old_end) for side in sides for each in _changes(base, side)])


def merged(ours: str, base: str, theirs: str) -> str:
    """Return the text with the changes of both sides, with marks around the lines that are to be decided."""
    return merge_text(base.encode(), ours.encode(), theirs.encode(), (OURS, THEIRS)).data.decode()


def is_undecided(text: str) -> bool:
    """Whether a mark of `merged` still stands in a text."""
    return any(line.rstrip("\r") in _MARKS for line in text.split("\n"))


def _changes(base: str, text: str) -> list[Change]:
    return changes(split_lines(base.encode()), split_lines(text.encode()))


def _near(text: str, spans: list[tuple[int, int]]) -> list[Line]:
    """Return the lines of some spans with a few around each; an empty span is a place between lines."""
    lines = [line.decode() for line in split_lines(text.encode())]
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
