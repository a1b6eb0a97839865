"""Copies all that the database of a hub has into an empty one, of the same kind or of the other.

The tables are made by the migrations and then read back, so that no table can be forgotten here.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import (
    JSON,
    Connection,
    Engine,
    Integer,
    MetaData,
    Table,
    event,
    func,
    inspect,
    select,
    text,
)
from sqlalchemy.exc import DataError, IntegrityError

from tether.errors import AlreadyExists, Unsupported
from tether.hub.database.engine import Database, answering
from tether.hub.database.migrate import migrate_within, revision_of, wait_for_turn

_BATCH = 200
"""Rows in memory at once; roots of repositories are rows too, of up to some megabytes."""
_OF_MIGRATIONS = "alembic_version"


def copy_rows(source: Engine, target: Database) -> None:
    """Make the tables that `source` has in an empty database and fill them: all of it, or nothing.

    What is copied is the state of one moment; others may write to the source.

    Raises:
        AlreadyExists: The target is not empty.
        Unsupported: The source was used by a newer hub or by none, or the target does not take a row.
        Unavailable: One of the two does not answer.
    """
    with answering(), _at_one_moment(source) as reading, target.connection() as writing:
        wait_for_turn(writing)
        _refuse_tables(writing)
        revision = revision_of(reading)
        if revision is None:
            raise Unsupported("this is no database of a hub", hint="give a backup of a hub")
        migrate_within(writing, revision)
        tables = _tables(writing)
        for table in tables:
            _copy(reading, writing, table)
        _set_counters(writing, tables)


def require_empty(database: Database) -> None:
    """Check that a database has no tables.

    Raises:
        AlreadyExists: It has some.
        Unavailable: It does not answer.
    """
    with database.connection() as connection:
        _refuse_tables(connection)


def _refuse_tables(connection: Connection) -> None:
    if inspect(connection).get_table_names():
        shown = connection.engine.url.render_as_string(hide_password=True)
        raise AlreadyExists(f"the database {shown} is not empty", hint="make a new one and name that")


@contextmanager
def _at_one_moment(engine: Engine) -> Iterator[Connection]:
    """Connect to a database whose rows do not change for this connection."""
    with engine.connect() as connection:
        if engine.dialect.name == "postgresql":
            connection.execution_options(isolation_level="REPEATABLE READ")
        with connection.begin():
            yield connection


def _tables(connection: Connection) -> list[Table]:
    """Return the tables, those that others refer to first, with types that each kind of database knows."""
    metadata = MetaData()

    @event.listens_for(metadata, "column_reflect")
    def found(_inspector: object, _table: object, column: Any) -> None:
        column["type"] = column["type"].as_generic()
        if isinstance(column["type"], JSON):  # a column that may be empty has no other null
            column["type"] = JSON(none_as_null=column["nullable"])

    metadata.reflect(connection)
    return [table for table in metadata.sorted_tables if table.name != _OF_MIGRATIONS]


def _copy(reading: Connection, writing: Connection, table: Table) -> None:
    """Copy all rows of a table."""
    rows = reading.execute(select(table), execution_options={"yield_per": _BATCH})
    for batch in rows.mappings().partitions():
        try:
            writing.execute(table.insert(), [dict(row) for row in batch])
        except (DataError, IntegrityError) as error:
            reason = str(error.orig).partition("\n")[0]  # what follows may be the row
            raise Unsupported(f"the database does not take a row of {table.name}: {reason}") from error


def _set_counters(writing: Connection, tables: list[Table]) -> None:
    """Let the ids that PostgreSQL counts go on behind those that were copied; SQLite looks by itself."""
    if writing.dialect.name != "postgresql":
        return
    for table in tables:
        for column in table.primary_key.columns:
            if not isinstance(column.type, Integer):
                continue
            counter = writing.scalar(select(func.pg_get_serial_sequence(table.name, column.name)))
            if counter is not None:
                newest = writing.scalar(select(func.max(column))) or 0
                move = text("SELECT setval(CAST(:counter AS regclass), :next, false)")
                writing.execute(move, {"counter": counter, "next": newest + 1})
