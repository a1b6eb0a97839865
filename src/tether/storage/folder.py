"""How a file gets onto a local disk for good, one named step at a time.

Order of a new file: write it in `tmp/`, fsync it, link it to its name (which never replaces another
file), fsync the folder, drop the temporary name. Before each step that changes the disk its name is
given to the `before_write` hook, so that a test can stop the process there.
"""

import errno
import fcntl
import itertools
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import RLock

from tether.storage.backend import RESERVED

Step = Callable[[str], None]
"""Called with the name of a step: mkdir, create, write, fsync, link, rename, unlink, fsync-folder, lock."""

NO_LINKS = frozenset({errno.EPERM, errno.ENOTSUP, errno.ENOSYS, errno.EMLINK})


class Folder:
    """A root folder, its `tmp/`, and the steps that change files below it.

    Raises OSError only; `LocalBackend` translates.
    """

    def __init__(self, root: Path, step: Step) -> None:
        self.root = os.fspath(root.absolute())
        self.step = step
        self._durable: set[str] = set()
        self._ensuring = RLock()
        self._names = itertools.count()

    def place(self, key: str) -> str:
        """Return the path of a checked key."""
        return f"{self.root}/{key}"

    def temporary(self, mode: int) -> tuple[str, int]:
        """Create a file in `tmp/` and return its path and a descriptor to write it."""
        path = f"{self.root}/{RESERVED}/{os.getpid()}-{next(self._names)}-{os.urandom(6).hex()}"
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
        self.step("create")
        try:
            return path, os.open(path, flags, mode)
        except FileNotFoundError:
            self._ensure(f"{self.root}/{RESERVED}")
            return path, os.open(path, flags, mode)

    def publish(self, temporary: str, key: str) -> bool:
        """Give a file that was fsynced the name of `key`; False, and nothing done, if that is taken.

        Either way the name is durable afterwards: the writer that took it may not be done yet.
        """
        target = self.place(key)
        self._ensure(os.path.dirname(target))  # noqa: PTH120 - paths are strings here
        linked = self._link(temporary, target)
        self._sync(target)
        if not linked:
            return False
        self.unlink(temporary)
        return True

    def replace(self, temporary: str, key: str) -> None:
        """Give a file that was fsynced the name of `key` in place of the file that has it."""
        target = self.place(key)
        self._ensure(os.path.dirname(target))  # noqa: PTH120
        self.step("rename")
        Path(temporary).replace(target)
        self._sync(target)

    def move(self, source: str, target: str) -> bool:
        """Rename durably without replacing another file; False if the target name is taken.

        A reader finds at least one of the names at any time.
        """
        old, new = self.place(source), self.place(target)
        self._ensure(os.path.dirname(new))  # noqa: PTH120
        if not self._link(old, new) and not Path(old).samefile(new):
            return False
        self._sync(new)
        self.unlink(old)
        self._sync(old)
        return True

    def share(self, path: str, key: str) -> bool:
        """Give a file of another folder the name of `key` too; False where it cannot have a second name.

        A file that has the name already stays.
        """
        target = self.place(key)
        self._ensure(os.path.dirname(target))  # noqa: PTH120
        self.step("link")
        try:
            os.link(path, target)
        except FileExistsError:
            pass
        except OSError as error:
            if error.errno not in NO_LINKS | {errno.EXDEV}:
                raise
            return False
        self._sync(target)
        return True

    def unlink(self, path: str) -> None:
        """Remove a file; one that is missing is fine."""
        self.step("unlink")
        Path(path).unlink(missing_ok=True)

    @contextmanager
    def locked(self, key: str) -> Iterator[None]:
        """Keep other writers of this key out, in this process and others."""
        parent, _, name = self.place(key).rpartition("/")
        self._ensure(parent)
        self.step("lock")
        descriptor = os.open(f"{parent}/.{name}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)

    def sweep(self, older_than_s: float, now_s: float) -> tuple[int, int]:
        """Remove files in `tmp/` last written that long ago; return how many, and their bytes."""
        count = freed = 0
        with suppress(FileNotFoundError):
            for path in sorted(Path(self.root, RESERVED).iterdir()):
                with suppress(FileNotFoundError):  # another sweep, or its upload was finished
                    info = path.stat()
                    if now_s - info.st_mtime > older_than_s:
                        self.unlink(os.fspath(path))
                        count, freed = count + 1, freed + info.st_size
        return count, freed

    def _link(self, source: str, target: str) -> bool:
        """Give `source` a second name if that name is free; rename where links do not exist."""
        self.step("link")
        try:
            os.link(source, target)
        except FileExistsError:
            return False
        except OSError as error:
            if error.errno not in NO_LINKS:
                raise
            return self._rename_new(source, target)
        return True

    def _rename_new(self, source: str, target: str) -> bool:
        """Rename on file systems without hard links; the key's lock keeps other Tether writers out."""
        with self.locked(target.removeprefix(self.root + "/")):
            if Path(target).exists():
                return False
            self.step("rename")
            Path(source).rename(target)
        return True

    def _ensure(self, folder: str) -> None:
        """Make a folder and those above it up to the root, and make their names durable.

        Another process may have made one and stopped before its name was on the disk, so each is
        synced the first time it is used here.
        """
        if folder in self._durable:
            return
        with self._ensuring:  # of threads that need it at once, one does it
            if folder not in self._durable:
                self._make_durable(folder)
                self._durable.add(folder)

    def _make_durable(self, folder: str) -> None:
        if folder != self.root:
            self._ensure(os.path.dirname(folder))  # noqa: PTH120
        try:
            os.stat(folder)  # noqa: PTH116
            made = False
        except FileNotFoundError:
            self.step("mkdir")
            Path(folder).mkdir(exist_ok=True)
            made = True
        if made or folder != self.root:
            self._sync(folder)

    def _sync(self, path: str) -> None:
        """Make the name `path`, or its absence, durable: fsync the folder that holds it."""
        self.step("fsync-folder")
        descriptor = os.open(os.path.dirname(path), os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)  # noqa: PTH120
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
