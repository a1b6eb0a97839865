"""Draws history beside the log: one column a line of history, as `git log --graph` does."""

from collections.abc import Sequence
from typing import Generic, TypeVar

Key = TypeVar("Key")


class Graph(Generic[Key]):
    """Turns commits, children first, into rows of characters.

    Each column waits for one commit. A row takes two characters a column: the line itself, and the
    way to the next column.
    """

    def __init__(self) -> None:
        self._columns: list[Key] = []

    def rows(self, commit: Key, parents: Sequence[Key]) -> list[str]:
        """Return the rows of one commit: first that with the `*`, then those that bend lines."""
        if commit not in self._columns:
            self._columns.append(commit)
        at = self._columns.index(commit)
        rows = ["".join("* " if column == at else "| " for column in range(len(self._columns)))]
        if not parents:
            return rows + self._end(at)
        first, *others = parents
        bends = self._continue(at, first)
        for other in others:
            bends += self._branch(self._columns.index(first), other)
        return rows + bends

    def padding(self) -> str:
        """Return a row in which every line goes on."""
        return "| " * len(self._columns)

    def _end(self, at: int) -> list[str]:
        """Stop a line; those to the right move over."""
        del self._columns[at]
        if at == len(self._columns):
            return []
        return ["| " * at + " /" * (len(self._columns) - at)]

    def _continue(self, at: int, parent: Key) -> list[str]:
        """Let the line of a commit wait for its first parent, or run into the line that waits for it."""
        if parent not in self._columns:
            self._columns[at] = parent
            return []
        other = self._columns.index(parent)
        self._columns[at] = parent
        return self._join(min(at, other), max(at, other))

    def _join(self, target: int, source: int) -> list[str]:
        """Lead the line in column `source` into the one further left."""
        total = len(self._columns)
        right = total - source - 1
        del self._columns[source]
        far = source - target
        if far == 1:
            return ["| " * target + "|/" + " /" * right]
        # The line leaves its column, passes under those between and arrives beside its target.
        first = "| " * (target + 1) + "|_" * (far - 2) + "|/" + " /" * right
        last = "| " * target + "|/" + "| " * (total - target - 2)
        return [first, last]

    def _branch(self, at: int, parent: Key) -> list[str]:
        """Lead a second line from column `at` to the one that waits for `parent`, or a new one beside it."""
        total = len(self._columns)
        if parent not in self._columns:
            self._columns.insert(at + 1, parent)
            return ["| " * at + "|\\" + " \\" * (total - at - 1)]
        other = self._columns.index(parent)
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
