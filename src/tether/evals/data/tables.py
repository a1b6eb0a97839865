"""Examples from a table: Parquet, or CSV whose types are found by looking at all of it."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from tether.errors import InvalidInput
from tether.evals.data.source import BATCH, LABEL, Batch, DataOptions, found_column, row_ids
from tether.evals.needs import arrow, compute, needed, parquet
from tether.evals.tasks import texts

SUFFIXES = (".parquet", ".csv", ".tsv")
_USUAL = (LABEL, "target", "class")
_BLOCK = 4 << 20


class TableSource:
    """Rows of a table; see `ExampleSource`.

    Args:
        path: A Parquet or CSV file.
        options: What the user says of it.

    Raises:
        InvalidInput: It cannot be read, or has no such column.
    """

    def __init__(self, path: Path, options: DataOptions) -> None:
        self._path, self._key = path, options.key
        with reading(path):
            self._types = None if path.suffix == ".parquet" else csv_types(path)
            names = (
                [*self._types] if self._types is not None else parquet().ParquetFile(path).schema_arrow.names
            )
        if len(set(names)) < len(names):
            raise InvalidInput(f"{path.name} has two columns of one name")
        self._names = [*map(str, names)]
        self.label = found_column(options.label, self._names, _USUAL, "--label")
        if options.key is not None:
            found_column(options.key, self._names, (), "--key")
        for each in options.inputs:
            found_column(each, self._names, (), "--input")
        others = (name for name in self._names if name not in (self.label, self._key))
        self.inputs = options.inputs or tuple(others)
        self.identity = f"column {self._key}" if self._key is not None else "row"
        self.feed: Mapping[str, Any] = {"kind": "columns", "columns": [*self.inputs]}
        used = {self.label, self._key, *self.inputs, *options.wanted}
        self._read = [name for name in self._names if self._key is None or name in used]

    def batches(self) -> Iterator[Batch]:
        """Yield all rows."""
        with reading(self._path):
            yield from self._parquet() if self._types is None else self._csv(self._types)

    def _parquet(self) -> Iterator[Batch]:
        for batch in parquet().ParquetFile(self._path).iter_batches(BATCH, columns=self._read):
            columns = dict(zip(batch.schema.names, batch.columns, strict=True))
            yield Batch(self._ids(columns), columns)

    def _csv(self, types: Mapping[str, Any]) -> Iterator[Batch]:
        for batch in csv_batches(self._path):
            raw = dict(zip(batch.schema.names, batch.columns, strict=True))
            yield Batch(self._ids(raw), {name: typed(raw[name], types[name]) for name in self._read})

    def _ids(self, columns: Mapping[str, Any]) -> Any:
        if self._key is None:
            return row_ids(columns, sorted(name for name in self._names if name != self.label))
        found = texts(columns[self._key])
        if found.null_count:
            raise InvalidInput(f"{found.null_count:,} rows have no {self._key}")
        return found


class reading:
    """Turns what Arrow says of a file into an error of ours."""

    def __init__(self, path: Path) -> None:
        self._name = path.name

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: object) -> None:
        if error is not None and isinstance(error, arrow().ArrowException):
            raise InvalidInput(f"{self._name} cannot be read: {str(error).splitlines()[0]}") from None


def csv_batches(path: Path) -> Iterator[Any]:
    """Yield record batches of a CSV or TSV file with all values as texts."""
    csv = needed("pyarrow.csv")
    parse = csv.ParseOptions(delimiter="\t" if path.suffix == ".tsv" else ",", newlines_in_values=True)
    read = csv.ReadOptions(block_size=_BLOCK)
    with csv.open_csv(path, read_options=read, parse_options=parse) as first:
        names = first.schema.names
    convert = csv.ConvertOptions(
        column_types=dict.fromkeys(names, arrow().string()), strings_can_be_null=False
    )
    with csv.open_csv(path, read_options=read, parse_options=parse, convert_options=convert) as rows:
        yield from rows


def csv_types(path: Path) -> dict[str, Any]:
    """Return the first type that all values of a column have: whole numbers, numbers, truth, texts."""
    pa = arrow()
    order = [pa.int64(), pa.float64(), pa.bool_(), pa.string()]
    left: dict[str, list[Any]] = {}
    for batch in csv_batches(path):
        for name, column in zip(batch.schema.names, batch.columns, strict=True):
            left[name] = [kind for kind in left.get(name, order) if _fits(column, kind)]
    return {name: kinds[0] for name, kinds in left.items()}


def _fits(column: Any, kind: Any) -> bool:
    try:
        typed(column, kind)
    except arrow().ArrowException:
        return False
    return True


def typed(column: Any, kind: Any) -> Any:
    """Return a column of texts as another type; what is empty is null there."""
    if kind == arrow().string():
        return column
    pc = compute()
    return pc.if_else(pc.equal(column, ""), None, column).cast(kind)
