"""Which rows of two tables differ, by a key where one is clear; bounded by rows, time and memory."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from tether.pages.tables.engine import read_rows
from tether.repo.contents import ContentReader

MOST_ROWS = 20_000
"""Rows of a table that are compared on a page."""
SHOWN = 200
"""Rows that differ and are shown."""
_KEYS = ("id", "key", "uuid", "name", "path", "file", "filename", "image", "index")


@dataclass(frozen=True, slots=True)
class Cell:
    """A value before and after."""

    old: Any
    new: Any

    @property
    def differs(self) -> bool:
        """Whether they are not the same."""
        return bool(self.old != self.new)


@dataclass(frozen=True, slots=True)
class RowChange:
    """A row that was added, removed or changed, by its key."""

    kind: str
    key: Any
    cells: list[Cell]


@dataclass(frozen=True, slots=True)
class TableDiff:
    """What differs between two tables.

    Attributes:
        columns: Of both, those of the newer one first.
        key: The column by which rows were matched; None: by all of their values.
        counts: How many rows were added, removed and changed.
        rows: The first of them.
        partial: The tables are longer than what was compared.
        schema: Columns that only one has: `+` or `-` with the name.
    """

    columns: list[str]
    key: str | None
    counts: dict[str, int]
    rows: list[RowChange]
    partial: bool
    schema: list[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class _Table:
    columns: list[str]
    rows: list[tuple[Any, ...]]

    def column(self, name: str) -> list[Any]:
        at = self.columns.index(name)
        return [row[at] for row in self.rows]


def compare_tables(
    contents: ContentReader, old: tuple[Any, int], new: tuple[Any, int], form: str, keys: Sequence[str] = ()
) -> TableDiff:
    """Return what differs between two tables of one form.

    Args:
        contents: Has both files.
        old: Digest and size of the file before.
        new: Those of the file after.
        form: As for `tether.pages.tables.engine.read_page`.
        keys: Columns that may be a key, before those that are often one.

    Raises:
        InvalidInput: One cannot be read, or takes too long.
        Unavailable: Too many tables are being read.
    """
    before, after = _read(contents, old, form), _read(contents, new, form)
    partial = max(len(before.rows), len(after.rows)) > MOST_ROWS
    before, after = (_Table(each.columns, each.rows[:MOST_ROWS]) for each in (before, after))
    key = _key(before, after, [*keys, *_KEYS])
    columns = [*after.columns, *(name for name in before.columns if name not in after.columns)]
    changes = _changes(before, after, columns, key)
    counts = {
        kind: sum(change.kind == kind for change in changes) for kind in ("added", "removed", "changed")
    }
    schema = [("+", name) for name in after.columns if name not in before.columns]
    schema += [("-", name) for name in before.columns if name not in after.columns]
    return TableDiff(columns, key, counts, changes[:SHOWN], partial, schema)


def _read(contents: ContentReader, file: tuple[Any, int], form: str) -> _Table:
    columns, rows = read_rows(contents, file, form, MOST_ROWS + 1)
    return _Table([column.name for column in columns], rows)


def _key(before: _Table, after: _Table, wanted: Sequence[str]) -> str | None:
    """Return the first column that names each row of both tables, and names it once."""
    by_lower = {name.lower(): name for name in after.columns}
    for word in wanted:
        name = by_lower.get(word.lower())
        if name is None or name not in before.columns:
            continue
        columns = [table.column(name) for table in (before, after)]
        if all(None not in values and len({*map(str, values)}) == len(values) for values in columns):
            return name
    return None


def _changes(before: _Table, after: _Table, columns: list[str], key: str | None) -> list[RowChange]:
    left, right = (_by_key(table, columns, key) for table in (before, after))
    found = []
    for name, row in right.items():
        old = left.get(name)
        if old is None:
            found.append(RowChange("added", name, [Cell(None, value) for value in row]))
        elif old != row:
            found.append(RowChange("changed", name, list(map(Cell, old, row))))
    gone = [(name, row) for name, row in left.items() if name not in right]
    return found + [RowChange("removed", name, [Cell(value, None) for value in row]) for name, row in gone]


def _by_key(table: _Table, columns: list[str], key: str | None) -> dict[Any, list[Any]]:
    """Return the rows by key, or by their values and how often those came before."""
    places = [table.columns.index(name) if name in table.columns else None for name in columns]
    rows = [[None if at is None else row[at] for at in places] for row in table.rows]
    if key is not None:
        return dict(zip(map(str, table.column(key)), rows, strict=True))
    seen: dict[str, int] = {}
    found: dict[Any, list[Any]] = {}
    for row in rows:
        text = repr(row)
        seen[text] = seen.get(text, 0) + 1
        found[text, seen[text]] = row
    return found
