"""Temporary clean rooms: each is locked while somebody is at work in it, so that those of the dead can go.

A killed process leaves its room behind. The lock is a `flock` on the folder itself, which the kernel drops
with the last process that has it open; the command in the room has it open too.
"""

import fcntl
import os
import shutil
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

from tether.storage.oserrors import translated

_PREFIX = "tether-room-"


class RoomPlace(NamedTuple):
    """A folder for a clean room.

    Attributes:
        folder: Where; it is empty.
        lock: An open file that shows that somebody is at work there; None where nobody else may remove it.
    """

    folder: Path
    lock: int | None = None


@contextmanager
def temporary_room(base: str | None) -> Iterator[RoomPlace]:
    """Yield an empty folder that goes when the block ends, or with the next room if this process is killed.

    Args:
        base: Where; None is the folder of the system for temporary files.

    Raises:
        Unavailable: The disk is full.
    """
    clear_rooms(base)
    while True:
        with translated(base or tempfile.gettempdir()):
            made = tempfile.TemporaryDirectory(prefix=_PREFIX, dir=base, ignore_cleanup_errors=True)
        with made as name:
            folder = Path(name).resolve()
            lock = _locked(folder, wait=True)
            try:
                # Who clears rooms may have taken it for one that was left, between making and locking it.
                if folder.is_dir() if lock is None else _is_same(lock, folder):
                    yield RoomPlace(folder, lock)
                    return
            finally:
                if lock is not None:
                    os.close(lock)


def clear_rooms(base: str | None) -> list[Path]:
    """Remove the rooms of this user in which nobody is at work any more; return those that went."""
    cleared = []
    for folder in sorted(Path(base or tempfile.gettempdir()).glob(f"{_PREFIX}*")):
        lock = _locked(folder, wait=False) if _is_own(folder) else None
        if lock is None:
            continue
        try:
            if _is_same(lock, folder):
                shutil.rmtree(folder, ignore_errors=True)
                cleared.append(folder)
        finally:
            os.close(lock)
    return cleared


def _is_own(folder: Path) -> bool:
    """Say whether it is a folder of this user: others can make any name in a folder for temporary files."""
    with suppress(OSError):
        found = folder.lstat()
        return stat.S_ISDIR(found.st_mode) and found.st_uid == os.geteuid()
    return False


def _locked(folder: Path, *, wait: bool) -> int | None:
    """Lock a folder; None where it is gone, somebody else has it, or the file system has no locks."""
    try:
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(descriptor)
        return None
    return descriptor


def _is_same(descriptor: int, folder: Path) -> bool:
    with suppress(OSError):
        return os.path.samestat(os.fstat(descriptor), folder.lstat())
    return False
