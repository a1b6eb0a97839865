"""Scans folders of a working copy, some folders ahead of the caller in a few threads.

A scan opens each folder from the top without following links and lists it in one native call that
runs without the interpreter lock.
"""

import os
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from types import TracebackType
from typing import Generic, NamedTuple, Self, TypeVar

from tether.core.names import REPOSITORY_FOLDER, is_repository_folder
from tether.worktree.files import scan_directory
from tether.worktree.folders import Folders, ThreadFolders, is_folder, lstat_record
from tether.worktree.ignore import IGNORE_FILE, MAX_TEXT
from tether.worktree.rows import Rows, Shape, from_items, shape_of

THREADS = 2
_TOGETHER = 16
_AHEAD = 6
_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC

Key = TypeVar("Key")


class FolderScan(NamedTuple):
    """One folder as it is on the disk."""

    path: bytes
    rows: Rows
    ignore_text: bytes | None = None
    """What its ignore file holds; None without one."""
    nested: bool = False
    """Whether a repository of its own lies in it."""
    error: OSError | None = None


class FolderRequest(NamedTuple):
    """A folder to scan."""

    path: bytes
    names: tuple[bytes, ...] | None = None
    """Look at these entries alone; None takes all."""


def scan_folder(folders: Folders, request: FolderRequest) -> FolderScan:
    """Return one folder as it is now; what the system refuses is in `error`."""
    path = request.path
    try:
        dirfd = folders.open(path)
        if request.names is not None:
            return _scan_names(dirfd, path, request.names)
        rows, nested = Rows(*scan_directory(dirfd)), False
        if REPOSITORY_FOLDER in rows.names:
            nested = bool(path) and _has_repository(rows)
            if nested or not path:
                rows = without_repository(rows)
        text = read_ignore_file(dirfd) if IGNORE_FILE in rows.names else None
        return FolderScan(path, rows, text, nested)
    except OSError as error:
        return FolderScan(path, Rows(b"", b"", 0), error=error)


def _scan_names(dirfd: int, path: bytes, names: Sequence[bytes]) -> FolderScan:
    found = [(name, lstat_record(name, dirfd)) for name in sorted(set(names))]
    rows = from_items((name, record) for name, record in found if record is not None)
    nested = (
        bool(path) and (record := lstat_record(REPOSITORY_FOLDER, dirfd)) is not None and is_folder(record)
    )
    return FolderScan(path, rows, read_ignore_file(dirfd), nested)


def without_repository(rows: Rows) -> Rows:
    """Return the rows of the top folder without the repository's own folder, whatever its case."""
    kept = [(name, record) for name, record in rows.items() if not is_repository_folder(name)]
    return rows if len(kept) == rows.total else from_items(kept)


def _has_repository(rows: Rows) -> bool:
    record = rows.find(REPOSITORY_FOLDER)
    return record is not None and is_folder(record)


def read_ignore_file(dirfd: int) -> bytes | None:
    """Return what the ignore file of an open folder holds; None without one that is a regular file."""
    try:
        descriptor = os.open(IGNORE_FILE, _READ, dir_fd=dirfd)
    except OSError:
        return None
    try:
        if shape_of(os.fstat(descriptor).st_mode) is not Shape.FILE:
            return None
        parts: list[bytes] = []
        while sum(map(len, parts)) <= MAX_TEXT and (part := os.read(descriptor, 1 << 16)):
            parts.append(part)
        return b"".join(parts)
    finally:
        os.close(descriptor)


class Scanner(Generic[Key]):
    """Scans requested folders in threads; gives the results in the order of the requests.

    Args:
        root: Top folder of the working copy.
        threads: How many threads scan at the same time.
    """

    def __init__(self, root: Path, threads: int = THREADS) -> None:
        self._folders = ThreadFolders(root)
        self._pool = ThreadPoolExecutor(threads, "scan")
        self._waiting: deque[tuple[Key, FolderRequest]] = deque()
        self._running: deque[tuple[list[Key], list[FolderRequest], Future[list[FolderScan]] | None]] = deque()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._pool.shutdown(cancel_futures=True)
        self._folders.close()

    def request(self, key: Key, request: FolderRequest) -> None:
        """Ask for a folder; `key` comes back with its result."""
        self._waiting.append((key, request))

    def results(self) -> Iterator[tuple[Key, FolderScan]]:
        """Yield what was asked for, also what is asked for in between, until nothing is left."""
        while self._waiting or self._running:
            self._submit(1)
            keys, requests, future = self._running.popleft()
            scans = self._scan(requests) if future is None else future.result()
            for key, found in zip(keys, scans, strict=True):
                yield key, found
                self._submit(_TOGETHER)

    def _submit(self, least: int) -> None:
        while len(self._waiting) >= least and len(self._running) < _AHEAD:
            together = [self._waiting.popleft() for _ in range(min(len(self._waiting), _TOGETHER))]
            requests = [request for _, request in together]
            # Looking at single names is work in Python, which another thread would only slow down.
            inline = all(request.names is not None for request in requests)
            future = None if inline else self._pool.submit(self._scan, requests)
            self._running.append(([key for key, _ in together], requests, future))

    def _scan(self, requests: Iterable[FolderRequest]) -> list[FolderScan]:
        return [scan_folder(self._folders.mine(), request) for request in requests]
