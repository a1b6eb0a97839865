"""Which column each line of history takes beside a log: the same for letters on a terminal and for a drawing.

A column waits for one commit. Commits come children first.
"""

from collections.abc import Iterable, Sequence
from typing import Generic, NamedTuple, TypeVar

Key = TypeVar("Key")


class Step(NamedTuple):
    """One commit and the lines that leave its row downwards."""

    at: int
    """The column of the commit."""
    above: bool
    """Something above waited for it: a line comes in from there."""
    through: list[int]
    """The columns whose lines pass it or reach it from above."""
    lines: list[tuple[int, int]]
    """Column on this row and column on the next one, for each line that goes on."""


class Lanes(Generic[Key]):
    """The columns and the commits for which they wait.

    Args:
        waiting: Commits that are waited for from the start, such as those at which a page ends.
    """

    def __init__(self, waiting: Iterable[Key] = ()) -> None:
        self.columns: list[Key] = list(dict.fromkeys(waiting))

    def step(self, commit: Key, parents: Sequence[Key]) -> Step:
        """Place a commit, let its column go on with its parents, and say how the lines run."""
        above = commit in self.columns
        through = list(range(len(self.columns)))
        at = self.place(commit)
        before = list(self.columns)
        if not parents:
            self.end(at)
        else:
            first, *others = parents
            self.follow(at, first)
            for other in others:
                self.branch(self.columns.index(first), other)
        place = {key: column for column, key in enumerate(self.columns)}
        passing = [(column, place[key]) for column, key in enumerate(before) if column != at]
        own = [(at, place[parent]) for parent in dict.fromkeys(parents)]
        return Step(at, above, through, passing + own)

    def place(self, commit: Key) -> int:
        """Return the column that waits for a commit; a new one at the right where none does."""
        if commit not in self.columns:
            self.columns.append(commit)
        return self.columns.index(commit)

    def end(self, at: int) -> None:
        """Stop a line; those to the right move over."""
        del self.columns[at]

    def follow(self, at: int, parent: Key) -> tuple[int, int] | None:
        """Let a column wait for the first parent of its commit.

        Returns:
            Where another column waits for it already: the one that stays, the left one, and the one that
            runs into it and is gone.
        """
        if parent not in self.columns:
            self.columns[at] = parent
            return None
        other = self.columns.index(parent)
        self.columns[at] = parent
        stays, goes = min(at, other), max(at, other)
        del self.columns[goes]
        return stays, goes

    def branch(self, at: int, parent: Key) -> int | None:
        """Lead a second line from a column to the one that waits for a parent.

        Returns:
            That column, which may be `at` itself; None where one was opened beside `at`.
        """
        if parent in self.columns:
            return self.columns.index(parent)
        self.columns.insert(at + 1, parent)
        return None
