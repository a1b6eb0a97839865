"""Tables of values and lines and Parquet, read in blocks: nothing but the block is in memory."""

import codecs
import csv
import io
import re
from collections.abc import Iterator
from typing import Any, BinaryIO

import msgspec

from tether.core.digest import Buffer
from tether.errors import InvalidInput
from tether.evals.needs import arrow, needed, parquet
from tether.releases.profiles.columns import Column
from tether.releases.profiles.document import Table as ToldTable

ENDINGS = ("csv", "tsv", "jsonl", "ndjson", "parquet")
MOST_COLUMNS = 2000
_BLOCK = 4 << 20
_HEADING = 1 << 20
_ROWS, _LEAST_ROWS = 1 << 16, 16
_LONGEST_LINE = 64 << 20
_LINES = 1 << 14
_NUMBER = re.compile(r"[+-]?\d*\.?\d+(?:[eE][+-]?\d+)?\Z")
_DEEPEST = 4
"""Structures in structures whose fields become columns."""


class Table:
    """What was read of tables with columns of the same names."""

    def __init__(self) -> None:
        self.files, self.rows, self.left_out = 1, 0, 0
        self.columns: dict[str, Column] = {}

    @property
    def key(self) -> tuple[str, ...]:
        """The names of the columns, in order."""
        return tuple(sorted(self.columns))

    def column(self, name: str) -> Column:
        """Return a column, which is there from now on; in rows before it has no value.

        Raises:
            InvalidInput: There are too many.
        """
        if name not in self.columns:
            if len(self.columns) >= MOST_COLUMNS:
                raise InvalidInput("too many columns")
            self.columns[name] = Column(name)
            self.columns[name].nulls = self.rows
        return self.columns[name]

    def merge(self, other: "Table") -> None:
        """Take all that a table with the same names took."""
        self.files += other.files
        self.rows += other.rows
        self.left_out += other.left_out
        for name, column in other.columns.items():
            self.columns[name].merge(column)

    def told(self, asked: frozenset[str]) -> ToldTable:
        """Return what a profile says of it."""
        columns = tuple(each.told(asked) for each in self.columns.values())
        return ToldTable(self.files, self.rows, self.left_out, columns)


def read_table(ending: str, file: BinaryIO) -> Table:
    """Read all of a table.

    Args:
        ending: One of `ENDINGS`.
        file: A file that can be sought.

    Raises:
        InvalidInput: It is damaged; the message is of us and quotes nothing of it.
        Unsupported: A package is missing.
    """
    errors = arrow()
    try:
        if ending == "parquet":
            return _of_parquet(file)
        if ending in ("jsonl", "ndjson"):
            return _of_lines(file)
        return _of_csv(file, "\t" if ending == "tsv" else ",")
    except (errors.ArrowException, csv.Error, UnicodeError, msgspec.MsgspecError, RecursionError):
        raise InvalidInput(f"not {_TITLES[ending]} that can be read") from None
    except OSError as error:
        if error.errno is not None:  # of the disk; Arrow's for damaged files have no number
            raise
        raise InvalidInput(f"not {_TITLES[ending]} that can be read") from None


_TITLES = {
    "csv": "separated values", "tsv": "separated values", "jsonl": "lines of JSON",
    "ndjson": "lines of JSON", "parquet": "a Parquet file",
}  # fmt: skip


def _of_parquet(file: BinaryIO) -> Table:
    table = Table()
    opened = parquet().ParquetFile(file, buffer_size=1 << 20, pre_buffer=False)
    about = opened.metadata
    total = sum(about.row_group(at).total_byte_size for at in range(about.num_row_groups))
    rows = _BLOCK * 4 * about.num_rows // max(total, 1)
    for batch in opened.iter_batches(min(max(rows, _LEAST_ROWS), _ROWS), use_threads=False):
        for name, array in _flat(batch):
            table.column(name).add_arrow(array)
        table.rows += len(batch)
    if not table.columns:
        for name, array in _flat(opened.schema_arrow.empty_table()):
            table.column(name).add_arrow(array.combine_chunks())
    return table


