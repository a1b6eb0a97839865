"""File operations of the working copy in batches, relative to an open directory.

Native where the compiled modules are there, in pure Python where they are not; results are the same.
A *stat record* is 48 bytes, little-endian: mode u32, flags u32 (0, for the caller), size u64,
mtime_ns i64, ctime_ns i64, ino u64, dev u64 (`RECORD` packs and unpacks one).

Names are single components: a name that is empty, `.`, `..`, or has a slash or a NUL, gets EINVAL, so
that nothing outside the directory is ever touched and no symbolic link is followed.
"""

from __future__ import annotations

import struct
from array import array
from collections.abc import Sequence

from tether.core.digest import Buffer

try:
    from tether.worktree import _scan, _transfer
except ImportError:  # no compiler at the installation
    from tether.worktree import files_pure as _scan  # type: ignore[no-redef]
    from tether.worktree import files_pure as _transfer  # type: ignore[no-redef]

RECORD = struct.Struct("<IIQqqQQ")

TEMPORARY_PREFIX = b".tether-tmp-"
"""How the names of files begin that a replacing write makes first; a stop may leave one behind."""


def scan_directory(dirfd: int) -> tuple[bytes, bytes, int]:
    """List a directory with the stat record of every entry.

    Entries that vanish while the directory is read are left out; links are not followed.

    Returns:
        The names in bytewise order joined with NUL, their stat records one after the other, the number.

    Raises:
        OSError: The directory or an entry cannot be read.
    """
    return _scan.scan_directory(dirfd)


def read_files(
    dirfd: int, names: Sequence[bytes], sizes: bytes | array[int]
) -> list[tuple[bytes, bytes] | int]:
    """Read whole files of one directory in one batch without the interpreter lock.

    Args:
        dirfd: The open directory.
        names: Which of its files.
        sizes: The size that each file had when it was seen, as a column of little-endian u64.

    Returns:
        For each name the bytes with the stat record after reading, or a negative errno: ESTALE for
        whatever is not a regular file, has another size, or changed while it was read.
    """
    return _transfer.read_files(dirfd, names, sizes)


def write_files(
    dirfd: int,
    names: Sequence[bytes],
    contents: Sequence[Buffer],
    modes: Sequence[int],
    replace: Sequence[bool],
) -> tuple[list[int], bytes]:
    """Write whole files into one directory in one batch without the interpreter lock.

    A name with a false `replace` must be free (EEXIST otherwise). With a true one the file is written under a
    name of `TEMPORARY_PREFIX` and moved over what is there, a link itself and not what it points to.
    Modes are cut by the umask. A file that cannot be written completely is removed again.

    Returns:
        For each name 0 or the errno, and its stat record (48 zero bytes where there was an error).
    """
    return _transfer.write_files(dirfd, names, contents, modes, replace)


def syncfs(fd: int) -> None:
    """Return when all that was written to the file system of `fd` is durable.

    Raises:
        OSError: It could not be written.
    """
    _transfer.syncfs(fd)


def start_writing(fd: int) -> None:
    """Have the disk begin with what was written to a file, without waiting for it (Linux only).

    Left to itself Linux gathers gigabytes first, and the disk is idle while a large file is made.
    """
    _transfer.start_writing(fd)
