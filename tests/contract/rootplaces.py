"""The root stores under the contract, each with a way to open it again in this process or another."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.support.postgres import Cluster
from tests.support.tables import lay_database

from tether.hub.database.engine import Database
from tether.hub.database.locks import ServerLocks
from tether.hub.database.models import Account, RepositoryRow
from tether.hub.database.roots import SqlRoot
from tether.repo.rootstore import BackendRoot, RootStore
from tether.storage.backend import Backend
from tether.storage.local import LocalBackend
from tether.storage.memory import MemoryBackend

REPOSITORY = "r" * 32


@dataclass(frozen=True)
class RootPlace:
    """An empty place for one root.

    Attributes:
        open: Returns a store over it; any number may be open.
        backend: Takes roots that are set aside.
        address: For `open_address` in another process; empty where there is none.
    """

    open: Callable[[], RootStore]
    backend: Backend
    address: str


def memory_place(_: Path) -> Iterator[RootPlace]:
    """Yield a place in memory."""
    backend = MemoryBackend()
    yield RootPlace(lambda: BackendRoot(backend), backend, "")


def local_place(folder: Path) -> Iterator[RootPlace]:
    """Yield a place in a folder."""
    backend = LocalBackend(folder)
    yield RootPlace(lambda: BackendRoot(LocalBackend(folder)), backend, json.dumps({"folder": str(folder)}))


def sql_place(folder: Path, url: str) -> Iterator[RootPlace]:
    """Yield a row of a database."""
    database = Database(url)
    with database.session() as session:
        owner = Account(id="a", kind="user", name="ada", key="ada", created=0)
        session.add(owner)
        session.flush()
        about: dict[str, Any] = {"name": "x", "key": "x", "kind": "data", "private": False, "created": 0}
        session.add(RepositoryRow(id=REPOSITORY, owner_id="a", **about))
    backend = LocalBackend(folder)
    address = json.dumps({"folder": str(folder), "url": url})
    yield RootPlace(lambda: _row(database, backend), backend, address)
    database.close()


def _row(database: Database, backend: Backend) -> RootStore:
    if database.is_sqlite:
        return SqlRoot(database.session, REPOSITORY, backend)
    return SqlRoot(ServerLocks(database, REPOSITORY).sessions, REPOSITORY, backend)


def open_address(address: str) -> RootStore:
    """Open a place that another process made; it stays open until this process ends."""
    place = json.loads(address)
    backend = LocalBackend(Path(place["folder"]))
    return _row(Database(place["url"]), backend) if "url" in place else BackendRoot(backend)


@contextmanager
def root_place(kind: str, folder: Path, cluster: Callable[[], Cluster]) -> Iterator[RootPlace]:
    """Make an empty place of one kind.

    Args:
        kind: One of `KINDS`.
        folder: For files; its parent exists.
        cluster: Returns a server where one is needed.
    """
    if kind == "postgresql":
        with cluster().hub_database() as url:
            yield from sql_place(folder, url)
    elif kind == "sqlite":
        lay_database(folder.with_name(f"{folder.name}.db"))
        yield from sql_place(folder, f"sqlite:///{folder}.db")
    else:
        yield from {"memory": memory_place, "local": local_place}[kind](folder)


KINDS = ("memory", "local", "sqlite", "postgresql")
