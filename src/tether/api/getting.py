"""Files and folders of a repository that lies elsewhere, brought here without a clone.

First it is planned what goes where, from the lists alone; what is in the way ends it before anything is
written. Each file is verified by its digest before it gets its name. A large one grows in a file beside it
that is named by the digest, so a download that was cut goes on where it was, also in another process.
"""

import os
import stat
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from tether.api.downloading import Download, same_file, write_link, write_small
from tether.core.identity import Time
from tether.core.names import check_path, display
from tether.core.progress import SILENT, Progress
from tether.core.tree import EntryKind
from tether.errors import AlreadyExists, InvalidInput
from tether.storage.buckets import OpenBucket, as_surroundings_say
from tether.storage.oserrors import translated
from tether.sync.fileaddress import FileAddress
from tether.sync.places import open_files
from tether.sync.remotefiles import (
    Look,
    RemoteEntry,
    RemoteFiles,
    read_verified,
    read_whole,
    walk_folder,
)
from tether.worktree.folders import Folders, split

if TYPE_CHECKING:
    from tether.sync.places import Connect


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What getting needs of whoever asks.

    Attributes:
        base: What relative folders are relative to.
        connect: Makes connections to hubs.
        clock: Gives the time.
        progress: Told of the bytes that come.
        open_bucket: Opens places in buckets.
    """

    base: Path
    connect: "Connect"
    clock: Callable[[], Time]
    progress: Progress = SILENT
    open_bucket: OpenBucket = as_surroundings_say


@dataclass(frozen=True, slots=True)
class Got:
    """What became of one address.

    Attributes:
        path: The file or folder that is here now.
        commit: The version that it is of.
        entry: What it is there.
        files: How many files and links it is.
        received: How many bytes came; fewer than there are where some were here.
    """

    path: Path
    commit: str
    entry: RemoteEntry
    files: int
    received: int


@dataclass(frozen=True, slots=True)
class Plan:
    """What goes where for one address.

    Attributes:
        look: What was asked for.
        target: The file or folder that it becomes.
        top: The folder below which all is written.
        folders: Below `top`.
        writes: Each file or link with its path below `top`; those that are here already are left out.
        files: How many there are with those.
    """

    look: Look
    target: Path
    top: Path
    folders: tuple[bytes, ...]
    writes: tuple[tuple[bytes, RemoteEntry], ...]
    files: int


def get(address: FileAddress, target: Path, around: Surroundings, *, force: bool = False) -> Got:
    """Bring a file or a folder here as `target`, all of one version.

    A file that is here already as it is there is left alone.

    Args:
        address: Where it is.
        target: What it becomes; its folder is made if it is missing.
        around: Of whoever asks.
        force: Replace files that are other ones.

    Raises:
        NotFound: There is no such file, revision or repository.
        AlreadyExists: Something else is there and `force` is not given, or a folder is in the way.
        Corrupt: What came is not what the digest says; nothing of it has its name then.
        Unavailable: The connection was cut; the same call goes on where it was.
    """
    end = open_files(address.repository, around.base, around.connect, around.open_bucket, around.clock)
    try:
        plan = plan_get(end, address, target, force=force)
        return Got(
            plan.target,
            plan.look.commit,
            plan.look.entry,
            plan.files,
            execute_get(end, plan, around.progress),
        )
    finally:
        end.close()


def read_out(address: FileAddress, out: BinaryIO, around: Surroundings) -> RemoteEntry:
    """Write a file to a stream; it counts only when this returns, since the digest is known at the end.

    Raises:
        InvalidInput: It is a folder.
        Corrupt: What came is not what the digest says.
    """
    end = open_files(address.repository, around.base, around.connect, around.open_bucket, around.clock)
    try:
        look = end.look(address.rev or "HEAD", address.path)
        if look.entry.kind == EntryKind.DIRECTORY:
            raise InvalidInput(
                f"{display(address.path) or 'the top'} is a folder", hint="write it to a folder"
            )

        def take(data: bytes) -> None:
            with translated("the output"):
                out.write(data)

        read_verified(end, look.commit, look.entry, take)
        return look.entry
    finally:
        end.close()


def plan_get(end: RemoteFiles, address: FileAddress, target: Path, *, force: bool) -> Plan:
    """Return what goes where; nothing is written."""
    look = end.look(address.rev or "HEAD", address.path)
    if look.entry.kind != EntryKind.DIRECTORY:
        name = os.fsencode(target.name)
        wanted = [(check_path(name), look.entry)]
        return _planned(look, target, target.parent, wanted, force=force)
    start = len(address.path) + 1 if address.path else 0
    below = [(check_path(entry.path[start:]), entry) for entry in walk_folder(end, look)]
    return _planned(look, target, target, below, force=force)


def _planned(
    look: Look, target: Path, top: Path, below: Sequence[tuple[bytes, RemoteEntry]], *, force: bool
) -> Plan:
    folders, writes, files = [], [], 0
    for path, entry in below:
        if entry.kind == EntryKind.DIRECTORY:
            folders.append(path)
            continue
        files += 1
        if not _is_here(top / os.fsdecode(path), entry, force=force):
            writes.append((path, entry))
    return Plan(look, target, top, tuple(folders), tuple(writes), files)


def _is_here(place: Path, entry: RemoteEntry, *, force: bool) -> bool:
    """Say whether a file is here already as it is to be.

    Raises:
        AlreadyExists: Another one is, or a folder.
    """
    with translated(str(place)):
        try:
            found = place.lstat()
        except (FileNotFoundError, NotADirectoryError):
            return False
        if same_file(place, found, entry):
            return True
    if stat.S_ISDIR(found.st_mode):
        raise AlreadyExists(f"{place} is a folder here and a file there", hint="choose another place with -o")
    if not force:
        raise AlreadyExists(
            f"{place} exists and is another file",
            hint="choose another place with -o, or replace it with --force",
        )
    return False


def execute_get(end: RemoteFiles, plan: Plan, progress: Progress) -> int:
    """Bring what a plan says and return how many bytes came."""
    with translated(str(plan.top)):
        plan.top.mkdir(parents=True, exist_ok=True)
    progress.start("getting files", sum(entry.size for _, entry in plan.writes), "bytes")
    received = 0
    with Folders(plan.top) as folders, translated(str(plan.target)):
        for path in plan.folders:
            folders.make(path)
        for count in _written(end, plan, folders, progress):
            received += count
    progress.finish()
    return received


def _written(end: RemoteFiles, plan: Plan, folders: Folders, progress: Progress) -> Iterator[int]:
    """Write one file after the other, small ones first, and yield how many bytes came for each."""
    entries = [entry for _, entry in plan.writes]
    left = set(range(len(entries)))
    for at, data in end.small(entries):
        path, entry = plan.writes[at]
        left.discard(at)
        folder, name = split(path)
        if entry.kind == EntryKind.SYMLINK:
            write_link(folders.make(folder), name, data)
        else:
            write_small(folders.make(folder), name, entry, data)
        progress.advance(len(data))
        yield len(data)
    for at in sorted(left):
        yield _large(end, plan, at, folders, progress)


def _large(end: RemoteFiles, plan: Plan, at: int, folders: Folders, progress: Progress) -> int:
    """Bring one file by itself and return how many bytes came."""
    path, entry = plan.writes[at]
    folder, name = split(path)
    if entry.kind == EntryKind.SYMLINK:
        target = read_whole(end, plan.look.commit, entry)
        write_link(folders.make(folder), name, target)
        progress.advance(len(target))
        return len(target)
    with Download(folders.make(folder), name, entry) as download:
        progress.advance(download.size)
        return download.run(
            lambda start, take: end.read(plan.look.commit, entry, start, entry.size, take), progress
        )
