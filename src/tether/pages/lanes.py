"""Lines of history beside a log, as numbers for an SVG: a part a row, which fit at any height."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from tether.core.digest import Digest
from tether.core.lanes import Lanes

WIDTH = 14
"""Pixels of a column."""
MOST = 12
"""Columns that are drawn; lines further right run at the edge."""
_HUES = 8


@dataclass(frozen=True, slots=True)
class Drawn:
    """The lines of one row; heights are parts of a hundred.

    Attributes:
        columns: How wide it is.
        at: Where the point of the commit is, in pixels.
        hue: Its colour.
        lines: The way of each line as the `d` of a path, and its colour.
        passing: Places and colours of the lines that come in from above, for a heading over the row.
    """

    columns: int
    at: int
    hue: int
    lines: list[tuple[str, int]]
    passing: list[tuple[int, int]]

    @property
    def width(self) -> int:
        """Pixels of the whole."""
        return self.columns * WIDTH


def draw(
    commits: Iterable[tuple[Digest, Sequence[Digest]]], waiting: Iterable[Digest] = ()
) -> tuple[dict[Digest, Drawn], list[Digest]]:
    """Return the lines beside each commit, and the columns at the end.

    Args:
        commits: With their parents, children first.
        waiting: The columns at the end of the page before.
    """
    lanes = Lanes(waiting)
    steps = [(digest, lanes.step(digest, parents)) for digest, parents in commits]
    widest = max(
        (1 + max([step.at, *step.through, *(to for _, to in step.lines)]) for _, step in steps), default=1
    )
    columns = min(widest, MOST)
    found = dict[Digest, Drawn]()
    for digest, step in steps:
        lines = [
            (f"M{_x(column)} 0V50", _hue(column))
            for column in step.through
            if column != step.at or step.above
        ]
        lines += [(_way(start, end), _hue(max(start, end))) for start, end in step.lines]
        passing = [(_x(column), _hue(column)) for column in step.through]
        found[digest] = Drawn(columns, _x(step.at), _hue(step.at), lines, passing)
    return found, lanes.columns


def _way(start: int, end: int) -> str:
    left, right = _x(start), _x(end)
    return f"M{left} 50V100" if left == right else f"M{left} 50C{left} 80 {right} 70 {right} 100"


def _x(column: int) -> int:
    return min(column, MOST - 1) * WIDTH + WIDTH // 2


def _hue(column: int) -> int:
    return column % _HUES
