"""The kinds of locks under the contract, each with a way to open them again in this process or another."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.support.postgres import Cluster

from tether.hub.database.engine import Database
from tether.hub.database.locks import ServerLocks
from tether.storage.locks import FolderLocks, Locks

KINDS = ("folder", "postgresql")


@dataclass(frozen=True)
class LockPlace:
    """Where the locks of repositories are.

    Attributes:
        open: Returns the locks of a repository; any number may be open.
        address: For `open_address` in another process.
    """

    open: Callable[[str], Locks]
    address: str


def open_address(address: str, repository: str) -> Locks:
    """Open the locks that another process uses."""
    place = json.loads(address)
    if "url" in place:
        return ServerLocks(Database(place["url"]), repository)
    folder = Path(place["folder"], repository)
    folder.mkdir(exist_ok=True)
    return FolderLocks(folder)


@contextmanager
def lock_place(kind: str, folder: Path, cluster: Callable[[], Cluster]) -> Iterator[LockPlace]:
    """Make a place of one kind; `cluster` returns a server where one is needed."""
    if kind == "folder":
        address = json.dumps({"folder": str(folder)})
        yield LockPlace(lambda repository: open_address(address, repository), address)
        return
    with cluster().database() as url:
        database = Database(url)
        yield LockPlace(lambda repository: ServerLocks(database, repository), json.dumps({"url": url}))
        database.close()
