"""Copies of a hub's SQLite database as it is at one moment, while others write to it."""

import os
import sqlite3
from contextlib import closing
from pathlib import Path
from urllib.parse import quote

from tether.core.digest import Digest
from tether.errors import Corrupt, Unavailable
from tether.repo.root import decode_root
from tether.storage.oserrors import translated

_ROOTS = """
    SELECT repositories.id, roots.value FROM repositories JOIN roots ON roots.repository_id = repositories.id
    WHERE repositories.deleted_at IS NULL OR repositories.deleted_at > ?
"""


def copy_database(source: Path, target: Path) -> None:
    """Copy a database, whole and durably, to a file that takes the place of the one there.

    Raises:
        Unavailable: It cannot be read, or the disk is full.
        Corrupt: The copy is damaged, as the database then is.
    """
    fresh = target.with_name(f"{target.name}.new")
    with translated(str(target)):
        fresh.unlink(missing_ok=True)
        os.close(os.open(fresh, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
        try:
            with closing(_opened(source)) as before, closing(sqlite3.connect(fresh)) as after:
                before.backup(after)
                after.execute("PRAGMA journal_mode = DELETE")
                found = after.execute("PRAGMA quick_check(1)").fetchone()[0]
        except sqlite3.DatabaseError as error:
            raise Unavailable(f"cannot copy the database {source}: {error}") from error
        if found != "ok":
            raise Corrupt(f"the database {source} is damaged: {found}")
        _sync(fresh)
        fresh.replace(target)
        _sync(target.parent)


def forget_places(database: Path) -> None:
    """Let a copy of a database say nothing of places in the bucket: a backup has each pack in a folder.

    Raises:
        Unavailable: It cannot be written.
    """
    try:
        with closing(sqlite3.connect(database)) as connection, connection:
            connection.execute("DELETE FROM pack_names")
            connection.execute("DELETE FROM pack_places")
    except sqlite3.DatabaseError as error:
        raise Unavailable(f"cannot write the database {database}: {error}") from error
    _sync(database)


def packs_in(database: Path, grace_start: int) -> dict[str, tuple[Digest, ...]]:
    """Return the packs that each repository lists, by its id.

    Args:
        database: A copy of a hub's.
        grace_start: Repositories that were deleted by then are left out.

    Raises:
        Corrupt: A root is damaged.
        Unavailable: It cannot be read, or is no database of a hub.
    """
    try:
        with closing(_opened(database)) as connection:
            rows = connection.execute(_ROOTS, (grace_start,)).fetchall()
    except sqlite3.DatabaseError as error:
        raise Unavailable(f"cannot read the database {database}: {error}") from error
    return {name: decode_root(value).packs() for name, value in rows}


def _opened(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(f"file:{quote(str(path))}?mode=ro", uri=True)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
