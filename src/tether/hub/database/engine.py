"""Sessions on the database of the hub, whichever it is."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, text
from sqlalchemy.exc import ArgumentError, IntegrityError, NoSuchModuleError, OperationalError
from sqlalchemy.orm import Session, sessionmaker

from tether.errors import Conflict, InvalidInput, Unavailable

_BUSY_S = 30.0
_READS = {"reads_only": True}


class Database:
    """The database of one hub; made once for the process and closed at its end.

    Args:
        url: An SQLAlchemy address, such as `sqlite:////srv/hub/hub.db` or `postgresql+psycopg://...`.

    Raises:
        InvalidInput: The address is none, or its driver is not installed.
    """

    def __init__(self, url: str) -> None:
        try:
            self.engine = create_engine(url, pool_pre_ping=not url.startswith("sqlite"))
        except (ArgumentError, NoSuchModuleError, ModuleNotFoundError) as error:
            raise InvalidInput(
                f"cannot use the database {_without_password(url)}: {error}",
                hint="write it as sqlite:///FILE or postgresql+psycopg://USER:PASSWORD@HOST/NAME",
            ) from None
        self.is_sqlite = self.engine.dialect.name == "sqlite"
        if self.is_sqlite:
            _prepare_sqlite(self.engine)
        self._writing = sessionmaker(self.engine, expire_on_commit=False)
        self._reading = sessionmaker(self.engine.execution_options(**_READS), expire_on_commit=False)

    @contextmanager
    def session(self, *, reads_only: bool = False) -> Iterator[Session]:
        """Run one transaction; it commits at the end of the block, and rolls back when the block raises.

        What was loaded stays readable after the block. SQLite has one writer at a time, so a session
        that only reads should say so.

        Raises:
            Unavailable: The database cannot be reached, or another writer held it for too long.
            Conflict: Another writer added the same row in between.
        """
        make = self._reading if reads_only else self._writing
        try:
            with make.begin() as session:
                yield session
        except OperationalError as error:
            raise Unavailable("the database of the hub does not answer", hint="try again shortly") from error
        except IntegrityError as error:
            raise Conflict("somebody else changed the same at this moment", hint="try again") from error

    @contextmanager
    def connection(self) -> Iterator[Connection]:
        """Run one transaction without models, for migrations; errors as for `session`."""
        try:
            with self.engine.begin() as connection:
                yield connection
        except OperationalError as error:
            raise Unavailable(f"cannot open the database {self.engine.url!r}: {error.orig}") from error

    def check(self) -> None:
        """Ask the database for an answer; errors as for `session`."""
        with self.session(reads_only=True) as session:
            session.execute(text("SELECT 1"))

    def close(self) -> None:
        """Close all connections."""
        self.engine.dispose()


def _prepare_sqlite(engine: Engine) -> None:
    """Turn on foreign keys and the write-ahead log; begin transactions as writers unless they only read."""

    @event.listens_for(engine, "connect")
    def connected(connection: sqlite3.Connection, _: Any) -> None:
        connection.isolation_level = None  # transactions are begun below, not by the driver
        connection.execute(f"PRAGMA busy_timeout = {int(_BUSY_S * 1000)}")
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")

    @event.listens_for(engine, "begin")
    def begun(connection: Connection) -> None:
        # A reader that turns writer may find that it was overtaken; who begins as a writer waits instead.
        reads_only = connection.get_execution_options().get("reads_only", False)
        connection.exec_driver_sql("BEGIN" if reads_only else "BEGIN IMMEDIATE")


def _without_password(url: str) -> str:
    scheme, separator, rest = url.partition("://")
    return f"{scheme}{separator}{rest.rpartition('@')[2]}"
