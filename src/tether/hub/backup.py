"""Backups of a hub that serves, in a folder, and hubs made from them.

At every moment the folder holds one whole backup, or none yet: packs are copied under their own names
first, then the copy of the database that names them takes the place of the one before, and only then go
the packs that it does not name. A backup that was stopped goes on where it was; the next copies what is new.
"""

import shutil
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from blake3 import blake3

from tether.core.digest import Digest
from tether.core.progress import SILENT, Progress
from tether.errors import AlreadyExists, Corrupt, InvalidInput, NotFound
from tether.hub.database.copying import require_empty
from tether.hub.database.engine import Database
from tether.hub.hub import Hub
from tether.hub.keeping import grace_start
from tether.hub.repositories import backend_of
from tether.hub.snapshots import copy_database, fill_database, forget_places, packs_in, snapshot
from tether.repo.packs import pack_key
from tether.repo.quarantine import list_aside
from tether.storage.backend import Backend
from tether.storage.local import LocalBackend
from tether.storage.locks import FolderLocks
from tether.storage.oserrors import translated

_MARKER, _FORMAT = "format", "tether hub backup 1\n"
_DATABASE, _REPOSITORIES = "hub.db", "repositories"
_SMALL = ("format", "config.toml")
_BLOCK = 4 << 20
_ROUNDS = 2
"""The first copies nearly everything, the second what came in the meantime, which is soon done."""

Wanted = Mapping[str, tuple[Digest, ...]]
"""The packs of each repository, by its id."""


@dataclass(slots=True)
class Copied:
    """What was done.

    Attributes:
        repositories: How many there are in the backup.
        packs: How many packs were copied; others were there.
        bytes: Of those packs.
        problems: What is damaged or missing where it came from.
    """

    repositories: int = 0
    packs: int = 0
    bytes: int = 0
    problems: list[str] = field(default_factory=list)


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
        done = Copied()
        for _ in range(_ROUNDS):
            fresh = target / "database.next"
            snapshot(hub.database, fresh)
            forget_places(fresh)
            wanted = packs_in(fresh, grace_start(hub))
            done.problems.clear()
            _copy_all(partial(backend_of, hub), target / _REPOSITORIES, wanted, (done, progress))
        done.repositories = len(wanted)
        with translated(str(target)):
            fresh.replace(target / _DATABASE)
            _prune(target / _REPOSITORIES, wanted)
    return done


def restore(source: Path, root: Path, progress: Progress = SILENT, *, url: str = "") -> Copied:
    """Make a hub in a new folder from a backup; each pack is verified. One that was stopped goes on.

    Args:
        source: The backup, of a hub on whichever database.
        root: The folder.
        progress: Told of each pack.
        url: An empty database that takes what the database of the backup has; `hub.db` in the folder
            if not given. It has all or nothing of it, and last.

    Raises:
        NotFound: There is no whole backup.
        AlreadyExists: The folder has something else, or the database is not empty.
        InvalidInput: The address of the database is none.
        Unsupported: The database of the backup is one of a newer hub.
        Unavailable: The disk is full, or the database does not answer.
        Corrupt: The database of the backup is damaged.
    """
    if not (source / _DATABASE).is_file() or not _is_ours(source):
        raise NotFound(f"no whole backup of a hub in {source}", hint="run 'tether hub backup' again")
    if not url:
        done = _restore_packs(source, root, progress)
        copy_database(source / _DATABASE, root / _DATABASE)
        return done
    with closing(Database(url)) as database:
        require_empty(database)
        done = _restore_packs(source, root, progress)
        fill_database(source / _DATABASE, database)
    return done


def _restore_packs(source: Path, root: Path, progress: Progress) -> Copied:
    """Copy all but the database of a backup."""
    with translated(str(root)):
        root.mkdir(parents=True, exist_ok=True, mode=0o700)
        if {entry.name for entry in root.iterdir()} - {_REPOSITORIES, "hub.db.new"}:
            raise AlreadyExists(f"{root} is not empty", hint="give a new folder")
        (root / _REPOSITORIES).mkdir(exist_ok=True, mode=0o700)
    done = Copied()
    wanted = packs_in(source / _DATABASE, 0)
    _copy_all(
        lambda name: LocalBackend(source / _REPOSITORIES / name),
        root / _REPOSITORIES,
        wanted,
        (done, progress),
    )
    done.repositories = len(wanted)
    return done


