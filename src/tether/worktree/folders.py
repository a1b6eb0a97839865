"""Opens folders of a working copy by path, one component at a time, following no symbolic link.

A path in a tree never says where a link that someone put in its way leads, so each component is opened
relative to the descriptor of the one above it.
"""

import os
import stat
import threading
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

from tether.core.names import display
from tether.errors import TetherError
from tether.storage.oserrors import translate
from tether.worktree.files import RECORD

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_KEPT = 64


class Folders:
    """Open folders from the top to the one asked for last; serves one thread.

    Neighbours in the tree share the descriptors of the folders above them, so a walk in order opens each
    folder once.

    Raises:
        NotFound: The top folder is gone.
        Forbidden: It cannot be read.
    """

    def __init__(self, root: Path) -> None:
        try:
            descriptor = os.open(root, _FOLDER & ~os.O_NOFOLLOW)
        except OSError as error:
            raise failure(error, b"") from error
        self._chain: list[tuple[bytes, int]] = [(b"", descriptor)]

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def open(self, path: bytes) -> int:
        """Return a descriptor of the folder at `path`, good until the next call.

        Raises:
            OSError: It is missing, not a folder, or a component is a symbolic link.
        """
        return self._descend(path, create=False)

    def make(self, path: bytes) -> int:
        """Return a descriptor of the folder at `path`, making what is missing; see `open`."""
        return self._descend(path, create=True)

    def forget(self, path: bytes) -> None:
        """Close the folder at `path` and those below it, since it is going away."""
        prefix = path + b"/"
        while len(self._chain) > 1 and (self._chain[-1][0] == path or self._chain[-1][0].startswith(prefix)):
            os.close(self._chain.pop()[1])

    def close(self) -> None:
        """Close all descriptors."""
        while self._chain:
            os.close(self._chain.pop()[1])

    def _descend(self, path: bytes, *, create: bool) -> int:
        while not _leads_to(self._chain[-1][0], path):
            os.close(self._chain.pop()[1])
        here, descriptor = self._chain[-1]
        rest = path[len(here) + 1 :] if here else path
        if here == path:
            return descriptor
        for name in rest.split(b"/"):
            if create:
                descriptor = _open_or_make(name, descriptor)
            else:
                descriptor = os.open(name, _FOLDER, dir_fd=descriptor)
            here = here + b"/" + name if here else name
            self._chain.append((here, descriptor))
            if len(self._chain) > _KEPT:
                os.close(self._chain.pop(1)[1])
        return descriptor


def _leads_to(folder: bytes, path: bytes) -> bool:
    return not folder or path == folder or path.startswith(folder + b"/")


def _open_or_make(name: bytes, parent: int) -> int:
    try:
        return os.open(name, _FOLDER, dir_fd=parent)
    except FileNotFoundError:
        with suppress(FileExistsError):  # another thread was quicker
            os.mkdir(name, dir_fd=parent)
        return os.open(name, _FOLDER, dir_fd=parent)


def remove_tree(folders: Folders, top: bytes, *, only_folders: bool = False) -> None:
    """Remove a folder with all that is in it, however deep it goes; no link is followed.

    Args:
        folders: Opens the folders of the working copy.
        top: Where the folder is.
        only_folders: Remove nothing but folders, so that one with a file in it is an error.

    Raises:
        OSError: Something may not be removed; what was in the way before it is gone.
    """
    waiting, seen = [top], set[bytes]()
    while waiting:
        path = waiting[-1]
        if path not in seen:
            seen.add(path)
            descriptor = folders.open(path)
            for name in map(os.fsencode, os.listdir(descriptor)):
                record = lstat_record(name, descriptor)
                if record is not None and is_folder(record):
                    waiting.append(join(path, name))
                elif not only_folders:
                    os.unlink(name, dir_fd=descriptor)
            continue
        waiting.pop()
        folder, name = split(path)
        folders.forget(path)
        os.rmdir(name, dir_fd=folders.open(folder))


class ThreadFolders:
    """Open folders for several threads, each with its own."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._local = threading.local()
        self._opened: list[Folders] = []

    def mine(self) -> Folders:
        """Return those of the thread that asks."""
        folders: Folders | None = getattr(self._local, "folders", None)
        if folders is None:
            folders = self._local.folders = Folders(self._root)
            self._opened.append(folders)
        return folders

    def close(self) -> None:
        """Close all; no thread may use them any more."""
        for folders in self._opened:
            folders.close()


def join(folder: bytes, name: bytes) -> bytes:
    """Return the path of `name` in `folder`, where the top folder is `b""`."""
    return folder + b"/" + name if folder else name


def split(path: bytes) -> tuple[bytes, bytes]:
    """Return the folder that `path` lies in and its last component."""
    folder, _, name = path.rpartition(b"/")
    return folder, name


def lstat_record(name: bytes, dirfd: int) -> bytes | None:
    """Return the stat record of an entry of an open folder, or None when there is none."""
    try:
        found = os.stat(name, dir_fd=dirfd, follow_symlinks=False)
    except (FileNotFoundError, NotADirectoryError):
        return None
    return RECORD.pack(
        found.st_mode, 0, found.st_size, found.st_mtime_ns, found.st_ctime_ns, found.st_ino, found.st_dev
    )


def is_folder(record: bytes) -> bool:
    """Return whether a stat record is that of a directory."""
    return stat.S_ISDIR(int.from_bytes(record[:4], "little"))


def failure(error: OSError, path: bytes) -> TetherError:
    """Return our error for what the system said about `path` of the working copy."""
    return translate(error, display(path) if path else "the top folder of the working copy")
