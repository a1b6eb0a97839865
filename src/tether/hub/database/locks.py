"""The locks of a repository that several replicas of a hub serve: advisory locks of PostgreSQL.

A lock belongs to a session of the server and ends with it: when its process ends or is cut off, or the server
restarts. Whoever lost a lock must not go on as if it were held, so the root is moved on the connection of the
lock (`ServerLocks.sessions`): the move fails once the lock is gone. Connections that hold locks are not those
on which requests are answered, and who waits for a lock holds none.
"""

import os
import threading
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager

from sqlalchemy import Connection, func, select, text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from tether.core.digest import derive
from tether.errors import Unavailable
from tether.hub.database.engine import Database, answering
from tether.storage.locks import Holder, Wait, parse_holder, wait_for

_CONTEXT = "tether 2026 hub lock v1"
_LONGEST_NAME = 63
_HOLDERS = text(
    "SELECT a.application_name FROM pg_locks l JOIN pg_stat_activity a ON a.pid = l.pid "
    "WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 1 "
    "AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database()) "
    "AND (l.classid::bigint << 32) | l.objid::bigint = :key"
)


class ServerLocks:
    """The locks of one repository.

    Args:
        database: One on a server.
        repository_id: Of the repository.
    """

    def __init__(self, database: Database, repository_id: str) -> None:
        self._database, self._id = database, repository_id
        self._mine = threading.local()

    def lock(self, name: str, *, command: str, started: int, timeout_s: float) -> "ServerLock":
        """Return a lock by its name."""
        digest = derive(_CONTEXT, f"{self._id} {name}".encode())
        key = int.from_bytes(digest[:8], "little", signed=True)
        return ServerLock(self, key, Holder(os.getpid(), command, started), timeout_s)

    def connect(self) -> Connection:
        """Return a connection for a lock; close it."""
        assert self._database.held is not None
        return self._database.held.connect()

    @contextmanager
    def holding(self, connection: Connection) -> Iterator[None]:
        """Let what this thread writes in the block depend on the lock of a connection."""
        before = self._held()
        self._mine.connection = connection
        try:
            yield
        finally:
            self._mine.connection = before

    def sessions(self, *, reads_only: bool = False) -> AbstractContextManager[Session]:
        """Run a transaction; one that writes fails if a lock that this thread took is lost.

        Raises:
            Unavailable: It is lost, or as for `Database.session`.
        """
        held = None if reads_only else self._held()
        if held is None:
            return self._database.session(reads_only=reads_only)
        _refuse_lost(held)
        return self._database.session(on=held)

    def confirm(self) -> None:
        """Make sure that the lock which this thread took last is held still.

        Raises:
            Unavailable: It was lost.
        """
        held = self._held()
        if held is not None:
            _refuse_lost(held)
            with answering(), held.begin():
                held.execute(text("SELECT 1"))

    def _held(self) -> Connection | None:
        found: Connection | None = getattr(self._mine, "connection", None)
        return found


class ServerLock:
    """A lock that several may share or one may have alone; see `tether.storage.locks.Lock`.

    Args:
        locks: Of the repository.
        key: Its number on the server.
        me: Who takes it, for those who wait.
        timeout_s: As for `tether.storage.locks.LockFile`.
    """

    def __init__(self, locks: ServerLocks, key: int, me: Holder, timeout_s: float) -> None:
        self._locks, self._key, self._timeout_s = locks, key, timeout_s
        self._name = f"{me.pid} {me.started} {me.command}".encode("ascii", "replace")[:_LONGEST_NAME].decode()

    def shared(self, wait: Wait | None = None) -> AbstractContextManager[None]:
        """Hold the lock together with other sharers.

        Raises:
            Unavailable: `wait` gave up or the time is over, or the database does not answer.
        """
        return self._held("_shared", wait)

    def exclusive(self, wait: Wait | None = None) -> AbstractContextManager[None]:
        """Hold the lock alone; errors as for `shared`."""
        return self._held("", wait)

    def holders(self) -> list[Holder]:
        """Return who holds the lock now, oldest first."""
        with answering(), self._locks.connect() as connection, connection.begin():
            names = connection.scalars(_HOLDERS, {"key": self._key}).all()
        found = (parse_holder(*name.split(" ", 2)) for name in names if name.count(" ") >= 2)
        return sorted((each for each in found if each is not None), key=lambda each: (each.started, each.pid))

    @contextmanager
    def _held(self, mode: str, wait: Wait | None) -> Iterator[None]:
        taken: list[Connection] = []

        def attempt() -> bool:
            connection = self._try(mode)
            taken.extend([connection] if connection is not None else [])
            return connection is not None

        wait_for(attempt, self.holders, wait, timeout_s=self._timeout_s, sleep=time.sleep)
        [connection] = taken
        try:
            with self._locks.holding(connection):
                yield
        finally:
            self._release(connection, mode)

    def _try(self, mode: str) -> Connection | None:
        """Return a connection that has the lock now, or None."""
        take = getattr(func, f"pg_try_advisory_lock{mode}")
        name = func.set_config("application_name", self._name, False)
        with answering():
            connection = self._locks.connect()
            try:
                with connection.begin():
                    _, got = connection.execute(select(name, take(self._key))).one()
            except BaseException:
                _end(connection)
                raise
        if got:
            return connection
        connection.close()
        return None

    def _release(self, connection: Connection, mode: str) -> None:
        give = getattr(func, f"pg_advisory_unlock{mode}")
        try:
            with connection.begin():
                connection.execute(select(give(self._key)))
        except SQLAlchemyError:
            _end(connection)
        else:
            connection.close()


def _refuse_lost(connection: Connection) -> None:
    if connection.invalidated:  # it would connect anew, without the lock
        raise Unavailable("the database of the hub was away in the meantime", hint="try again shortly")


def _end(connection: Connection) -> None:
    """Close the session itself, and any lock with it."""
    if not connection.invalidated:
        connection.invalidate()
    connection.close()