def _prepare(hub: Hub, target: Path) -> None:
    """Make the folder of a backup; nothing may be there that pruning would remove."""
    if target.resolve().is_relative_to(hub.settings.root.resolve()):
        raise InvalidInput(f"{target} is in the folder of the hub", hint="choose a folder on another disk")
    with translated(str(target)):
        target.mkdir(parents=True, exist_ok=True, mode=0o700)
        if not any(target.iterdir()):
            (target / _MARKER).write_text(_FORMAT)
    if not _is_ours(target):
        raise InvalidInput(f"{target} has something else than a backup", hint="give a new folder")
    with translated(str(target)):
        (target / _REPOSITORIES).mkdir(exist_ok=True, mode=0o700)


def _is_ours(folder: Path) -> bool:
    marker = folder / _MARKER
    return marker.is_file() and marker.read_text(errors="replace") == _FORMAT


def _copy_all(
    source: Callable[[str], Backend], target: Path, wanted: Wanted, told: tuple[Copied, Progress]
) -> None:
    done, progress = told
    homes = _homes(target, wanted)
    progress.start("copying packs", sum(map(len, wanted.values())), "packs")
    for name, packs in wanted.items():
        with translated(str(target / name)):
            (target / name / "locks").mkdir(parents=True, exist_ok=True, mode=0o700)
        with closing(source(name)) as there, closing(LocalBackend(target / name)) as here:
            _copy_small(there, here, done, name)
            for pack in packs:
                progress.advance(1)
                if not here.exists(pack_key(pack)) and not _shared(target, homes.get(pack), here, pack):
                    _copy_wanted(there, here, pack, done)
                if here.exists(pack_key(pack)):
                    homes[pack] = name
    progress.finish()


def _homes(target: Path, wanted: Wanted) -> dict[Digest, str]:
    """Return a repository of the copy that has it already for packs of several: those of forks."""
    count = Counter(pack for packs in wanted.values() for pack in packs)
    several = ((pack, name) for name, packs in wanted.items() for pack in packs if count[pack] > 1)
    return {pack: name for pack, name in several if (target / name / pack_key(pack)).is_file()}


def _shared(target: Path, home: str | None, here: LocalBackend, pack: Digest) -> bool:
    """Give a repository of the copy a pack that another one of it has; say whether that was possible."""
    if home is None or home == here.path.name:
        return False
    with closing(LocalBackend(target / home)) as there:
        return here.link(there, pack_key(pack))


def _copy_wanted(there: Backend, here: LocalBackend, pack: Digest, done: Copied) -> None:
    """Copy a pack from where it is; one that cannot be copied is a problem."""
    key = pack_key(pack)
    try:
        done.bytes += _copy_pack(there, key if there.exists(key) else _set_aside(there, pack), here, pack)
        done.packs += 1
    except (NotFound, Corrupt) as error:
        done.problems.append(f"{here.path.name}: pack {pack.hex()[:12]}: {error}")


def _copy_small(there: Backend, here: LocalBackend, done: Copied, name: str) -> None:
    for key in _SMALL:
        try:
            data = there.read(key)
        except NotFound:
            if key == _SMALL[0]:
                done.problems.append(f"{name}: the hub has lost its files")
            continue
        with translated(key), here.upload() as upload:
            upload.write(data)
            upload.replace(key)


def _set_aside(backend: Backend, pack: Digest) -> str:
    """Return the key of a pack that gc took out of use since the database was copied."""
    found = [each.key for each in list_aside(backend) if each.key.endswith(f"-{pack.hex()}.pack")]
    return found[0] if found else pack_key(pack)


def _copy_pack(there: Backend, key: str, here: LocalBackend, name: Digest) -> int:
    """Copy one pack and return its size; what its name does not say is not kept."""
    size, hasher = there.size(key), blake3()
    with here.upload() as upload:
        for at in range(0, size, _BLOCK):
            block = there.read(key, at, min(_BLOCK, size - at))
            hasher.update(block)
            upload.write(block)
        if hasher.digest() != name:
            raise Corrupt("its bytes are not those that were written")
        upload.finish(pack_key(name))
    return size


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
