"""Open files for reading, kept for the next read of the same key.

A kept descriptor is used only while its key still names that very file. The descriptor keeps the
inode from being given to another file, so equal inodes mean the same file: a key that was deleted,
moved or swapped, by this process or any other, is opened anew.
"""

import os
import stat
import threading
from collections import OrderedDict

LIMIT = 64


class OpenFile:
    """One descriptor, its file's size, and how many reads use it now."""

    __slots__ = ("descriptor", "dropped", "identity", "size", "users")

    def __init__(self, descriptor: int, info: os.stat_result) -> None:
        self.descriptor = descriptor
        self.identity = (info.st_ino, info.st_dev)
        self.size = info.st_size
        self.users = 1
        self.dropped = False


class Descriptors:
    """A bounded set of open files by path; safe to use from several threads.

    Args:
        limit: How many files stay open between reads.
    """

    def __init__(self, limit: int = LIMIT) -> None:
        self._limit = limit
        self._files: OrderedDict[str, OpenFile] = OrderedDict()
        self._lock = threading.Lock()

    def acquire(self, path: str) -> OpenFile:
        """Return the open file now at `path`; give it back with `release`.

        Raises:
            OSError: It cannot be opened, or is not a regular file (FileNotFoundError).
        """
        info = os.stat(path)  # noqa: PTH116 - a path string is at hand and this is the hot path
        identity = (info.st_ino, info.st_dev)
        with self._lock:
            known = self._files.get(path)
            if known is not None and known.identity == identity:
                self._files.move_to_end(path)
                known.users += 1
                return known
        opened = _open(path)
        with self._lock:
            self._drop(path)
            self._files[path] = opened
            while len(self._files) > self._limit:
                self._drop(next(iter(self._files)))
        return opened

    def release(self, file: OpenFile) -> None:
        """Give back what `acquire` returned."""
        with self._lock:
            file.users -= 1
            if file.dropped and not file.users:
                os.close(file.descriptor)

    def drop(self, path: str) -> None:
        """Forget the file at `path`, so that its space can be freed when it was deleted."""
        with self._lock:
            self._drop(path)

    def close(self) -> None:
        """Forget every file."""
        with self._lock:
            for path in list(self._files):
                self._drop(path)

    def __del__(self) -> None:
        """Close the files of a backend that nobody closed: a long process would run out of descriptors."""
        for file in self._files.values():
            os.close(file.descriptor)

    def _drop(self, path: str) -> None:
        known = self._files.pop(path, None)
        if known is not None:
            known.dropped = True
            if not known.users:
                os.close(known.descriptor)


def _open(path: str) -> OpenFile:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    info = os.fstat(descriptor)
    if not stat.S_ISREG(info.st_mode):
        os.close(descriptor)
        raise FileNotFoundError(2, "not a regular file", path)
    return OpenFile(descriptor, info)
