"""Pages of tables by DuckDB, which sees one file and nothing else, for a limited time and in limited memory.

Columns are named in quotes, values are parameters, and nobody's SQL is run. Long values are cut before they
leave the engine. A later engine for differences and merges of tables takes the place of this module.
"""

import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from threading import Event, Semaphore, Thread
from typing import TYPE_CHECKING, Any

from tether.errors import InvalidInput, TetherError, Unavailable
from tether.pages.tables.asked import PAGE, Asked
from tether.pages.tables.onefile import NAME, OneFile
from tether.pages.turns import waiting
from tether.repo.contents import ContentReader

if TYPE_CHECKING:
    import duckdb

SECONDS = 5.0
"""That a page may take; then the reader is told that the table is too large for it."""
MEMORY = "384MB"
LONGEST = 1000
"""Characters of one value."""
MOST_COLUMNS = 500
_AGAIN_S = 0.05
"""Between two interrupts of what takes too long."""
_AT_ONCE = 2
_TURNS = Semaphore(_AT_ONCE)
_LINE = 1 << 20
_PLAIN = "compression='none'"
_CSV = f"max_line_size={_LINE}, strict_mode=false, {_PLAIN}"
_CONFIG: dict[str, str | bool | int | float | list[str]] = {
    "threads": 1,
    "memory_limit": MEMORY,
    "max_temp_directory_size": "0B",
    "allow_community_extensions": "false",
    "autoinstall_known_extensions": "false",
    "autoload_known_extensions": "false",
    "python_enable_replacements": "false",
}
_SOURCES = {
    "parquet": f"read_parquet('{NAME}')",
    "csv": f"read_csv('{NAME}', {_CSV})",
    "tsv": f"read_csv('{NAME}', delim='\\t', {_CSV})",
    "jsonl": f"read_json('{NAME}', format='newline_delimited', maximum_object_size={_LINE}, {_PLAIN})",
}
_COMPARISONS = {"eq": "=", "ne": "IS DISTINCT FROM", "lt": "<", "le": "<=", "gt": ">", "ge": ">="}


@dataclass(frozen=True, slots=True)
class Column:
    """One column: its name, the type that the engine gives it, and whether its values stand to the right."""

    name: str
    type: str

    @property
    def is_number(self) -> bool:
        """Whether its values are numbers."""
        return (
            self.type.startswith(("DECIMAL", "DOUBLE", "FLOAT", "HUGEINT", "UHUGEINT"))
            or self.type in _INTEGERS
        )

    @property
    def holds_bytes(self) -> bool:
        """Whether its values are bytes, be it in a field as data sets have pictures."""
        return self.type == "BLOB" or (self.type.startswith("STRUCT") and "bytes BLOB" in self.type)

    @property
    def is_nested(self) -> bool:
        """Whether its values have parts."""
        return self.type.startswith(("STRUCT", "MAP", "UNION")) or self.type.endswith("]")


_INTEGERS = frozenset(
    {"TINYINT", "SMALLINT", "INTEGER", "BIGINT", "UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT"}
)


@dataclass(frozen=True, slots=True)
class TablePage:
    """Rows of a table.

    Attributes:
        columns: All of them, or the first `MOST_COLUMNS`.
        hidden: Columns that are left out.
        rows: At most `PAGE`; values as text or numbers, bytes as their length.
        more: There are rows behind these.
        total: Rows of the whole table, where the file says so.
    """

    columns: list[Column]
    hidden: int
    rows: list[tuple[Any, ...]]
    more: bool
    total: int | None


def read_page(contents: ContentReader, file: tuple[Any, int], form: str, asked: Asked) -> TablePage:
    """Return a page of a table.

    Args:
        contents: Has the file.
        file: Its digest and size.
        form: `parquet`, `csv`, `tsv` or `jsonl`.
        asked: Which page.

    Raises:
        InvalidInput: The file is damaged or no table, has no such column, or takes too long or too much.
        Unavailable: Too many tables are being read.
    """
    digest, size = file
    with waiting(), _connected(lambda: contents.open(digest), size) as connection:
        source = _SOURCES[form]
        described = connection.execute(f"DESCRIBE SELECT * FROM {source}").fetchall()
        columns = [Column(name, kind) for name, kind, *_ in described]
        query, values = _query(source, columns, asked)
        rows = connection.execute(query, values).fetchall()
        total = None
        if form == "parquet":
            counted = connection.execute(f"SELECT num_rows FROM parquet_file_metadata('{NAME}')").fetchone()
            total = int(counted[0]) if counted else None
    shown = columns[:MOST_COLUMNS]
    return TablePage(shown, len(columns) - len(shown), rows[:PAGE], len(rows) > PAGE, total)


