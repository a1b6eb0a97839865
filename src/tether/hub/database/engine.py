"""Sessions on the database of the hub, whichever it is."""

import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, text
from sqlalchemy.exc import (
    ArgumentError,
    DBAPIError,
    IntegrityError,
    NoSuchModuleError,
    OperationalError,
    SQLAlchemyError,
)
from sqlalchemy.exc import TimeoutError as NoneFree
from sqlalchemy.orm import Session, sessionmaker

from tether.core.tracing import UNTRACED, Tracer
from tether.errors import Conflict, InvalidInput, Unavailable
from tether.hub.database.bells import Bells

_BUSY_S = 30.0
_READS = {"reads_only": True}
_SERVER: dict[str, Any] = {
    "pool_pre_ping": True,
    "pool_recycle": 1800,
    "pool_size": 10,
    "max_overflow": 10,
    "pool_timeout": 15,
    "connect_args": {
        "connect_timeout": 10,
        "keepalives_idle": 30,
        "keepalives_interval": 10,
        "keepalives_count": 3,
        "tcp_user_timeout": 60_000,
    },
}
"""How connections to a server are kept: 20 at most, each asked before it is used whether it still lives."""
_HELD = {"pool_size": 16, "max_overflow": 0}
_WAITS = {"lock_timeout": "30s", "idle_in_transaction_session_timeout": "60s"}
"""How long a statement waits for others, and how long a hub may sleep in the middle of a transaction."""
_SIGNS_OF_LIFE = {"tcp_keepalives_idle": "30", "tcp_keepalives_interval": "10", "tcp_keepalives_count": "3"}
"""A lock ends with its connection: the server is to notice soon when the machine at the other end is gone."""


class Database:
    """The database of one hub; made once for the process and closed at its end.

    Args:
        url: An address such as `sqlite:////srv/hub/hub.db` or `postgresql://USER@HOST/NAME`.
        tracer: Is told of transactions, from the wait for a connection on, and not what they do.

    Raises:
        InvalidInput: The address is none, or its driver is not installed.
    """

    def __init__(self, url: str, tracer: Tracer = UNTRACED) -> None:
        address = url.replace("postgresql://", "postgresql+psycopg://", 1)
        server = {} if url.startswith("sqlite") else _SERVER
        try:
            self.engine = create_engine(address, **server)
        except (ArgumentError, NoSuchModuleError, ModuleNotFoundError) as error:
            raise _unusable(url, error) from None
        self.is_sqlite = self.engine.dialect.name == "sqlite"
        self.bells = Bells()
        self._tracer, self._system = tracer, self.engine.dialect.name
        self.held: Engine | None = None
        if self.is_sqlite:
            _prepare_sqlite(self.engine)
        else:
            self.held = create_engine(address, **_SERVER | _HELD)
            _prepare_server(self.engine, _WAITS)
            _prepare_server(self.held, _WAITS | _SIGNS_OF_LIFE)
        self._writing = sessionmaker(self.engine, expire_on_commit=False)
        self._reading = sessionmaker(self.engine.execution_options(**_READS), expire_on_commit=False)

    @contextmanager
    def session(self, *, reads_only: bool = False, on: Connection | None = None) -> Iterator[Session]:
        """Run one transaction; it commits at the end of the block, and rolls back when the block raises.

        What was loaded stays readable after the block. SQLite has one writer at a time, so a session
        that only reads should say so.

        Args:
            reads_only: Nothing is changed.
            on: A connection to run it on, which has no transaction now; None takes one of the pool.

        Raises:
            Unavailable: The database cannot be reached, or another writer held it for too long.
            Conflict: Another writer added the same row in between.
        """
        make = self._reading if reads_only else self._writing
        name = "database read" if reads_only else "database write"
        with self._tracer.span(name, database=self._system), answering():
            session = make(bind=on) if on is not None else make()
            with session, session.begin():
                yield session
            self.bells.ring_for(session)

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
        if self.held is not None:
            self.held.dispose()


@contextmanager
def answering() -> Iterator[None]:
    """Raise errors of the database as ours.

    Raises:
        Unavailable: It cannot be reached, gave up, or has no connection free: worth another try.
        Conflict: Another writer added the same row in between.
    """
    try:
        yield
    except IntegrityError as error:
        raise Conflict("somebody else changed the same at this moment", hint="try again") from error
    except SQLAlchemyError as error:
        if _passes(error):
            raise Unavailable("the database of the hub does not answer", hint="try again shortly") from error
        raise


def _passes(error: SQLAlchemyError) -> bool:
    """Say whether an error is one of the moment: the connection was lost, or others were in the way."""
    if isinstance(error, OperationalError | NoneFree):
        return True
    return isinstance(error, DBAPIError) and error.connection_invalidated


def _prepare_server(engine: Engine, settings: Mapping[str, str]) -> None:
    """Give each new connection some settings of the server."""

    @event.listens_for(engine, "connect")
    def connected(connection: Any, _: Any) -> None:
        with connection.cursor() as cursor:
            for name, value in settings.items():
                cursor.execute("SELECT set_config(%s, %s, false)", (name, value))
        connection.commit()


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


def _unusable(url: str, error: Exception) -> InvalidInput:
    scheme, separator, rest = url.partition("://")
    hint = "write it as sqlite:///FILE or postgresql://USER:PASSWORD@HOST/NAME"
    if isinstance(error, ModuleNotFoundError) and error.name == "psycopg":
        hint = "run: pip install 'tether[postgresql]'"
    shown = f"{scheme}{separator}{rest.rpartition('@')[2]}"  # without the password
    return InvalidInput(f"cannot use the database {shown}: {error}", hint=hint)
