"""A working copy: where its files are, where its state is kept, and the lock that its writers hold."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tether.core.pathfilter import EVERYTHING, PathFilter
from tether.storage.locks import LockFile, Wait
from tether.storage.oserrors import translated

STATE_FOLDER = "worktree"
"""Name of the state folder inside the repository's own folder."""

_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


@dataclass(slots=True)
class WorkTree:
    """The files of one working copy and the state beside them.

    Attributes:
        root: Folder of the files.
        state_dir: Folder of the stat cache, the journals and the lock.
        lock: Taken by whoever changes the files or the state.
        boot_id: Names the running system since its last start; empty when it is not known, which makes
            files that were not synced distrusted at once.
        shown: The part of the tree that is here, all of it unless this is set; a file of the rest that is
            not there was not deleted.
    """

    root: Path
    state_dir: Path
    lock: LockFile
    boot_id: bytes = b""
    shown: PathFilter = EVERYTHING
    _depth: int = field(default=0, repr=False)

    @classmethod
    def open(
        cls,
        root: Path,
        repository: Path,
        *,
        command: str = "",
        started: int = 0,
        boot_id: bytes | None = None,
    ) -> "WorkTree":
        """Return the working copy in `root` of the repository in the folder `repository`.

        Args:
            root: Folder of the files.
            repository: The `.tether` folder.
            command: What this process does, for those who wait for the lock.
            started: When it began, microseconds since 1970.
            boot_id: As the attribute; read from the system when None.
        """
        state_dir = repository / STATE_FOLDER
        with translated(str(state_dir)):
            state_dir.mkdir(exist_ok=True)
        lock = LockFile(state_dir / "lock", command=command, started=started)
        return cls(root, state_dir, lock, read_boot_id() if boot_id is None else boot_id)

    @property
    def held(self) -> bool:
        """Whether this object holds the lock now."""
        return self._depth > 0

    @contextmanager
    def exclusive(self, wait: Wait | None = None) -> Iterator[None]:
        """Hold the lock alone; inside a block of the same object it is held already.

        Raises:
            Unavailable: Another process holds it for too long; names the process.
        """
        if self._depth:
            self._depth += 1
            try:
                yield
            finally:
                self._depth -= 1
            return
        with self.lock.exclusive(wait):
            self._depth = 1
            try:
                yield
            finally:
                self._depth = 0

    def clock(self) -> int:
        """Return the time of the file system in nanoseconds, as a file written now would get it.

        Raises:
            Forbidden: The state folder cannot be written.
        """
        path = self.state_dir / "clock"
        with translated(str(path)):
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o666)
            try:
                os.utime(descriptor)
                return os.fstat(descriptor).st_mtime_ns
            finally:
                os.close(descriptor)


def read_boot_id() -> bytes:
    """Return what names the running system since its last start; empty where it has no such name."""
    try:
        return _BOOT_ID.read_bytes().strip()
    except OSError:
        return b""
