"""Writes the next version of a large file from the one that is there: what both have is copied by the system.

The new file lies beside the old one until it is whole, as always. Where a file system lets files share their
blocks, nothing is copied at all; otherwise much goes past the page cache (docs/adr/0048-copying.md). What
is kept is what the old file has on the disk: it is trusted as a file that a checkout leaves alone is, by its
stat record, which is looked at before and after.
"""

import errno
import fcntl
import mmap
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
_DIRECT: int = getattr(os, "O_DIRECT", 0)
_MUCH = 256 << 20
"""Bytes from which on they are copied past the page cache: less is soon read from memory, and soon copied."""
_PAGE = mmap.ALLOCATIONGRANULARITY
_LONG = 1 << 20
"""Bytes of the shortest span of which pages go past the page cache: each call waits for the disk."""
_CALL = 8 << 20
_THREADS = 2
_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_CANNOT = frozenset(
    {errno.EXDEV, errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP, errno.ENOTTY, errno.EPERM, errno.ETXTBSY}
)
_NOT_DIRECT = frozenset({errno.EINVAL, errno.EOPNOTSUPP, errno.EFAULT})
"""What says that pages cannot go past the cache: the file system, or that the old file has become shorter."""


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
        same = list(same_spans(contents.pages(entry.digest), contents.pages(base.digest)))
    except (NotFound, Corrupt):  # a recipe is not here, or one of them is a single chunk
        return False
    if sum(stop - start for start, stop in same) * _WORTH < entry.size:
        return False
    source = _opened(dirfd, write, base)
    try:
        if not _kept(descriptor, source, (same, entry.size), progress):
            _require(_record(source) == base.record, write)
            os.ftruncate(descriptor, 0)
            return False
        renew(descriptor, contents, entry.digest, between(iter(same), entry.size), progress)
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
    same = _past_cache(descriptor, source, wanted, progress)
    copy = getattr(os, "copy_file_range", None)
    if copy is None:
        return not same
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


def _past_cache(
    descriptor: int, source: int, wanted: tuple[list[Span], int], progress: Progress
) -> list[Span]:
    """Copy whole pages of long spans from memory to the disk, and return what is left to be copied.

    The system reads the old file by mappings, and answers with an error where that has become shorter.
    """
    same, size = wanted
    pages, left = _pages(same)
    if not _DIRECT or sum(stop - start for start, stop in pages) < _MUCH:
        return same
    try:
        os.ftruncate(descriptor, size)
        fcntl.fcntl(descriptor, fcntl.F_SETFL, _DIRECT)
        _write_pages(descriptor, source, pages, progress)
    except ValueError:  # what is to be mapped is not in the old file any more
        return same
    except OSError as error:
        if error.errno not in _NOT_DIRECT:
            raise
        return same
    finally:
        fcntl.fcntl(descriptor, fcntl.F_SETFL, 0)
    return left


def _pages(same: list[Span]) -> tuple[list[Span], list[Span]]:
    """Return the whole pages of long spans, and all else."""
    pages, left = list[Span](), list[Span]()
    for start, stop in same:
        first, last = -(-start // _PAGE) * _PAGE, stop // _PAGE * _PAGE
        if last - first < _LONG:
            left.append(Span(start, stop))
            continue
        pages.append(Span(first, last))
        left += [Span(*ends) for ends in ((start, first), (last, stop)) if ends[0] < ends[1]]
    return pages, left


def _write_pages(descriptor: int, source: int, pages: list[Span], progress: Progress) -> None:
    """Write pages out of mappings that are short: what is mapped counts as memory of the process."""

    def write(span: Span) -> int:
        at, length = span.start, span.stop - span.start
        with (
            mmap.mmap(source, length, prot=mmap.PROT_READ, offset=at) as mapped,
            memoryview(mapped) as view,
        ):
            done = 0
            while done < length:
                with view[done:] as part:
                    done += os.pwrite(descriptor, part, at + done)
        return length

    with ThreadPoolExecutor(_THREADS, "copy") as pool:
        for count in ahead(pool, write, _cut(iter(pages), _CALL), _THREADS):
            progress.advance(count)


def renew(
    descriptor: int, contents: ContentReader, digest: Digest, spans: Iterator[Span], progress: Progress
) -> None:
    """Write the parts of a content that are lacking, read and verified by threads.

    Args:
        descriptor: The file.
        contents: Has the content.
        digest: Names it.
        spans: What is lacking, in order.
        progress: Told of the bytes.

    Raises:
        Corrupt: A part is damaged.
        NotFound: A part is not here.
        OSError: The disk is full.
    """

    def read(item: tuple[Span, list[Chunk]]) -> tuple[Span, memoryview]:
        span, chunks = item
        data = contents.joined([(chunk.digest, chunk.length) for chunk in chunks])
        begin = span.start - chunks[0].start
        return span, memoryview(data)[begin : begin + span.stop - span.start]

    pieces = covering(contents.pages(digest), _cut(spans, _PIECE))
    with ThreadPoolExecutor(_THREADS, "unpack") as pool:
        for span, view in ahead(pool, read, pieces, _THREADS):
            done = 0
            while done < len(view):
                done += os.pwrite(descriptor, view[done:], span.start + done)
            start_writing(descriptor)
            progress.advance(done)


def _cut(spans: Iterator[Span], length: int) -> Iterator[Span]:
    for start, stop in spans:
        for at in range(start, stop, length):
            yield Span(at, min(at + length, stop))
