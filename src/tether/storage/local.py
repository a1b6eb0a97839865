"""A folder of a local file system as a backend.

Unfinished values lie in `tmp/` of the same folder and get their key only when they are on the disk.
`.NAME.lock` beside a swapped key is an empty file that orders the writers; it is never removed.
Not for network file systems: locks and the order of writes are not kept there.
"""

import errno
import fcntl
import mmap
import os
import stat
from collections.abc import Iterator, Sequence
from contextlib import suppress
from io import FileIO
from pathlib import Path

from tether.core.digest import Buffer
from tether.errors import AlreadyExists, Conflict, NotFound
from tether.storage.backend import RESERVED, GivenUp, check_key, check_prefix, span, truncated
from tether.storage.descriptors import Descriptors
from tether.storage.folder import Folder, Step
from tether.storage.oserrors import translate, translated

BATCH = 1024
"""Buffers a `writev` takes; Linux and macOS allow no more (IOV_MAX)."""


def any_step(_name: str) -> None:
    """Let every step happen: the hook of a backend that is not under a crash test."""


_CALL = 256 << 10
"""Bytes given to one system call. For more Linux takes huge pages, which are slow to get where free memory
goes back to the host of a virtual machine (measured: 0.6 GB/s with 4 MiB a call, 3.7 with 256 KiB)."""


_DIRECT: int = getattr(os, "O_DIRECT", 0)
_SECTOR = 4096
_LARGE = 256 << 10


class LocalUpload(GivenUp):
    """A value that is being written to a file in `tmp/`; see `storage.backend.Upload`."""

    __slots__ = ("_descriptor", "_direct", "_folder", "_path", "_size")

    def __init__(self, folder: Folder, mode: int = 0o444) -> None:
        self._folder = folder
        self._size = 0
        self._direct = _DIRECT
        self._path, self._descriptor = folder.temporary(mode)

    def write(self, data: Buffer) -> None:
        """Append all of `data`."""
        self._folder.step("write")
        rest = memoryview(data).cast("B")
        try:
            written = self._write_direct(rest)
            while written < len(rest):
                written += os.write(self._descriptor, rest[written : written + _CALL])
        except OSError as error:
            raise translate(error, self._path) from error
        self._size += len(rest)

    def _write_direct(self, data: memoryview) -> int:
        """Write past the page cache what can be; return how many bytes that were.

        The copy there would cost as much as all else that is done to a large file, and push out of memory
        what is needed more: what was just written is read next when it is sent, long after.
        """
        if not self._direct or len(data) < _LARGE or (len(data) | self._size) % _SECTOR:
            return 0
        fcntl.fcntl(self._descriptor, fcntl.F_SETFL, self._direct)
        written = 0
        try:
            while written < len(data):
                written += os.write(self._descriptor, data[written:])
        except OSError as error:
            if error.errno != errno.EINVAL:  # not at such an address, or not on such a file system
                raise
            self._direct = 0
        finally:
            fcntl.fcntl(self._descriptor, fcntl.F_SETFL, 0)
        return written

    def write_many(self, buffers: Sequence[Buffer]) -> None:
        """Append the buffers in order, up to 1024 of them a system call."""
        for start in range(0, len(buffers), BATCH):
            batch = buffers[start : start + BATCH]
            total = sum(memoryview(each).nbytes for each in batch)
            self._folder.step("write")
            try:
                written = os.writev(self._descriptor, batch)
            except OSError as error:
                raise translate(error, self._path) from error
            self._size += written
            if written < total:
                self.write(memoryview(b"".join(batch))[written:])

    def finish(self, key: str) -> None:
        """Make the value durable under `key`, all or nothing."""
        check_key(key)
        with translated(key):
            if not self.publish(key) and os.stat(self._folder.place(key)).st_size != self._size:
                raise AlreadyExists(f"another value is stored as {key}", hint="run `tether fsck`")
        self.abort()  # the file, if another one was there first

    def publish(self, key: str) -> bool:
        """Make the value durable under a free key; False if the key is taken."""
        self.sync()
        published = self._folder.publish(self._path, key)
        if published:
            self._path = ""
        return published

    def replace(self, key: str) -> None:
        """Make the value durable under `key` in place of the one there."""
        self.sync()
        self._folder.replace(self._path, key)
        self._path = ""

    def adopt_mode(self, key: str) -> None:
        """Give the file the permissions of the one at `key`, which it will replace."""
        os.fchmod(self._descriptor, stat.S_IMODE(os.stat(self._folder.place(key)).st_mode))

    def sync(self) -> None:
        """Bring all that was written to the disk; nothing can be written afterwards."""
        self._folder.step("fsync")
        os.fsync(self._descriptor)
        self._close()

    def abort(self) -> None:
        """Remove the file; without effect after `finish`."""
        self._close()
        if self._path:
            path, self._path = self._path, ""
            with suppress(OSError):  # what is left is swept later, and the first error matters more
                self._folder.unlink(path)

    def _close(self) -> None:
        if self._descriptor >= 0:
            descriptor, self._descriptor = self._descriptor, -1
            os.close(descriptor)


