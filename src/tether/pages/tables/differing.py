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
        key: The columns by which rows were matched; None: by all of their values.
        refused: The columns that were to be the key and are none: missing, with gaps, or not unique.
        counts: How many rows were added, removed and changed.
        rows: The first of them.
        partial: The tables are longer than what was compared.
        schema: Columns that only one has: `+` or `-` with the name.
    """

    columns: list[str]
    key: list[str] | None
    counts: dict[str, int]
    rows: list[RowChange]
    partial: bool
    schema: list[tuple[str, str]]
    refused: str | None = None


@dataclass(frozen=True, slots=True)
class _Table:
    columns: list[str]
    rows: list[tuple[Any, ...]]

    def column(self, name: str) -> list[Any]:
        at = self.columns.index(name)
        return [row[at] for row in self.rows]


def compare_tables(
    contents: ContentReader, old: tuple[Any, int], new: tuple[Any, int], form: str, wanted: Sequence[str] = ()
) -> TableDiff:
    """Return what differs between two tables of one form.

    Args:
        contents: Has both files.
        old: Digest and size of the file before.
        new: Those of the file after.
        form: As for `tether.pages.tables.engine.read_page`.
        wanted: The columns that are the key together, where somebody has said so; else one is looked for.

    Raises:
        InvalidInput: One cannot be read, or takes too long.
        Unavailable: Too many tables are being read.
    """
    before, after = _read(contents, old, form), _read(contents, new, form)
    partial = max(len(before.rows), len(after.rows)) > MOST_ROWS
    before, after = (_Table(each.columns, each.rows[:MOST_ROWS]) for each in (before, after))
    key = _named(before, after, wanted) or _key(before, after)
    columns = [*after.columns, *(name for name in before.columns if name not in after.columns)]
    changes = _changes(before, after, columns, key)
    counts = {
        kind: sum(change.kind == kind for change in changes) for kind in ("added", "removed", "changed")
    }
    schema = [("+", name) for name in after.columns if name not in before.columns]
    schema += [("-", name) for name in before.columns if name not in after.columns]
    refused = ",".join(wanted) if wanted and key != list(wanted) else None
    return TableDiff(columns, key, counts, changes[:SHOWN], partial, schema, refused)


def _read(contents: ContentReader, file: tuple[Any, int], form: str) -> _Table:
    columns, rows = read_rows(contents, file, form, MOST_ROWS + 1)
    return _Table([column.name for column in columns], rows)


def _named(before: _Table, after: _Table, wanted: Sequence[str]) -> list[str] | None:
    """Return the columns that were asked for, if they are a key."""
    names = list(wanted)
    return names if names and all(_is_key(table, names) for table in (before, after)) else None


def _key(before: _Table, after: _Table) -> list[str] | None:
    """Return the first of the usual columns that names each row of both tables, and names it once."""
    by_lower = {name.lower(): name for name in after.columns}
    found = (by_lower[word] for word in _KEYS if word in by_lower)
    return next(([name] for name in found if all(_is_key(each, [name]) for each in (before, after))), None)


def _is_key(table: _Table, names: list[str]) -> bool:
    if not set(names) <= set(table.columns):
        return False
    values = [table.column(name) for name in names]
    has_all = all(None not in column for column in values)
    return has_all and len({*_texts(values)}) == len(table.rows)


def _texts(columns: list[list[Any]]) -> list[str]:
    """Return the values of the key of each row as one text."""
    if len(columns) == 1:
        return list(map(str, columns[0]))
    return [str(tuple(map(str, values))) for values in zip(*columns, strict=True)]


def _changes(before: _Table, after: _Table, columns: list[str], key: list[str] | None) -> list[RowChange]:
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


def _by_key(table: _Table, columns: list[str], key: list[str] | None) -> dict[Any, list[Any]]:
    """Return the rows by key, or by their values and how often those came before."""
    places = [table.columns.index(name) if name in table.columns else None for name in columns]
    rows = [[None if at is None else row[at] for at in places] for row in table.rows]
    if key is not None:
        return dict(zip(_texts([table.column(name) for name in key]), rows, strict=True))
    seen: dict[str, int] = {}
    found: dict[Any, list[Any]] = {}
    for row in rows:
        text = repr(row)
        seen[text] = seen.get(text, 0) + 1
        found[text, seen[text]] = row
    return found
