"""Reads files of the working copy: small ones of a folder in one batch, large ones as a stream.

A file that changes while it is read is read again, and given up with a clear answer when it does not
come to rest.
"""

import errno
import os
from array import array
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from blake3 import blake3

from tether.core.digest import Digest
from tether.core.names import display
from tether.errors import Unavailable
from tether.worktree.files import RECORD, read_files
from tether.worktree.folders import lstat_record
from tether.worktree.rows import Shape, parse, shape_in, size_of, sizes_of

SMALL_FILE = 1 << 20
"""Larger files are streamed."""
BATCH = 8 << 20
TRIES = 3
_PIECE = 4 << 20
_OPEN = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_GONE = frozenset({errno.ENOENT, errno.ENOTDIR})

Listed = Sequence[tuple[bytes, bytes]]
"""Name and stat record of files and links of one folder."""
ReadInto = Callable[[memoryview], int]


class _Threads:
    """How many threads hash one stream: those of blake3's pool, which a forked child does not inherit."""

    count = blake3.AUTO


os.register_at_fork(after_in_child=lambda: setattr(_Threads, "count", 1))


class Read(NamedTuple):
    """What was found under one name."""

    name: bytes
    record: bytes
    """The stat record that belongs to the content; empty when nothing is there any more."""
    data: bytes = b""
    digest: Digest | None = None
    """Of a file that was streamed; its data is not kept."""
    error: OSError | None = None


def is_small(record: bytes) -> bool:
    """Return whether what has this stat record is read in a batch: a link or a file that is not large."""
    return size_of(record) <= SMALL_FILE or shape_in(record[:4]) is Shape.SYMLINK


def small_rows(wanted: Listed) -> Listed:
    """Return what `is_small` is true of."""
    sizes = sizes_of([record for _, record in wanted])
    if max(sizes, default=0) <= SMALL_FILE:
        return wanted
    return [row for row in wanted if is_small(row[1])]


def batches(wanted: Listed, limit: int = BATCH) -> Iterator[Listed]:
    """Cut (name, stat record) pairs of one folder into batches of about `limit` bytes."""
    start = size = 0
    for at, more in enumerate(sizes_of([record for _, record in wanted]), 1):
        size += more
        if size >= limit:
            yield wanted[start:at]
            start, size = at, 0
    if start < len(wanted):
        yield wanted[start:]


def read_unchanged(dirfd: int, wanted: Listed) -> tuple[list[bytes], list[bytes]] | None:
    """Return stat records and contents of small files, None unless all are files that can be read."""
    if any(shape_in(record[:4]) is not Shape.FILE for _, record in wanted):
        return None
    found = read_files(dirfd, [name for name, _ in wanted], _sizes(wanted))
    whole = [got for got in found if isinstance(got, tuple)]
    if len(whole) < len(found):
        return None
    return [record for _, record in whole], [data for data, _ in whole]


def read_small(dirfd: int, wanted: Listed) -> list[Read]:
    """Read small files and links of one folder, given their stat records, in the order asked for.

    Raises:
        Unavailable: A file changes all the time.
    """
    files = [pair for pair in wanted if shape_in(pair[1][:4]) is Shape.FILE]
    found = iter(read_files(dirfd, [name for name, _ in files], _sizes(files)))
    results: list[Read] = []
    for name, record in wanted:
        if shape_in(record[:4]) is Shape.FILE:
            got = next(found)
            # The record says more than the size: a file moved into place since has another one.
            if isinstance(got, tuple):
                results.append(Read(name, got[1], got[0]))
                continue
            if -got != errno.ESTALE:
                results.append(_failed(name, record, -got))
                continue
        results.append(read_one(dirfd, name))
    return results


def _sizes(files: Listed) -> "array[int]":
    return array("Q", sizes_of([record for _, record in files]))


def _failed(name: bytes, record: bytes, number: int) -> Read:
    if number in _GONE:
        return Read(name, b"")
    return Read(name, record, error=OSError(number, os.strerror(number)))


def read_one(dirfd: int, name: bytes) -> Read:
    """Read one file or link as it is now, whole; a file that is large by now is hashed as a stream.

    Raises:
        Unavailable: It changes all the time.
    """
    for _ in range(TRIES):
        record = lstat_record(name, dirfd)
        if record is None:
            return Read(name, b"")
        try:
            got = _try_read(dirfd, name, record)
        except OSError as error:
            got = _failed(name, record, error.errno or errno.EIO)
        if got is not None:
            return got
    raise _restless(name)


def _try_read(dirfd: int, name: bytes, record: bytes) -> Read | None:
    """Return what is there, or None when it changed meanwhile."""
    found = parse(record)
    if found.shape is Shape.SYMLINK:
        target = os.readlink(name, dir_fd=dirfd)
        return Read(name, record, target) if lstat_record(name, dirfd) == record else None
    if found.shape is not Shape.FILE:
        return Read(name, record, error=OSError(errno.EINVAL, "not a file any more"))
    if found.size > SMALL_FILE:
        return hash_large(dirfd, name)
    got = read_files(dirfd, [name], array("Q", [found.size]))[0]
    if isinstance(got, tuple):
        return Read(name, got[1], got[0])
    return None if -got in _GONE | {errno.ESTALE} else _failed(name, record, -got)


def hash_large(dirfd: int, name: bytes) -> Read:
    """Hash one file of any size as a stream."""

    def consume(read_into: ReadInto) -> Digest:
        hasher = blake3(max_threads=_Threads.count)
        buffer = memoryview(bytearray(_PIECE))
        while count := read_into(buffer):
            hasher.update(buffer[:count])
        return Digest(hasher.digest())

    return stream_large(dirfd, name, consume)


def stream_large(dirfd: int, name: bytes, consume: Callable[[ReadInto], Digest]) -> Read:
    """Give one file to `consume` as a stream; once more from its start when it changes meanwhile.

    Raises:
        Unavailable: It changes all the time.
    """
    for _ in range(TRIES):
        try:
            descriptor = os.open(name, _OPEN, dir_fd=dirfd)
        except OSError as error:
            return _failed(name, b"", error.errno or errno.EIO)
        try:
            before = os.fstat(descriptor)
            digest = consume(lambda view, descriptor=descriptor: os.readv(descriptor, [view]))  # type: ignore[misc]
            after = os.fstat(descriptor)
        finally:
            os.close(descriptor)
        if _pack(before) == _pack(after):
            return Read(name, _pack(after), digest=digest)
    raise _restless(name)


def _pack(found: os.stat_result) -> bytes:
    return RECORD.pack(
        found.st_mode, 0, found.st_size, found.st_mtime_ns, found.st_ctime_ns, found.st_ino, found.st_dev
    )


def _restless(name: bytes) -> Unavailable:
    return Unavailable(
        f"{display(name)} changes while it is read", hint="wait until it is written, then run it again"
    )