class LocalBackend:
    """Values as files below a folder; see `storage.backend.Backend`.

    Args:
        path: The folder; the first write makes it, its parent must exist.
        before_write: Called with a step's name before each change on the disk, for crash tests.
    """

    def __init__(self, path: Path, *, before_write: Step = any_step) -> None:
        self.path = path
        self._folder = Folder(path, before_write)
        self._files = Descriptors()

    def read(self, key: str, offset: int = 0, length: int | None = None) -> bytes:
        """Return `length` bytes from `offset`, or all that follows."""
        place = self._folder.place(check_key(key))
        try:
            file = self._files.acquire(place)
            try:
                wanted = span(key, file.size, offset, length)
                data = os.pread(file.descriptor, wanted, offset)
                while len(data) < wanted:
                    data += _more(file.descriptor, wanted - len(data), offset + len(data), key)
            finally:
                self._files.release(file)
        except OSError as error:
            raise translate(error, key) from error
        return data

    def read_into(self, key: str, offset: int, buffer: bytearray | memoryview) -> None:
        """Fill `buffer` with the bytes from `offset`."""
        view = memoryview(buffer).cast("B")
        place = self._folder.place(check_key(key))
        try:
            file = self._files.acquire(place)
            try:
                wanted = span(key, file.size, offset, len(view))
                done = 0
                while done < wanted:
                    got = os.preadv(file.descriptor, [view[done:]], offset + done)
                    if not got:
                        raise truncated(key)
                    done += got
            finally:
                self._files.release(file)
        except OSError as error:
            raise translate(error, key) from error

    def open_file(self, key: str) -> FileIO:
        """Return the value as an open file; it stays readable when the key is deleted.

        Raises:
            NotFound: There is no such key.
        """
        with translated(key):
            file = FileIO(self._folder.place(check_key(key)))
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                file.close()
                raise NotFound(f"not found: {key}")
            return file

    def size(self, key: str) -> int:
        """Return the value's length in bytes."""
        with translated(key):
            info = os.stat(self._folder.place(check_key(key)))
        if not stat.S_ISREG(info.st_mode):
            raise NotFound(f"not found: {key}")
        return info.st_size

    def map(self, key: str) -> Buffer:
        """Return the whole value mapped into memory; it stays readable when the key is deleted."""
        with translated(key):
            file = self._files.acquire(self._folder.place(check_key(key)))
            try:
                if not file.size:
                    return b""
                return memoryview(mmap.mmap(file.descriptor, file.size, access=mmap.ACCESS_READ))
            finally:
                self._files.release(file)

    def exists(self, key: str) -> bool:
        """Tell whether there is a value."""
        try:
            self.size(key)
        except NotFound:
            return False
        return True

    def list(self, prefix: str) -> Iterator[tuple[str, int]]:
        """Yield (key, size) of the keys that begin with `prefix`, in order of the keys."""
        folder, slash, start = check_prefix(prefix).rpartition("/")
        return self._list(folder + slash, start)

    def _list(self, folder: str, start: str) -> Iterator[tuple[str, int]]:
        with translated(folder or self._folder.root):
            try:
                with os.scandir(self._folder.place(folder)) as entries:
                    found = {e.name + "/" * e.is_dir(): e for e in entries if e.name.startswith(start)}
            except (FileNotFoundError, NotADirectoryError):
                return
        for name in sorted(found):  # "a/" sorts among the names as the keys below it do
            if name[0] == "." or folder + name == RESERVED + "/":
                continue
            if name.endswith("/"):
                yield from self._list(folder + name, "")
                continue
            with suppress(FileNotFoundError):  # deleted since the folder was read
                yield folder + name, found[name].stat().st_size

    def upload(self) -> LocalUpload:
        """Begin a new value as a file in `tmp/`."""
        with translated(f"{self._folder.root}/{RESERVED}"):
            return LocalUpload(self._folder)

    def write_new(self, key: str, data: Buffer) -> None:
        """Store a value durably under a key that has none."""
        check_key(key)
        with translated(key), LocalUpload(self._folder) as upload:
            upload.write(data)
            if not upload.publish(key):
                raise AlreadyExists(f"already exists: {key}")

    def swap(self, key: str, expected: bytes | None, new: bytes) -> None:
        """Replace the value `expected` by `new`, atomically and durably."""
        check_key(key)
        with translated(key), self._folder.locked(key):
            if self._value(key) != expected:
                raise Conflict(
                    f"another writer changed {key}", hint="look at the new state, then run it again"
                )
            with LocalUpload(self._folder, 0o666) as upload:
                if expected is not None:
                    upload.adopt_mode(key)
                upload.write(new)
                upload.replace(key)

    def _value(self, key: str) -> bytes | None:
        try:
            return self.read(key)
        except NotFound:
            return None

    def delete(self, key: str) -> None:
        """Remove a value; one that is missing is fine. A power cut may bring it back."""
        place = self._folder.place(check_key(key))
        with translated(key):
            self._folder.unlink(place)
        self._files.drop(place)

    def move(self, source: str, target: str) -> None:
        """Give the value of `source` the key `target`, durably."""
        self.size(source)
        if check_key(target) == source:
            return
        with translated(source):
            if not self._folder.move(source, target):
                raise AlreadyExists(f"another value is stored as {target}")
        self._files.drop(self._folder.place(source))

    def link(self, source: "LocalBackend", key: str) -> bool:
        """Give the file of a key in another folder the same name here; False where the disk cannot.

        Raises:
            NotFound: There is no such value.
            AlreadyExists: A value of another size is here.
        """
        size = source.size(key)
        with translated(key):
            if not self._folder.share(source._folder.place(key), key):
                return False
        if self.size(key) != size:
            raise AlreadyExists(f"another value is stored as {key}", hint="run `tether fsck`")
        return True

    def sweep(self, older_than_s: float, now_s: float) -> tuple[int, int]:
        """Remove what stopped processes left in `tmp/`; return how many files, and their bytes.

        Args:
            older_than_s: Files written to more recently are left, since their writer may be at work.
            now_s: The time now, in seconds since 1970.
        """
        with translated(f"{self._folder.root}/{RESERVED}"):
            return self._folder.sweep(older_than_s, now_s)

    def close(self) -> None:
        """Close the files held open for reading."""
        self._files.close()


def _more(descriptor: int, wanted: int, offset: int, key: str) -> bytes:
    data = os.pread(descriptor, wanted, offset)
    if not data:
        raise truncated(key)
    return data
