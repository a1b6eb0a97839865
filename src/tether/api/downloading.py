"""Writes files that come from elsewhere: verified, whole or not at all, and going on after a cut."""

import fcntl
import os
import stat
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

from blake3 import blake3

from tether.core.digest import hash_bytes
from tether.core.names import display
from tether.core.progress import Progress
from tether.core.tree import EntryKind
from tether.errors import Corrupt, Unavailable
from tether.storage.locks import BUSY
from tether.storage.oserrors import translated
from tether.sync.remotefiles import RemoteEntry, Take
from tether.worktree.files import TEMPORARY_PREFIX
from tether.worktree.written import MODES

_BLOCK = 1 << 20
_FLAGS = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
_LONGEST_TARGET = 4095
Source = Callable[[int, Take], None]
"""Gives the bytes of a file from an offset on."""


def same_file(place: Path, found: os.stat_result, entry: RemoteEntry) -> bool:
    """Say whether what lies at a place is what an entry says; a file is read for it."""
    if stat.S_ISLNK(found.st_mode):
        return entry.kind == EntryKind.SYMLINK and hash_bytes(os.fsencode(place.readlink())) == entry.digest
    if not stat.S_ISREG(found.st_mode) or entry.kind == EntryKind.SYMLINK or found.st_size != entry.size:
        return False
    if bool(found.st_mode & stat.S_IXUSR) != (entry.kind == EntryKind.EXECUTABLE):
        return False
    hasher = blake3()
    hasher.update_mmap(place)
    return hasher.digest() == entry.digest


def write_small(folder: int, name: bytes, entry: RemoteEntry, data: bytes) -> None:
    """Write a verified content under its name in an open folder; what was there is replaced."""
    temporary = _own_name(folder)
    descriptor = os.open(temporary, _FLAGS | os.O_EXCL, MODES[entry.kind], dir_fd=folder)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
        os.rename(temporary, name, src_dir_fd=folder, dst_dir_fd=folder)
    except BaseException:
        os.unlink(temporary, dir_fd=folder)
        raise


def write_link(folder: int, name: bytes, target: bytes) -> None:
    """Make a symbolic link in an open folder; what was there is replaced.

    Raises:
        Corrupt: It cannot lead there.
    """
    if not target or b"\0" in target or len(target) > _LONGEST_TARGET:
        raise Corrupt(f"the link {display(name)} leads nowhere")
    temporary = _own_name(folder)
    os.symlink(target, temporary, dir_fd=folder)
    os.rename(temporary, name, src_dir_fd=folder, dst_dir_fd=folder)


def _own_name(folder: int) -> bytes:
    """Return the name of a file of this process that is not there; one that a process left is removed."""
    temporary = TEMPORARY_PREFIX + b"%d-get" % os.getpid()
    with suppress(FileNotFoundError):
        os.unlink(temporary, dir_fd=folder)
    return temporary


class Download:
    """A file that grows under a name made of its digest, until it is whole and gets its own.

    What an earlier download left is taken up. Whoever downloads holds a lock on the file.

    Args:
        folder: The open folder in which it lies.
        name: What it becomes.
        entry: What it shall be.

    Attributes:
        size: How many bytes were there already.

    Raises:
        Unavailable: Another process downloads the same file.
    """

    def __init__(self, folder: int, name: bytes, entry: RemoteEntry) -> None:
        self._folder, self._name, self._entry = folder, name, entry
        mark = b"x" if entry.kind == EntryKind.EXECUTABLE else b""
        self._temporary = TEMPORARY_PREFIX + entry.digest.hex()[:32].encode() + mark
        self._file = os.open(self._temporary, _FLAGS, MODES[entry.kind], dir_fd=folder)
        try:
            self._lock()
            self.size = os.fstat(self._file).st_size
            if self.size > entry.size:
                self._restart()
        except BaseException:
            os.close(self._file)
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        os.close(self._file)

    def run(self, source: Source, progress: Progress) -> int:
        """Take what is not there yet, verify all of it, give it its name; return how many bytes came.

        Raises:
            Corrupt: What came is not what the digest says; nothing of it is kept.
        """
        taken_up, before = self.size > 0, self.size
        received = self._take(source, progress)
        if received is None and taken_up:  # what an earlier one left was damaged
            progress.advance(-before)
            self._restart()
            received = self._take(source, progress)
        if received is None:
            os.unlink(self._temporary, dir_fd=self._folder)
            raise Corrupt(f"{display(self._entry.path)} arrived damaged", hint="run the command again")
        os.fsync(self._file)
        os.rename(self._temporary, self._name, src_dir_fd=self._folder, dst_dir_fd=self._folder)
        return received

    def _take(self, source: Source, progress: Progress) -> int | None:
        """Append what is missing; return how many bytes came, or None where the whole is another file."""
        hasher = blake3()
        for start in range(0, self.size, _BLOCK):
            hasher.update(os.pread(self._file, _BLOCK, start))
        start = self.size

        def take(data: bytes) -> None:
            hasher.update(data)
            with translated(display(self._name)):
                written = 0
                while written < len(data):
                    written += os.pwrite(self._file, data[written:], self.size + written)
            self.size += len(data)
            progress.advance(len(data))

        source(start, take)
        return self.size - start if hasher.digest() == self._entry.digest else None

    def _restart(self) -> None:
        os.ftruncate(self._file, 0)
        self.size = 0

    def _lock(self) -> None:
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if os.fstat(self._file).st_nlink:
                return
        except OSError as error:
            if error.errno not in BUSY:
                raise
        raise Unavailable(
            f"another process downloads {display(self._entry.path)}", hint="wait for it, or stop it"
        )
