"""What the columns of a table hold, found by reading all of it: CSV, TSV, lines of JSON, Parquet."""

import csv
import io
import re
from collections.abc import Callable, Iterable
from typing import Any, BinaryIO, NamedTuple

import msgspec

from tether.errors import InvalidInput
from tether.releases.exports import parquet

MEDIA = {
    "csv": "text/csv",
    "tsv": "text/tab-separated-values",
    "jsonl": "application/jsonlines",
    "ndjson": "application/jsonlines",
    "parquet": "application/x-parquet",
}
"""The endings that are read, and what they stand for."""
_MOST_COLUMNS = 2000
_LONGEST_LINE = 16 << 20
_INTEGER = re.compile(r"[+-]?(?:0|[1-9]\d{0,17})\Z")
_FLOAT = re.compile(r"[+-]?(?:(?:0|[1-9]\d*)(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?\Z")
_NUMBER = re.compile(r"[+-]?\d*\.?\d+(?:[eE][+-]?\d+)?\Z")
_BOOLEANS = frozenset(("true", "false", "True", "False", "TRUE", "FALSE"))


class Column(NamedTuple):
    """One column.

    Attributes:
        kind: `integer`, `float`, `boolean`, `date` or `text`.
    """

    name: str
    kind: str


class Table(NamedTuple):
    """A table.

    Attributes:
        columns: Those that have a name and plain values.
        left_out: How many others there are.
    """

    columns: tuple[Column, ...]
    left_out: int
    rows: int


def read_table(ending: str, file: BinaryIO, size: int) -> Table | None:
    """Return what is in a table, or None where it cannot be told: no header, damage, rows of other lengths.

    Args:
        ending: A key of `MEDIA`.
        file: A file that can be sought.
        size: Of the file, in bytes.
    """
    try:
        if ending == "parquet":
            return _of_parquet(file, size)
        if ending in ("jsonl", "ndjson"):
            return _of_lines(file)
        return _of_csv(file, "\t" if ending == "tsv" else ",")
    except (InvalidInput, csv.Error, UnicodeError, msgspec.MsgspecError, RecursionError):
        return None


def _of_parquet(file: BinaryIO, size: int) -> Table | None:
    found = parquet.footer(file, size)
    return _table(parquet.columns(found), parquet.rows(found))


def _of_csv(file: BinaryIO, delimiter: str) -> Table | None:
    text = io.TextIOWrapper(file, "utf-8-sig", newline="")
    try:
        lines = csv.reader(text, delimiter=delimiter, strict=True)
        names = next(lines, [])
        if not names or len(names) > _MOST_COLUMNS or any(_NUMBER.match(name) for name in names):
            return None  # the first line is no header
        seen = [_Seen() for _ in names]
        count = 0
        for line in lines:
            if not line:
                continue
            if len(line) != len(names):
                return None
            count += 1
            for each, value in zip(seen, line, strict=True):
                each.text(value)
    finally:
        text.detach()
    return _table([(name, each.kind) for name, each in zip(names, seen, strict=True)], count)


class _Seen:
    """What the texts of one column can all be read as."""

    def __init__(self) -> None:
        self._fits: list[tuple[str, Callable[[str], object]]] = [
            ("integer", _INTEGER.match),
            ("float", _FLOAT.match),
            ("boolean", _BOOLEANS.__contains__),
        ]
        self._blank = self._any = False

    def text(self, value: str) -> None:
        """Take a value."""
        if not value:
            self._blank = True
            return
        self._any = True
        if self._fits:
            self._fits = [(name, fits) for name, fits in self._fits if fits(value)]

    @property
    def kind(self) -> str:
        """The narrowest kind; a boolean has no blanks."""
        kinds = [name for name, _ in self._fits if name != "boolean" or not self._blank]
        return kinds[0] if self._any and kinds else "text"


def _of_lines(file: BinaryIO) -> Table | None:
    kinds: dict[str, set[str]] = {}
    count = 0
    decoder = msgspec.json.Decoder(dict[str, Any])
    while line := file.readline(_LONGEST_LINE):
        if not line.strip():
            continue
        for name, value in decoder.decode(line).items():
            kinds.setdefault(name, set()).add(_KIND_OF.get(type(value), "nested"))
        if len(kinds) > _MOST_COLUMNS:
            return None
        count += 1
    return (
        _table([(name, _joined(each - {"null"})) for name, each in kinds.items()], count) if kinds else None
    )


_KIND_OF = {bool: "boolean", int: "integer", float: "float", str: "text", type(None): "null"}


def _joined(kinds: set[str]) -> str | None:
    if kinds == {"integer", "float"}:
        return "float"
    return kinds.pop() if len(kinds) == 1 and "nested" not in kinds else None


def _table(every: Iterable[tuple[str, str | None]], rows: int) -> Table | None:
    found = list(every)
    names = [name for name, _ in found]
    if len(set(names)) < len(names) or len(names) > _MOST_COLUMNS:
        return None  # two columns of one name cannot be told apart
    kept = tuple(Column(name, kind) for name, kind in found if kind is not None and name.strip())
    return Table(kept, len(found) - len(kept), rows)