def _flat(batch: Any, depth: int = 0, above: str = "") -> Iterator[tuple[str, Any]]:
    """Yield columns with their names; fields of structures are columns."""
    for field, array in zip(batch.schema, batch.columns, strict=True):
        name = f"{above}{field.name}"
        if (
            arrow().types.is_struct(array.type)
            and depth < _DEEPEST
            and isinstance(batch, arrow().RecordBatch)
        ):
            inner = arrow().RecordBatch.from_arrays(array.flatten(), names=[each.name for each in array.type])
            yield from _flat(inner, depth + 1, f"{name}.")
        else:
            yield name, array


def _of_csv(file: BinaryIO, delimiter: str) -> Table:
    table = Table()
    file.seek(0)
    head = file.read(_HEADING).decode("utf-8-sig", "replace")
    first = next(csv.reader(io.StringIO(head, newline=""), delimiter=delimiter), [])
    if not first:
        return table
    headed = not any(_NUMBER.match(name) for name in first)
    names = _distinct(first if headed else ["" for _ in first])
    reading = needed("pyarrow.csv")

    def unfit(_row: Any) -> str:
        table.left_out += 1
        return "skip"

    for name in names:
        table.column(name)
    file.seek(0)
    with reading.open_csv(
        _Utf8(file),
        reading.ReadOptions(
            use_threads=False, block_size=_BLOCK, column_names=names, skip_rows_after_names=int(headed)
        ),
        reading.ParseOptions(delimiter=delimiter, newlines_in_values=True, invalid_row_handler=unfit),
        reading.ConvertOptions(
            column_types=dict.fromkeys(names, arrow().string()), null_values=[], strings_can_be_null=False
        ),
    ) as opened:
        for batch in opened:
            for name, array in zip(names, batch.columns, strict=True):
                table.column(name).add_spelled(array)
            table.rows += len(batch)
    return table


class _Utf8(io.RawIOBase):
    """Reads a file on, as Arrow wants one of separated values.

    What is not UTF-8 is refused, before Arrow complains of it on the standard error, and the last line gets
    its end, without which Arrow takes a heading alone for nothing.
    """

    def __init__(self, file: BinaryIO) -> None:
        self._file, self._decoder = file, codecs.getincrementaldecoder("utf-8")()
        self._last, self._ended = b"", False

    def readable(self) -> bool:
        """Return True."""
        return True

    def readinto(self, buffer: Buffer) -> int:  # type: ignore[override]
        """Fill `buffer` and return how many bytes were read.

        Raises:
            UnicodeDecodeError: They are not UTF-8.
        """
        view = memoryview(buffer).cast("B")
        done = 0
        while done < len(view) and not self._ended:
            data = self._file.read(len(view) - done)
            self._decoder.decode(data, final=not data)
            if not data:
                self._ended = True
                data = b"" if self._last in (b"", b"\n") else b"\n"
            view[done : done + len(data)] = data
            done += len(data)
            self._last = data[-1:] or self._last
        return done


def _distinct(names: list[str]) -> list[str]:
    """Return names for columns: those without one get their number, and a second one of a name too."""
    found: dict[str, None] = {}
    for number, name in enumerate(names, 1):
        plain = name.strip() or f"column {number}"
        while plain in found:
            plain += f" ({number})"
        found[plain] = None
    return [*found]


def _of_lines(file: BinaryIO) -> Table:
    table = Table()
    decoder = msgspec.json.Decoder(dict[str, Any])
    file.seek(0)
    rows: list[dict[str, Any]] = []
    held = 0
    while line := file.readline(_LONGEST_LINE):
        if line.strip():
            rows.append(decoder.decode(line))
            held += len(line)
        if len(rows) >= _LINES or held > _BLOCK:
            _take(table, rows)
            rows, held = [], 0
    _take(table, rows)
    return table


def _take(table: Table, rows: list[dict[str, Any]]) -> None:
    there = dict.fromkeys(name for row in rows for name in row)
    for name in there:
        table.column(name).add_values([row.get(name) for row in rows])
    for name, column in table.columns.items():
        if name not in there:
            column.nulls += len(rows)
    table.rows += len(rows)
