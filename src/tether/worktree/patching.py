"""Writes the next version of a large file from the one that is there: what both have is copied by the system.

The new file lies beside the old one until it is whole, as always. Where a file system lets files share their
blocks, nothing is copied at all. What is kept is what the old file has on the disk: it is trusted as a file
that a checkout leaves alone is, by its stat record, which is looked at before and after.
"""

import errno
import fcntl
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

from tether.core.ahead import ahead
from tether.core.digest import Digest
from tether.core.names import display
from tether.core.progress import Progress
from tether.errors import Conflict, Corrupt, NotFound
from tether.repo.contents import ContentReader
from tether.repo.delta import Chunk, Span, between, covering, same_spans
from tether.worktree.files import RECORD, start_writing
from tether.worktree.plan import Base, Write

_WORTH = 2
"""A file is written anew unless this part of it, one half, is there."""
_CLONE = 0x40049409
"""Linux: let a file share the blocks of another one (FICLONE)."""
_COPY = 16 << 20
"""Bytes copied by one system call, after which the disk begins with them."""
_PIECE = 4 << 20
_THREADS = 2
_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_CANNOT = frozenset(
    {errno.EXDEV, errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP, errno.ENOTTY, errno.EPERM, errno.ETXTBSY}
)


def patched(descriptor: int, dirfd: int, contents: ContentReader, write: Write, progress: Progress) -> bool:
    """Make an empty file the new version of the one that it will replace; False if that is not worth it.

    Args:
        descriptor: The empty file, which is left empty where this returns False.
        dirfd: The folder of the old version.
        contents: Gives what is new, verified.
        write: Says what the file was and becomes.
        progress: Told of the bytes.

    Raises:
        Conflict: The old version is not what it was when the checkout was planned.
        Corrupt: A new part is damaged.
        OSError: The disk is full, or the old version cannot be read.
    """
    base, entry = write.base, write.entry
    if base is None:
        return False
    try:
        same = list(same_spans(contents.listed(entry.digest), contents.listed(base.digest)))
    except (NotFound, Corrupt):  # a recipe is not here, or one of them is a single chunk
        return False
    if sum(stop - start for start, stop in same) * _WORTH < entry.size:
        return False
    source = _opened(dirfd, write, base)
    try:
        if not _kept(descriptor, source, (same, entry.size), progress):
            os.ftruncate(descriptor, 0)
            return False
        _renew(descriptor, contents, entry.digest, between(iter(same), entry.size), progress)
        _require(_record(source) == base.record, write)
    finally:
        os.close(source)
    return True


def _opened(dirfd: int, write: Write, base: Base) -> int:
    try:
        source = os.open(write.entry.name, _READ, dir_fd=dirfd)
    except OSError as error:
        if error.errno in (errno.ENOENT, errno.ELOOP, errno.ENXIO):
            _require(False, write)
        raise
    if _record(source) != base.record:
        os.close(source)
        _require(False, write)
    return source


def _record(descriptor: int) -> bytes:
    found = os.fstat(descriptor)
    return RECORD.pack(
        found.st_mode, 0, found.st_size, found.st_mtime_ns, found.st_ctime_ns, found.st_ino, found.st_dev
    )


def _require(unchanged: bool, write: Write) -> None:
    if not unchanged:
        raise Conflict(f"{display(write.path)} was changed meanwhile", hint="run the command again")


def _kept(descriptor: int, source: int, wanted: tuple[list[Span], int], progress: Progress) -> bool:
    """Let a file have what it has in common with another; False if the system has no way to do so."""
    same, size = wanted
    with suppress(OSError):
        fcntl.ioctl(descriptor, _CLONE, source)
        os.ftruncate(descriptor, size)
        progress.advance(sum(stop - start for start, stop in same))
        return True
    copy = getattr(os, "copy_file_range", None)
    if copy is None:
        return False
    try:
        for at, stop in same:
            done = at
            while done < stop:
                count = copy(source, descriptor, min(_COPY, stop - done), done, done)
                if count == 0:  # the old file has become shorter
                    return False
                done += count
                start_writing(descriptor)
                progress.advance(count)
    except OSError as error:
        if error.errno not in _CANNOT:
            raise
        return False
    return True


def _renew(
    descriptor: int, contents: ContentReader, digest: Digest, spans: Iterator[Span], progress: Progress
) -> None:
    """Write the parts of a content that are lacking, read and verified by threads."""

    def read(item: tuple[Span, list[Chunk]]) -> tuple[Span, memoryview]:
        span, chunks = item
        data = contents.joined([(chunk.digest, chunk.length) for chunk in chunks])
        begin = span.start - chunks[0].start
        return span, memoryview(data)[begin : begin + span.stop - span.start]

    pieces = covering(contents.listed(digest), _cut(spans))
    with ThreadPoolExecutor(_THREADS, "unpack") as pool:
        for span, view in ahead(pool, read, pieces, _THREADS):
            done = 0
            while done < len(view):
                done += os.pwrite(descriptor, view[done:], span.start + done)
            start_writing(descriptor)
            progress.advance(done)


def _cut(spans: Iterator[Span]) -> Iterator[Span]:
    for start, stop in spans:
        for at in range(start, stop, _PIECE):
            yield Span(at, min(at + _PIECE, stop))
