"""Roots that lie in folders, as hubs of the first schema wrote them, become rows.

As long as a folder has the file, the file is the truth: no hub of this version serves a repository before its
file is gone. So a stop at any point is mended by the next start, and hubs that start at once do no harm.
"""

from contextlib import suppress
from pathlib import Path

from tether.core.digest import hash_bytes
from tether.errors import NotFound
from tether.hub.database.engine import Database
from tether.hub.database.models import RepositoryRow, RootRow
from tether.repo.repository import FORMAT_KEY, ROOT_ELSEWHERE, format_with
from tether.repo.root import KEY
from tether.storage.local import LocalBackend
from tether.storage.locks import FolderLocks
from tether.storage.oserrors import translated


def move_roots(database: Database, repositories: Path) -> int:
    """Move the roots that are still in folders; return how many there were.

    Args:
        database: Has the rows of the repositories.
        repositories: Has a folder for each, named by its id.

    Raises:
        Unavailable: A hub of the version before is still writing to one, or the database does not answer.
    """
    moved = 0
    for folder in repositories.iterdir():
        if (folder / KEY).exists():
            moved += _move(database, folder)
    return moved


def _move(database: Database, folder: Path) -> bool:
    """Move one root, while no process of the version before writes there."""
    with translated(str(folder)):
        (folder / "locks").mkdir(exist_ok=True)
    lock = FolderLocks(folder / "locks").lock("writer", command="hub serve", started=0, timeout_s=60.0)
    with lock.exclusive():
        backend = LocalBackend(folder)
        try:
            data = backend.read(KEY)
        except NotFound:  # another hub did it while we waited
            return False
        with database.session() as session:
            if session.get(RepositoryRow, folder.name) is None:
                return False
            session.merge(RootRow(repository_id=folder.name, digest=hash_bytes(data), value=data))
        _tell_others(backend)
        backend.move(KEY, f"quarantine/moved/root-{hash_bytes(data).hex()[:8]}")
    return True


def _tell_others(backend: LocalBackend) -> None:
    """Say in the format file that the root is elsewhere, so that no command works with half a repository."""
    with suppress(NotFound):  # the folder is damaged, and opening it says so
        before = backend.read(FORMAT_KEY)
        backend.swap(FORMAT_KEY, before, format_with([ROOT_ELSEWHERE]))
