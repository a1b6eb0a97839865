"""Copies of the packs of many repositories: from a hub to its backup, and from there to another hub."""

from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from blake3 import blake3

from tether.core.digest import Digest
from tether.core.progress import SILENT, Progress
from tether.errors import Corrupt, NotFound
from tether.repo.packs import pack_key
from tether.repo.quarantine import list_aside
from tether.repo.repository import FORMAT_KEY
from tether.storage.backend import Backend
from tether.storage.local import LocalBackend
from tether.storage.oserrors import translated

if TYPE_CHECKING:
    from tether.storage.objectstore import ObjectBackend

_SETTINGS = "config.toml"
_BLOCK = 4 << 20

Wanted = Mapping[str, tuple[Digest, ...]]
"""The packs of each repository, by its id."""


@dataclass(slots=True)
class Copied:
    """What was done.

    Attributes:
        repositories: How many there are in the copy.
        packs: How many packs were copied; others were there.
        bytes: Of those packs.
        problems: What is damaged or missing where it came from.
    """

    repositories: int = 0
    packs: int = 0
    bytes: int = 0
    problems: list[str] = field(default_factory=list)


class Target(Protocol):
    """Where copies go; `folder` has a folder for each repository, wherever its packs are."""

    folder: Path

    def open(self, name: str) -> Backend:
        """Return what keeps the packs of a repository; close it after use."""
        ...

    def homes(self, wanted: Wanted) -> dict[Digest, str]:
        """Return a repository of the copy that has it already for packs of several: those of forks."""
        ...

    def share(self, home: str, name: str, pack: Digest) -> bool:
        """Give a repository a pack that another one of the copy has; say whether that was possible."""
        ...


class Folders:
    """Copies in folders.

    Args:
        folder: Of all repositories.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def open(self, name: str) -> Backend:
        """Return the folder of a repository."""
        return LocalBackend(self.folder / name)

    def homes(self, wanted: Wanted) -> dict[Digest, str]:
        """Return who has packs of several."""
        count = Counter(pack for packs in wanted.values() for pack in packs)
        several = ((pack, name) for name, packs in wanted.items() for pack in packs if count[pack] > 1)
        return {pack: name for pack, name in several if (self.folder / name / pack_key(pack)).is_file()}

    def share(self, home: str, name: str, pack: Digest) -> bool:
        """Link the file."""
        with (
            closing(LocalBackend(self.folder / home)) as there,
            closing(LocalBackend(self.folder / name)) as here,
        ):
            return here.link(there, pack_key(pack))


class Parts:
    """Copies in a bucket, where what repositories have in common lies once if the database can say so.

    Args:
        folder: Of the hub, for all that is not in the bucket.
        bucket: Of the hub.
        names: Whether the database has tables for it.

    Attributes:
        shared: The repositories that have a pack, the one in whose part it lies first.
    """

    def __init__(self, folder: Path, bucket: "ObjectBackend", *, names: bool) -> None:
        self.folder, self._bucket, self._names = folder, bucket, names
        self.shared: dict[Digest, list[str]] = {}

    def open(self, name: str) -> Backend:
        """Return the part of a repository."""
        return self._bucket.below(name)

    def homes(self, wanted: Wanted) -> dict[Digest, str]:
        """Return nobody: repositories come in the same order each time, so the first one has it."""
        del wanted
        return {}

    def share(self, home: str, name: str, pack: Digest) -> bool:
        """Note it for the database."""
        if self._names:
            self.shared.setdefault(pack, [home]).append(name)
        return self._names


@dataclass(frozen=True, slots=True)
class Source:
    """Where copies come from.

    Attributes:
        folder: Has a folder for each repository.
        open: Returns what keeps the packs of one; it is closed after use.
    """

    folder: Path
    open: Callable[[str], Backend]


def copy_packs(source: Source, target: Target, wanted: Wanted, progress: Progress = SILENT) -> Copied:
    """Copy what is lacking of all repositories, each pack verified; what cannot be copied is a problem.

    Raises:
        Unavailable: A disk is full, or the bucket does not answer.
    """
    done, homes = Copied(len(wanted)), target.homes(wanted)
    progress.start("copying packs", sum(map(len, wanted.values())), "packs")
    for name, packs in wanted.items():
        with translated(str(target.folder / name)):
            (target.folder / name / "locks").mkdir(parents=True, exist_ok=True, mode=0o700)
        _copy_settings(source.folder / name, target.folder / name)
        with closing(source.open(name)) as there, closing(target.open(name)) as here:
            _copy_format(there, here, done, name)
            for pack in packs:
                progress.advance(1)
                home = homes.get(pack, name)
                if home != name and not here.exists(pack_key(pack)) and target.share(home, name, pack):
                    continue
                if here.exists(pack_key(pack)) or _copy_wanted(there, here, pack, (done, name)):
                    homes.setdefault(pack, name)
    progress.finish()
    return done


def _copy_settings(there: Path, here: Path) -> None:
    """Copy the settings of a repository, which are in its folder also where its packs are not."""
    if not (there / _SETTINGS).is_file():
        return
    with translated(str(here / _SETTINGS)), closing(LocalBackend(here)) as target, target.upload() as upload:
        upload.write((there / _SETTINGS).read_bytes())
        upload.replace(_SETTINGS)


def _copy_format(there: Backend, here: Backend, done: Copied, name: str) -> None:
    try:
        data = there.read(FORMAT_KEY)
    except NotFound:
        done.problems.append(f"{name}: the hub has lost its files")
        return
    before = here.read(FORMAT_KEY) if here.exists(FORMAT_KEY) else None
    if before != data:
        here.swap(FORMAT_KEY, before, data)


def _copy_wanted(there: Backend, here: Backend, pack: Digest, told: tuple[Copied, str]) -> bool:
    """Copy a pack from where it is, and say whether that was possible."""
    key, (done, name) = pack_key(pack), told
    try:
        done.bytes += _copy_pack(there, key if there.exists(key) else _set_aside(there, pack), here, pack)
    except (NotFound, Corrupt) as error:
        done.problems.append(f"{name}: pack {pack.hex()[:12]}: {error}")
        return False
    done.packs += 1
    return True


def _set_aside(backend: Backend, pack: Digest) -> str:
    """Return the key of a pack that gc took out of use since the database was copied."""
    found = [each.key for each in list_aside(backend) if each.key.endswith(f"-{pack.hex()}.pack")]
    return found[0] if found else pack_key(pack)


def _copy_pack(there: Backend, key: str, here: Backend, name: Digest) -> int:
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