def read_rows(
    contents: ContentReader, file: tuple[Any, int], form: str, most: int
) -> tuple[list[Column], list[tuple[Any, ...]]]:
    """Return the columns and the first rows of a table, as they lie; arguments and errors as for `read_page`.

    Args:
        contents: Has the file.
        file: Its digest and size.
        form: Of the file.
        most: Rows to read.
    """
    digest, size = file
    with waiting(), _connected(lambda: contents.open(digest), size) as connection:
        source = _SOURCES[form]
        described = connection.execute(f"DESCRIBE SELECT * FROM {source}").fetchall()
        columns = [Column(name, kind) for name, kind, *_ in described][:MOST_COLUMNS]
        wanted = ", ".join(f"{_value(column)} AS {_quoted(column.name)}" for column in columns)
        return columns, connection.execute(f"SELECT {wanted} FROM {source} AS t LIMIT {most}").fetchall()


def measure_columns(contents: ContentReader, file: tuple[Any, int], names: Sequence[str]) -> tuple[int, int]:
    """Return how many rows a Parquet file has, and how many bytes the values of some columns take in memory.

    Args:
        contents: Has the file.
        file: Its digest and size.
        names: The columns that count, as far as there are such.

    Raises:
        InvalidInput: The file is damaged, or takes too long or too much.
        Unavailable: Too many tables are being read.
    """
    digest, size = file
    with waiting(), _connected(lambda: contents.open(digest), size) as connection:
        source = _SOURCES["parquet"]
        described = connection.execute(f"DESCRIBE SELECT * FROM {source}").fetchall()
        columns = [Column(name, kind) for name, kind, *_ in described if name in names]
        sizes = "".join(f", sum({_bytes(column)})" for column in columns)
        found = connection.execute(f"SELECT count(*){sizes} FROM {source} AS t").fetchone() or (0,)
    return int(found[0]), sum(int(each or 0) for each in found[1:])


def measure_pairs(contents: ContentReader, file: tuple[Any, int], pair: tuple[str, str]) -> tuple[int, int]:
    """Return how much there is to compare in the texts of two columns of a Parquet file, row by row.

    Args:
        contents: Has the file.
        file: Its digest and size.
        pair: The names of the columns, which are there.

    Returns:
        The sum of the products of the lengths in characters, and the sum of the lengths.

    Raises:
        InvalidInput: The file is damaged, or takes too long or too much.
        Unavailable: Too many tables are being read.
    """
    digest, size = file
    one, two = (f"length(CAST(t.{_quoted(name)} AS VARCHAR))" for name in pair)
    with waiting(), _connected(lambda: contents.open(digest), size) as connection:
        query = f"SELECT sum({one} * {two}), sum({one} + {two}) FROM {_SOURCES['parquet']} AS t"
        found = connection.execute(query).fetchone() or (0, 0)
    return int(found[0] or 0), int(found[1] or 0)


def count_different(contents: ContentReader, file: tuple[Any, int], pair: tuple[str, str]) -> int:
    """Return how many different texts two columns of a Parquet file have; else as `measure_pairs`."""
    digest, size = file
    with waiting(), _connected(lambda: contents.open(digest), size) as connection:
        source = _SOURCES["parquet"]
        one, two = (f"SELECT CAST(t.{_quoted(name)} AS VARCHAR) FROM {source} AS t" for name in pair)
        found = connection.execute(f"SELECT count(*) FROM ({one} UNION {two})").fetchone() or (0,)
    return int(found[0])


def _bytes(column: Column) -> str:
    """Return the expression for what a value takes in memory, as texts and lists do; it is no less."""
    name = f"t.{_quoted(column.name)}"
    if column.type.endswith("]"):
        values = f"list_transform({name}, lambda x: strlen(CAST(x AS VARCHAR)))"
        return f"8 * len({name}) + coalesce(list_sum({values}), 0)"
    return f"8 + strlen(CAST({name} AS VARCHAR))"


