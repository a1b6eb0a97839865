"""File operations of the working copy in pure Python: what `_scan` and `_transfer` do natively, without them.

The rules of each function are in `files`; results are identical, errors included.
"""

from __future__ import annotations

import errno
import os
import stat
import struct
from array import array
from collections.abc import Sequence
from contextlib import suppress

from tether.core.digest import Buffer

_RECORD = struct.Struct("<IIQqqQQ")
_SIZE = struct.Struct("<Q")
_NO_RECORD = bytes(_RECORD.size)
_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_CREATE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_TEMPORARY_TRIES = 1000


def _record(found: os.stat_result) -> bytes:
    return _RECORD.pack(
        found.st_mode, 0, found.st_size, found.st_mtime_ns, found.st_ctime_ns, found.st_ino, found.st_dev
    )


def _check_name(name: bytes) -> None:
    if name in (b"", b".", b"..") or b"/" in name or b"\0" in name:
        raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))


def _stale() -> OSError:
    return OSError(errno.ESTALE, os.strerror(errno.ESTALE))


def scan_directory(dirfd: int) -> tuple[bytes, bytes, int]:
    """List a directory with the stat record of every entry; see `files.scan_directory`."""
    found: list[tuple[bytes, bytes]] = []
    with os.scandir(dirfd) as entries:
        for entry in entries:
            try:
                record = _record(os.stat(entry.name, dir_fd=dirfd, follow_symlinks=False))
            except FileNotFoundError:
                continue
            found.append((os.fsencode(entry.name), record))
    found.sort()
    return b"\0".join(name for name, _ in found), b"".join(record for _, record in found), len(found)


def _read_exactly(fd: int, size: int) -> bytes:
    parts: list[bytes] = []
    while size:
        part = os.read(fd, min(size, 1 << 30))
        if not part:
            raise _stale()
        parts.append(part)
        size -= len(part)
    return parts[0] if len(parts) == 1 else b"".join(parts)


def _read_one(dirfd: int, name: bytes, size: int) -> tuple[bytes, bytes]:
    _check_name(name)
    fd = os.open(name, _READ, dir_fd=dirfd)
    try:
        before = os.fstat(fd)
        if not stat.S_ISREG(before.st_mode) or before.st_size != size:
            raise _stale()
        data = _read_exactly(fd, size)
        record = _record(os.fstat(fd))
        if record != _record(before):
            raise _stale()
        return data, record
    finally:
        os.close(fd)


def read_files(
    dirfd: int, names: Sequence[bytes], sizes: bytes | array[int]
) -> list[tuple[bytes, bytes] | int]:
    """Read whole files of one directory; see `files.read_files`."""
    column = memoryview(sizes).cast("B")
    if len(column) != _SIZE.size * len(names):
        raise ValueError("one size for each name")
    results: list[tuple[bytes, bytes] | int] = []
    for name, (size,) in zip(names, _SIZE.iter_unpack(column), strict=True):
        try:
            results.append(_read_one(dirfd, name, size))
        except OSError as error:
            number = error.errno or errno.EIO
            # A symbolic link and a socket do not open: no regular files either.
            results.append(-errno.ESTALE if number in (errno.ELOOP, errno.ENXIO) else -number)
    return results


def _open_temporary(dirfd: int, mode: int) -> tuple[int, bytes]:
    for number in range(_TEMPORARY_TRIES):
        name = b".tether-tmp-%d-%d" % (os.getpid(), number)
        try:
            return os.open(name, _CREATE, mode, dir_fd=dirfd), name
        except FileExistsError:
            continue
    raise OSError(errno.EEXIST, os.strerror(errno.EEXIST))


def _write_all(fd: int, content: Buffer) -> None:
    rest = memoryview(content)
    while rest:
        rest = rest[os.write(fd, rest[: 1 << 30]) :]


def _write_one(dirfd: int, name: bytes, content: Buffer, mode: int, replace: bool) -> bytes:
    _check_name(name)
    written = name
    if replace:
        fd, written = _open_temporary(dirfd, mode)
    else:
        fd = os.open(name, _CREATE, mode, dir_fd=dirfd)
    try:
        try:
            _write_all(fd, content)
            if replace:
                os.rename(written, name, src_dir_fd=dirfd, dst_dir_fd=dirfd)
                written = name
            # After the rename, which moves the change time on.
            record = _record(os.fstat(fd))
        finally:
            os.close(fd)
    except OSError:
        with suppress(OSError):
            os.unlink(written, dir_fd=dirfd)
        raise
    return record


def write_files(
    dirfd: int,
    names: Sequence[bytes],
    contents: Sequence[Buffer],
    modes: Sequence[int],
    replace: Sequence[bool],
) -> tuple[list[int], bytes]:
    """Write whole files into one directory; see `files.write_files`."""
    if not len(names) == len(contents) == len(modes) == len(replace):
        raise ValueError("one content, mode and replace mark for each name")
    failures: list[int] = []
    records: list[bytes] = []
    for i, name in enumerate(names):
        try:
            records.append(_write_one(dirfd, name, contents[i], modes[i], replace[i]))
            failures.append(0)
        except OSError as error:
            records.append(_NO_RECORD)
            failures.append(error.errno or errno.EIO)
    return failures, b"".join(records)


def syncfs(fd: int) -> None:
    """Make everything durable: Python has no call for one file system; see `files.syncfs`."""
    os.fstat(fd)
    os.sync()


def start_writing(fd: int) -> None:
    """Do nothing: Python has no such call; see `files.start_writing`."""
