"""Copies of a hub's database, whichever it is, as SQLite files of one moment, while others write to it."""

import os
import sqlite3
from collections.abc import Iterable, Sequence
from contextlib import closing
from pathlib import Path
from urllib.parse import quote

from sqlalchemy import NullPool, create_engine, inspect, text

from tether.core.digest import Digest
from tether.errors import Corrupt, Unavailable, Unsupported
from tether.hub.database.copying import copy_rows
from tether.hub.database.engine import Database
from tether.repo.root import decode_root
from tether.storage.oserrors import translated

_ROOTS = """
    SELECT repositories.id, roots.value FROM repositories JOIN roots ON roots.repository_id = repositories.id
    WHERE repositories.deleted_at IS NULL OR repositories.deleted_at > ?
"""
_DIGESTS = "SELECT repository_id, digest FROM roots"
_PLACES = "SELECT name FROM sqlite_master WHERE type = 'table' AND name = 'pack_names'"


def snapshot(database: Database, target: Path) -> None:
    """Copy the database of a hub to an SQLite file that takes the place of the one there.

    Raises:
        Unavailable: It cannot be read, or the disk is full.
        Corrupt: The copy is damaged, as the database then is.
        Unsupported: It is SQLite without a file.
    """
    file = database.engine.url.database
    if database.is_sqlite:
        if file is None:
            raise Unsupported("a database without a file cannot be copied")
        copy_database(Path(file), target)
        return
    rows = target.with_name(f"{target.name}.rows")
    try:
        _create(rows)
        copy = Database(f"sqlite:///{rows}")
        try:
            copy_rows(database.engine, copy)
        finally:
            copy.close()
        copy_database(rows, target)
    finally:
        for path in rows.parent.glob(f"{rows.name}*"):  # with what SQLite writes beside
            path.unlink()


def fill_database(source: Path, target: Database) -> None:
    """Fill an empty database with what a copy has; errors as for `copy_rows`."""
    engine = create_engine("sqlite://", creator=lambda: _opened(source), poolclass=NullPool)
    try:
        copy_rows(engine, target)
    finally:
        engine.dispose()


def copy_database(source: Path, target: Path) -> None:
    """Copy a database, whole and durably, to a file that takes the place of the one there.

    Raises:
        Unavailable: It cannot be read, or the disk is full.
        Corrupt: The copy is damaged, as the database then is.
    """
    fresh = target.with_name(f"{target.name}.new")
    with translated(str(target)):
        _create(fresh)
        try:
            with closing(_opened(source)) as before, closing(sqlite3.connect(fresh)) as after:
                before.backup(after)
                after.execute("PRAGMA journal_mode = DELETE")
                found = after.execute("PRAGMA quick_check(1)").fetchone()[0]
        except sqlite3.DatabaseError as error:
            raise Unavailable(f"cannot copy the database {source}: {error}") from error
        if found != "ok":
            raise Corrupt(f"the database {source} is damaged: {found}")
        sync(fresh)
        fresh.replace(target)
        sync(target.parent)


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
    sync(database)


def has_places(database: Path) -> bool:
    """Say whether a copy of a database can tell of places in the bucket; those of older hubs cannot."""
    try:
        with closing(_opened(database)) as connection:
            return connection.execute(_PLACES).fetchone() is not None
    except sqlite3.DatabaseError as error:
        raise Unavailable(f"cannot read the database {database}: {error}") from error


def name_places(database: Path, packs: Iterable[tuple[str, int, Sequence[str]]]) -> None:
    """Let a copy of a database say of packs in the bucket that several repositories have them.

    Args:
        database: One that has no places; see `has_places`.
        packs: The key and size of each, and the repositories; it lies in the part of the first.

    Raises:
        Unavailable: It cannot be written.
    """
    try:
        with closing(sqlite3.connect(database)) as connection, connection:
            for key, size, names in packs:
                place = f"{names[0]}/{key}"
                connection.execute(
                    "INSERT INTO pack_places (place, home, size, doomed) VALUES (?, ?, ?, NULL)",
                    (place, names[0], size),
                )
                connection.executemany(
                    "INSERT INTO pack_names (repository_id, key, place) VALUES (?, ?, ?)",
                    [(name, key, place) for name in names],
                )
    except sqlite3.DatabaseError as error:
        raise Unavailable(f"cannot write the database {database}: {error}") from error
    sync(database)


def roots_in(database: Path) -> set[tuple[str, bytes]]:
    """Return the digest of the root of each repository in a copy of a database; errors as for `packs_in`."""
    try:
        with closing(_opened(database)) as connection:
            return {(name, bytes(digest)) for name, digest in connection.execute(_DIGESTS)}
    except sqlite3.DatabaseError as error:
        raise Unavailable(f"cannot read the database {database}: {error}") from error


def roots_of(database: Database) -> set[tuple[str, bytes]] | None:
    """Return the same of the database of a hub; None where it has no such table.

    Raises:
        Unavailable: It does not answer.
    """
    with database.connection() as connection:
        if not inspect(connection).has_table("roots"):
            return None
        return {(name, bytes(digest)) for name, digest in connection.execute(text(_DIGESTS))}


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


def _create(path: Path) -> None:
    """Make an empty file that nobody else reads."""
    with translated(str(path)):
        path.unlink(missing_ok=True)
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))


def sync(path: Path) -> None:
    """Make what was written to a file, or to the entries of a folder, durable."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
