"""Things that go wrong on purpose: calls that fail, processes that stop, power that is cut."""

import os
import signal
from collections.abc import Callable, Sequence
from pathlib import Path

from tether.core.digest import Buffer
from tether.storage.backend import Backend, Upload, check_key
from tether.storage.memory import MemoryBackend
from tether.storage.wrappers import UploadWrapper, Wrapper


class Stopped(BaseException):
    """The process is taken to have ended here; nothing that follows reaches the disk."""


class Faults(Wrapper):
    """Counts the changing calls (writes and finishes of uploads too) and lets one of them fail.

    Args:
        inner: The backend that is called.
        at: Number of the call that fails, from 0; None for none.
        error: Makes what is raised. With `Stopped` all later calls raise it too.
        after: Make the change first, then fail: a reply that is lost.

    Attributes:
        steps: The names of the changing calls so far, the failed one included.
    """

    def __init__(
        self,
        inner: Backend,
        at: int | None = None,
        *,
        error: Callable[[], BaseException] = Stopped,
        after: bool = False,
    ) -> None:
        super().__init__(inner)
        self.steps: list[str] = []
        self.stopped = False
        self._at = at
        self._error = error
        self._after = after

    def step(self, name: str, change: Callable[[], None]) -> None:
        """Do one change, or fail in its place or behind it."""
        self.alive()
        number = len(self.steps)
        self.steps.append(name)
        if number != self._at:
            change()
            return
        if self._after:
            change()
        error = self._error()
        self.stopped = isinstance(error, Stopped)
        raise error

    def alive(self) -> None:
        """Raise Stopped once the process has ended."""
        if self.stopped:
            raise Stopped

    def read(self, key: str, offset: int = 0, length: int | None = None) -> bytes:
        """Read, unless stopped."""
        self.alive()
        return self.inner.read(key, offset, length)

    def upload(self) -> Upload:
        """Begin an upload whose steps are counted."""
        self.alive()
        return FaultyUpload(self, self.inner.upload())

    def write_new(self, key: str, data: Buffer) -> None:
        """Write, as one step."""
        self.step("write_new", lambda: self.inner.write_new(key, data))

    def swap(self, key: str, expected: bytes | None, new: bytes) -> None:
        """Swap, as one step."""
        self.step("swap", lambda: self.inner.swap(key, expected, new))

    def delete(self, key: str) -> None:
        """Delete, as one step."""
        self.step("delete", lambda: self.inner.delete(key))

    def move(self, source: str, target: str) -> None:
        """Move, as one step."""
        self.step("move", lambda: self.inner.move(source, target))


class FaultyUpload(UploadWrapper):
    """An upload whose writes and finish are steps of a `Faults`."""

    def __init__(self, faults: Faults, inner: Upload) -> None:
        super().__init__(inner)
        self._faults = faults

    def write(self, data: Buffer) -> None:
        """Write, as one step."""
        self._faults.step("write", lambda: self.inner.write(data))

    def write_many(self, buffers: Sequence[Buffer]) -> None:
        """Write, as one step."""
        self._faults.step("write", lambda: self.inner.write_many(buffers))

    def finish(self, key: str) -> None:
        """Finish, as one step."""
        self._faults.step("finish", lambda: self.inner.finish(key))

    def abort(self) -> None:
        """Clean up, unless stopped: a process that has ended does not."""
        if not self._faults.stopped:
            self.inner.abort()


class LossyBackend(MemoryBackend):
    """A backend whose power can be cut: what the contract does not promise to be durable is undone.

    Finished values, new values, swaps and moves stay. Uploads under way are lost (put `Faults` around
    this one to stop in the middle), and deleted values come back.
    """

    def __init__(self) -> None:
        super().__init__()
        self._deleted: dict[str, bytes] = {}

    def delete(self, key: str) -> None:
        """Remove a value, until the power is cut."""
        check_key(key)
        with self._lock:
            if key in self._values:
                self._deleted[key] = self._values.pop(key)

    def cut(self) -> None:
        """Cut the power: every deleted value is there again, unless its key has a new one."""
        with self._lock:
            self._values = {**self._deleted, **self._values}
            self._deleted = {}


def kill_before(number: int) -> Callable[[str], None]:
    """Return a `before_write` hook for LocalBackend that kills this process before step `number`, from 0."""
    left = number

    def hook(_name: str) -> None:
        nonlocal left
        if not left:
            os.kill(os.getpid(), signal.SIGKILL)
        left -= 1

    return hook


class Disk:
    """What of a folder would survive a power cut, followed through its calls of fsync.

    A file has the content of its last fsync (else it is empty) and a folder the names of its last
    fsync. What lies there at the start is durable. Put `fsync` in the place of `os.fsync`, and call
    `close` at the end: files that were synced are held open, so that no inode number is used twice.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self._fsync = os.fsync
        self._contents: dict[int, bytes] = {}
        self._names: dict[int, dict[str, tuple[int, bool]]] = {}
        self._held: list[int] = []
        for folder, _, files in os.walk(root):
            self._see_folder(Path(folder))
            for name in files:
                self._see_file(Path(folder, name))

    def fsync(self, descriptor: int) -> None:
        """Note that this file's content or this folder's names are now on the disk."""
        self._fsync(descriptor)
        self._held.append(os.dup(descriptor))
        path = Path(f"/proc/self/fd/{descriptor}").readlink()
        if path.is_dir():
            self._see_folder(path)
        else:
            self._see_file(path)

    def close(self) -> None:
        """Let go of the files."""
        for descriptor in self._held:
            os.close(descriptor)

    def after_cut(self, target: Path, *, names_kept: bool = False) -> None:
        """Write to `target` what would be there after a power cut now.

        Args:
            target: A folder that does not exist yet.
            names_kept: The file system wrote the names earlier than it had to.
        """
        self._restore(self.root.stat().st_ino, self.root, target, names_kept)

    def _restore(self, inode: int, source: Path, target: Path, names_kept: bool) -> None:
        target.mkdir()
        names = _names_in(source) if names_kept else self._names.get(inode, {})
        for name, (child, is_folder) in names.items():
            if is_folder:
                self._restore(child, source / name, target / name, names_kept)
            else:
                (target / name).write_bytes(self._contents.get(child, b""))

    def _see_folder(self, path: Path) -> None:
        self._names[path.stat().st_ino] = _names_in(path)

    def _see_file(self, path: Path) -> None:
        self._contents[path.stat().st_ino] = path.read_bytes()


def _names_in(folder: Path) -> dict[str, tuple[int, bool]]:
    return {child.name: (child.stat().st_ino, child.is_dir()) for child in folder.iterdir()}