def _query(source: str, columns: list[Column], asked: Asked) -> tuple[str, list[str]]:
    by_name = {column.name: column for column in columns}
    wanted = ", ".join(f"{_value(column)} AS {_quoted(column.name)}" for column in columns[:MOST_COLUMNS])
    parts, values = [f"SELECT {wanted} FROM {source} AS t"], list[str]()
    if asked.column is not None:
        clause, values = _clause(_known(by_name, asked.column), asked)
        parts.append(f"WHERE {clause}")
    if asked.sort is not None:
        name = _quoted(_known(by_name, asked.sort).name)
        parts.append(f"ORDER BY t.{name} {'DESC' if asked.falling else 'ASC'} NULLS LAST")
    parts.append(f"LIMIT {PAGE + 1} OFFSET {asked.first}")
    return " ".join(parts), values


def _clause(column: Column, asked: Asked) -> tuple[str, list[str]]:
    name = f"t.{_quoted(column.name)}"
    if asked.operator == "has":
        return f"contains(lower(CAST({name} AS VARCHAR)), lower(?))", [asked.value]
    if column.is_nested or column.holds_bytes:
        raise InvalidInput(f"values of {column.name} have parts", hint="filter with 'contains'")
    return f"{name} {_COMPARISONS[asked.operator]} TRY_CAST(? AS {column.type})", [asked.value]


def _value(column: Column) -> str:
    """Return the expression for a value that is short enough to be shown."""
    name = f"t.{_quoted(column.name)}"
    if column.type == "BLOB":
        return f"octet_length({name})"
    if column.holds_bytes:
        return f"octet_length({name}.bytes)"
    if column.is_nested:
        return f"left(CAST(to_json({name}) AS VARCHAR), {LONGEST + 1})"
    return (
        name
        if column.is_number or column.type == "BOOLEAN"
        else f"left(CAST({name} AS VARCHAR), {LONGEST + 1})"
    )


def _known(columns: dict[str, Column], name: str) -> Column:
    found = columns.get(name)
    if found is None:
        raise InvalidInput(f"the table has no column {name[:100]!r}")
    return found


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


class _Limited:
    """A connection of the engine whose queries end when its time is up.

    An interrupt ends the query that runs, and is lost where none does. So it comes again until all is over,
    and no query begins too late.

    Args:
        connection: Which one; it is not closed while this is open.
    """

    def __init__(self, connection: "duckdb.DuckDBPyConnection") -> None:
        self.connection = connection
        self._end, self._over = time.monotonic() + SECONDS, Event()
        self._watch = Thread(target=self._interrupt, args=(SECONDS,), name="table-clock", daemon=True)
        self._watch.start()

    def execute(self, query: str, values: Sequence[str] = ()) -> "duckdb.DuckDBPyConnection":
        """Run a query; errors are those of the engine, and `InterruptException` when the time is up."""
        import duckdb

        if time.monotonic() >= self._end:
            raise duckdb.InterruptException("the time is up")
        return self.connection.execute(query, values or None)

    def _interrupt(self, wait_s: float) -> None:
        while not self._over.wait(wait_s):
            self.connection.interrupt()
            wait_s = _AGAIN_S

    def close(self) -> None:
        """Let nothing be interrupted any more."""
        self._over.set()
        self._watch.join()


@contextmanager
def _connected(opened: Any, size: int) -> Iterator[_Limited]:
    """Give a connection that sees one file; what goes wrong in it is told in our words."""
    import duckdb

    if not _TURNS.acquire(timeout=SECONDS):
        raise Unavailable("too many tables are being read", hint="load the page again in a moment")
    try:
        with closing(duckdb.connect(":memory:", config=_CONFIG)) as connection:
            connection.register_filesystem(OneFile(opened, size))
            connection.execute("SET disabled_filesystems='LocalFileSystem'; SET lock_configuration=true")
            with closing(_Limited(connection)) as limited:
                yield limited
    except duckdb.InterruptException:
        hint = "download the file, or look at it without sorting and filtering"
        raise InvalidInput("the table is too large for that here", hint=hint) from None
    except duckdb.OutOfMemoryException:
        raise InvalidInput("the table needs more memory than a page may take", hint="download it") from None
    except duckdb.Error as error:
        cause = error.__cause__
        if isinstance(cause, TetherError):
            raise cause from None
        raise InvalidInput(f"the table cannot be read: {_first_line(error)}") from None
    finally:
        _TURNS.release()


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0].replace(NAME, "the file")[:300]
