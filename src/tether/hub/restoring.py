"""Hubs made from backups: in a new folder, in an empty database, in an empty part of a bucket.

A mark is in the folder from before the first pack until after the last row, and no hub opens it until then.
The rows come last, all or none; a restore that was stopped goes on where it was.
"""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from tether.core.progress import SILENT, Progress
from tether.errors import AlreadyExists, NotFound
from tether.hub import unfinished
from tether.hub.backup import DATABASE, REPOSITORIES, is_backup
from tether.hub.database.copying import require_empty
from tether.hub.database.engine import Database
from tether.hub.hub import open_storage
from tether.hub.packcopies import Copied, Folders, Parts, Source, copy_packs
from tether.hub.snapshots import (
    copy_database,
    fill_database,
    has_places,
    name_places,
    packs_in,
    roots_in,
    roots_of,
)
from tether.repo.packs import pack_key
from tether.storage.buckets import OpenBucket, as_surroundings_say
from tether.storage.local import LocalBackend
from tether.storage.locks import FolderLocks
from tether.storage.oserrors import translated

_LOCK = "restoring.lock"
_LEFT = {REPOSITORIES, f"{DATABASE}.new", "uploads", _LOCK, f"{_LOCK}.holders"}
"""What a restore may have left in the folder before it set its mark; those of older versions set none."""


@dataclass(frozen=True, slots=True)
class NewHub:
    """Where a hub is made.

    Attributes:
        root: A new folder.
        database: The address of an empty database; "" for SQLite in the folder.
        storage: The address of an empty part of a bucket for packs; "" for the folder.
        open_bucket: Opens it.
    """

    root: Path
    database: str = ""
    storage: str = ""
    open_bucket: OpenBucket = as_surroundings_say


def restore(source: Path, new: NewHub, progress: Progress = SILENT) -> Copied:
    """Make a hub from a backup; each pack is verified.

    Args:
        source: The backup, of a hub on whichever database and storage.
        new: Where.
        progress: Told of each pack.

    Raises:
        NotFound: There is no whole backup, or no such bucket.
        AlreadyExists: The folder, the database or the place in the bucket is not empty.
        InvalidInput: An address is none, or another storage than that with which it was begun.
        Unsupported: The database of the backup is one of a newer hub.
        Unavailable: Another process restores there, the disk is full, or the database or the bucket does
            not answer.
        Corrupt: The database of the backup is damaged.
    """
    if not (source / DATABASE).is_file() or not is_backup(source):
        raise NotFound(f"no whole backup of a hub in {source}", hint="run 'tether hub backup' again")
    if not unfinished.is_begun(new.root, new.storage):  # else nothing is made
        with _opened(new.database) as database:
            if database is not None:
                require_empty(database)
    with translated(str(new.root)):
        new.root.mkdir(parents=True, exist_ok=True, mode=0o700)
    lock = FolderLocks(new.root).lock(_LOCK, command="hub restore", started=0, timeout_s=1.0)
    with lock.exclusive():
        return _restored(source, new, progress)


def _restored(source: Path, new: NewHub, progress: Progress) -> Copied:
    """Copy the packs, then the rows, while nobody else does."""
    begun = unfinished.is_begun(new.root, new.storage)
    with _opened(new.database) as database:
        filled = database is not None and begun and roots_of(database) == roots_in(source / DATABASE)
        if database is not None and not filled:
            require_empty(database)
        target = _prepared(source, new, begun=begun)
        packs = Source(source / REPOSITORIES, lambda name: LocalBackend(source / REPOSITORIES / name))
        done = copy_packs(packs, target, packs_in(source / DATABASE, 0), progress)
        if not filled:
            _fill(source, new, database, target)
    unfinished.end(new.root)
    return done


@contextmanager
def _opened(url: str) -> Iterator[Database | None]:
    """Open a database; nothing where none is named."""
    if not url:
        yield None
        return
    with closing(Database(url)) as database:
        yield database


def _prepared(source: Path, new: NewHub, *, begun: bool) -> Folders | Parts:
    """Mark the folder; return where packs go."""
    with translated(str(new.root)):
        if not begun and {entry.name for entry in new.root.iterdir()} - _LEFT:
            raise AlreadyExists(f"{new.root} is not empty", hint="give a new folder")
    if not new.storage:
        unfinished.begin(new.root, new.storage)
        target: Folders | Parts = Folders(new.root / REPOSITORIES)
    else:
        bucket = open_storage(new.storage, new.root, new.open_bucket)
        if not begun and bucket.as_far().some(1):
            raise AlreadyExists(f"{new.storage} is not empty", hint="give another prefix in the bucket")
        unfinished.begin(new.root, new.storage)
        target = Parts(new.root / REPOSITORIES, bucket, names=has_places(source / DATABASE))
    with translated(str(target.folder)):
        target.folder.mkdir(exist_ok=True, mode=0o700)
    return target


def _fill(source: Path, new: NewHub, database: Database | None, target: Folders | Parts) -> None:
    """Give the new hub the rows of the backup, and those of packs that several have in the bucket."""
    rows, named = source / DATABASE, new.root / f"{DATABASE}.named"
    if isinstance(target, Parts) and target.shared:
        copy_database(rows, named)
        name_places(named, _places(source, target))
        rows = named
    if database is None:
        copy_database(rows, new.root / DATABASE)
    else:
        fill_database(rows, database)
    with translated(str(named)):
        named.unlink(missing_ok=True)


def _places(source: Path, target: Parts) -> Iterator[tuple[str, int, list[str]]]:
    """Yield the key, the size and the repositories of each pack that several have."""
    for pack, names in target.shared.items():
        key = pack_key(pack)
        with closing(LocalBackend(source / REPOSITORIES / names[0])) as there:
            yield key, there.size(key), names
