"""The root of a repository as a row: moved by compare-and-swap in one statement."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Protocol

from sqlalchemy import CursorResult, bindparam, case, delete, select, update
from sqlalchemy.orm import Session

from tether.core.digest import hash_bytes
from tether.errors import AlreadyExists, Conflict, NotFound
from tether.hub.database.models import RootRow
from tether.storage.backend import Backend


class Sessions(Protocol):
    """Runs transactions."""

    def __call__(self, *, reads_only: bool = False) -> AbstractContextManager[Session]:
        """Run one; see `Database.session`."""
        ...


Beside = Callable[[Session], None]
"""Writes more in the transaction that moves a root."""

_ROOTS = RootRow.metadata.tables[RootRow.__tablename__].c
_SENT = case((_ROOTS.digest == bindparam("known"), None), else_=_ROOTS.value)
_READ = select(_ROOTS.digest, _SENT).where(_ROOTS.repository_id == bindparam("repository"))
"""Made once, of plain columns: what models add to it takes longer than to answer it."""


class SqlRoot:
    """The root of one repository; see `tether.repo.rootstore.RootStore`.

    Args:
        sessions: Runs transactions.
        repository_id: Of the repository's row, which must be there.
        backend: Takes a root that is set aside.
        moved: As `beside`, and always.

    Attributes:
        beside: Called in the transaction of each swap that changes the root: what it writes is there if and
            only if the root moved.
    """

    def __init__(
        self, sessions: Sessions, repository_id: str, backend: Backend, moved: Beside | None = None
    ) -> None:
        self._sessions, self._id, self._backend, self._moved = sessions, repository_id, backend, moved
        self._known: tuple[bytes, bytes] = (b"", b"")
        self.beside: Beside | None = None

    def read(self) -> bytes:
        """Return the root's bytes, or raise NotFound; the value is sent only if it is another than before."""
        digest, value = self._known
        with self._sessions(reads_only=True) as session:
            row = session.execute(_READ, {"repository": self._id, "known": digest}).first()
        if row is None:
            raise NotFound("the repository has no root")
        if row[1] is not None:
            digest, value = self._known = (bytes(row[0]), bytes(row[1]))
        return value

    def create(self, data: bytes) -> None:
        """Store the first root."""
        try:
            with self._sessions() as session:
                session.add(RootRow(repository_id=self._id, digest=hash_bytes(data), value=data))
                session.flush()
        except Conflict:
            raise AlreadyExists("the repository has a root already") from None

    def swap(self, expected: bytes, new: bytes) -> None:
        """Replace the root `expected` by `new`, or raise Conflict."""
        move = update(RootRow).where(
            RootRow.repository_id == self._id, RootRow.digest == hash_bytes(expected)
        )
        with self._sessions() as session:
            done = session.execute(move.values(digest=hash_bytes(new), value=new))
            assert isinstance(done, CursorResult)
            if done.rowcount != 1:
                raise Conflict("the root was moved by somebody else", hint="look at it and try again")
            for write in (self.beside, self._moved):
                if write is not None and new != expected:
                    write(session)

    def set_aside(self, key: str) -> None:
        """Keep the damaged root under a key of the backend."""
        data = self.read()
        self._backend.write_new(key, data)
        with self._sessions() as session:
            session.execute(
                delete(RootRow).where(RootRow.repository_id == self._id, RootRow.digest == hash_bytes(data))
            )
