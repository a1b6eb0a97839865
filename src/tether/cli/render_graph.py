"""Draws history beside the log: one column a line of history, as `git log --graph` does."""

from collections.abc import Sequence
from typing import Generic, TypeVar

from tether.core.lanes import Lanes

Key = TypeVar("Key")


class Graph(Generic[Key]):
    """Turns commits, children first, into rows of characters.

    A row takes two characters a column: the line itself, and the way to the next column.
    """

    def __init__(self) -> None:
        self._lanes = Lanes[Key]()

    def rows(self, commit: Key, parents: Sequence[Key]) -> list[str]:
        """Return the rows of one commit: first that with the `*`, then those that bend lines."""
        lanes = self._lanes
        at = lanes.place(commit)
        rows = ["".join("* " if column == at else "| " for column in range(len(lanes.columns)))]
        if not parents:
            return rows + self._end(at)
        first, *others = parents
        bends = self._continue(at, first)
        for other in others:
            bends += self._branch(lanes.columns.index(first), other)
        return rows + bends

    def padding(self) -> str:
        """Return a row in which every line goes on."""
        return "| " * len(self._lanes.columns)

    def _end(self, at: int) -> list[str]:
        """Stop a line; those to the right move over."""
        self._lanes.end(at)
        right = len(self._lanes.columns) - at
        return ["| " * at + " /" * right] if right else []

    def _continue(self, at: int, parent: Key) -> list[str]:
        """Let the line of a commit wait for its first parent, or run into the line that waits for it."""
        total = len(self._lanes.columns)
        joined = self._lanes.follow(at, parent)
        return [] if joined is None else self._join(*joined, total)

    def _join(self, target: int, source: int, total: int) -> list[str]:
        """Lead the line in column `source` into the one further left."""
        right = total - source - 1
        far = source - target
        if far == 1:
            return ["| " * target + "|/" + " /" * right]
        # The line leaves its column, passes under those between and arrives beside its target.
        first = "| " * (target + 1) + "|_" * (far - 2) + "|/" + " /" * right
        last = "| " * target + "|/" + "| " * (total - target - 2)
        return [first, last]

    def _branch(self, at: int, parent: Key) -> list[str]:
        """Lead a second line from column `at` to the one that waits for `parent`, or a new one beside it."""
        total = len(self._lanes.columns)
        other = self._lanes.branch(at, parent)
        if other is None:
            return ["| " * at + "|\\" + " \\" * (total - at - 1)]
        if other == at:
            return []
        left, right = min(at, other), max(at, other)
        if right - left == 1:
            return ["| " * left + ("|\\" if at < other else "|/") + "| " * (total - right) + ""]
        if at < other:
            first = "| " * left + "|\\" + "| " * (total - left - 1)
            last = "| " * (left + 1) + "|_" * (right - left - 2) + "|\\" + "| " * (total - right)
        else:
            first = "| " * (left + 1) + "|_" * (right - left - 2) + "|/" + "| " * (total - right)
            last = "| " * left + "|/" + "| " * (total - left - 1)
        return [first, last]


def beside(rows: list[str], texts: Sequence[str], padding: str) -> list[str]:
    """Return rows and lines of text side by side; the shorter of the two goes on empty."""
    width = max(len(row) for row in (*rows, padding))
    count = max(len(rows), len(texts))
    lefts = [*rows, *[padding] * (count - len(rows))]
    rights = [*texts, *[""] * (count - len(texts))]
    return [f"{left:<{width}}{right}".rstrip() for left, right in zip(lefts, rights, strict=True)]
