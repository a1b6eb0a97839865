"""Backups of a hub that serves, in a folder.

At every moment the folder holds one whole backup, or none yet: packs are copied under their own names
first, then the copy of the database that names them takes the place of the one before, and only then go
the packs that it does not name. A backup that was stopped goes on where it was; the next copies what is new.
`tether.hub.restoring` makes hubs of them.
"""

import shutil
from contextlib import closing
from functools import partial
from pathlib import Path

from tether.core.progress import SILENT, Progress
from tether.errors import InvalidInput
from tether.hub.hub import Hub
from tether.hub.keeping import grace_start
from tether.hub.packcopies import Copied, Folders, Source, Wanted, copy_packs
from tether.hub.repositories import backend_of
from tether.hub.snapshots import forget_places, packs_in, snapshot
from tether.repo.packs import pack_key
from tether.storage.local import LocalBackend
from tether.storage.locks import FolderLocks
from tether.storage.oserrors import translated

_MARKER, _FORMAT = "format", "tether hub backup 1\n"
DATABASE, REPOSITORIES = "hub.db", "repositories"
_ROUNDS = 2
"""The first copies nearly everything, the second what came in the meantime, which is soon done."""


def back_up(hub: Hub, target: Path, progress: Progress = SILENT) -> Copied:
    """Make a backup, or bring the one that is there up to date; the hub may serve in the meantime.

    Raises:
        InvalidInput: The folder has something else, or belongs to the hub.
        Unavailable: Another backup is made there, or the disk is full.
        Corrupt: The database is damaged.
    """
    target = target.absolute()
    _prepare(hub, target)
    lock = FolderLocks(target).lock("lock", command="hub backup", started=hub.now(), timeout_s=1.0)
    with lock.exclusive():
        source, done = Source(hub.settings.repositories, partial(backend_of, hub)), Copied()
        for _ in range(_ROUNDS):
            fresh = target / "database.next"
            snapshot(hub.database, fresh)
            forget_places(fresh)
            wanted = packs_in(fresh, grace_start(hub))
            before, done = done, copy_packs(source, Folders(target / REPOSITORIES), wanted, progress)
            done.packs, done.bytes = done.packs + before.packs, done.bytes + before.bytes
        with translated(str(target)):
            fresh.replace(target / DATABASE)
            _prune(target / REPOSITORIES, wanted)
    return done


def _prepare(hub: Hub, target: Path) -> None:
    """Make the folder of a backup; nothing may be there that pruning would remove."""
    if target.resolve().is_relative_to(hub.settings.root.resolve()):
        raise InvalidInput(f"{target} is in the folder of the hub", hint="choose a folder on another disk")
    with translated(str(target)):
        target.mkdir(parents=True, exist_ok=True, mode=0o700)
        if not any(target.iterdir()):
            (target / _MARKER).write_text(_FORMAT)
    if not is_backup(target):
        raise InvalidInput(f"{target} has something else than a backup", hint="give a new folder")
    with translated(str(target)):
        (target / REPOSITORIES).mkdir(exist_ok=True, mode=0o700)


def is_backup(folder: Path) -> bool:
    """Say whether a folder has a backup, whole or not."""
    marker = folder / _MARKER
    return marker.is_file() and marker.read_text(errors="replace") == _FORMAT


def _prune(repositories: Path, wanted: Wanted) -> None:
    """Remove from a backup what its database does not name, and what stopped ones left."""
    for folder in repositories.iterdir():
        packs = wanted.get(folder.name)
        if packs is None:
            shutil.rmtree(folder)
            continue
        with closing(LocalBackend(folder)) as backend:
            live = set(map(pack_key, packs))
            for key in [key for key, _ in backend.list("packs/") if key not in live]:
                backend.delete(key)
            backend.sweep(0.0, float("inf"))
