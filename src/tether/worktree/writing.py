"""Writes files and links into the working copy: small ones in batches by folder, large ones as a stream.

Contents come verified from the store. A file that replaces another is written beside it and moved over it,
so a stop never leaves half a file under its name where another one was.
"""

import errno
import os
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from functools import partial
from itertools import repeat
from pathlib import Path
from threading import Thread
from typing import NamedTuple

from tether.core.ahead import ahead
from tether.core.digest import Digest
from tether.core.names import display
from tether.core.progress import Progress
from tether.core.tree import EntryKind
from tether.errors import Conflict, Corrupt
from tether.repo.contents import ContentReader
from tether.repo.delta import Span, between
from tether.worktree.files import RECORD, TEMPORARY_PREFIX, start_writing, write_files
from tether.worktree.folders import (
    Folders,
    ThreadFolders,
    failure,
    is_folder,
    lstat_record,
    remove_tree,
    split,
)
from tether.worktree.landing import Landing
from tether.worktree.patching import patched, renew
from tether.worktree.plan import Write
from tether.worktree.reading import SMALL_FILE
from tether.worktree.written import MODES, Written

_THREADS = 2
_AHEAD = 2
_CALL = 256 << 10
"""Bytes given to one system call; see `storage.local`."""
_CREATE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_LANDED = os.O_WRONLY | os.O_NOFOLLOW | os.O_CLOEXEC
_HOLD = os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC if hasattr(os, "O_PATH") else 0
"""Names a file without opening it; where the system has no such thing, nothing is named."""
_OCCUPIED = frozenset({errno.EEXIST, errno.EISDIR, errno.ENOTEMPTY})


class _Part(NamedTuple):
    """Files and links for one folder."""

    folder: bytes
    writes: list[Write]
    contents: list[bytes]


def write_all(
    root: Path,
    contents: ContentReader,
    writes: Sequence[Write],
    progress: Progress,
    landing: Landing | None = None,
) -> Iterator[Written]:
    """Write files and links; missing folders are made. Those that landed already are moved.

    Raises:
        NotFound: A content is not here.
        Corrupt: A content is damaged.
        Conflict: Something appeared meanwhile where a new file goes.
        Unavailable: The disk is full.
        Forbidden: A folder cannot be written.
    """
    if landing is not None:
        landing.settle()
        moved, writes = landing.move_small(root, writes)
        yield from _reported(moved, progress)
    small, large = list[Write](), list[Write]()
    for write in writes:
        landed = landing is not None and landing.has(write.entry.digest, write.entry.size)
        (large if landed or write.entry.size > SMALL_FILE else small).append(write)
    folders = ThreadFolders(root)
    try:
        with ThreadPoolExecutor(1, "unpack") as reader, ThreadPoolExecutor(_THREADS, "write") as writers:
            running: deque[Future[list[Written]]] = deque()
            try:
                for parts in _unpacked(reader, _by_folder(contents, small)):
                    running.append(writers.submit(_write_parts, folders, parts))
                    while len(running) > _THREADS:
                        yield from _reported(running.popleft().result(), progress)
                while running:
                    yield from _reported(running.popleft().result(), progress)
            finally:
                for future in running:
                    future.cancel()
        if large:
            progress.start("writing large files", sum(write.entry.size for write in large), "bytes")
        for write in large:
            yield _write_large(folders.mine(), _Source(contents, landing, progress), write)
    finally:
        folders.close()


def _reported(written: list[Written], progress: Progress) -> list[Written]:
    progress.advance(sum(len(each.names) for each in written))
    return written


def _by_folder(contents: ContentReader, small: Sequence[Write]) -> Iterator[list[_Part]]:
    """Yield contents as they lie in the packs, those of one folder together."""
    for batch in contents.small_batches([(write.entry.digest, write.entry.size) for write in small]):
        parts: dict[bytes, _Part] = {}
        for index, data in batch:
            write = small[index]
            folder = write.path.rpartition(b"/")[0]
            part = parts.get(folder)
            if part is None:
                part = parts[folder] = _Part(folder, [], [])
            part.writes.append(write)
            part.contents.append(data)
        yield list(parts.values())


def _unpacked(pool: ThreadPoolExecutor, source: Iterator[list[_Part]]) -> Iterator[list[_Part]]:
    """Yield what `source` yields, which works on the next ones in the pool's only thread meanwhile."""
    for parts in ahead(pool, lambda _: next(source, None), repeat(None), _AHEAD):
        if parts is None:
            return
        yield parts


def _write_parts(folders: ThreadFolders, parts: Sequence[_Part]) -> list[Written]:
    """Write a whole batch: changing threads for each folder would cost more than the files."""
    return [written for part in parts for written in _write_part(folders.mine(), part)]


def _write_part(folders: Folders, part: _Part) -> list[Written]:
    folder = part.folder
    try:
        dirfd = folders.make(folder)
    except OSError as error:
        raise failure(error, folder) from error
    kinds = [write.entry.kind for write in part.writes]
    if EntryKind.SYMLINK not in kinds:
        return _write_files(folders, dirfd, part)
    links, files = list[tuple[Write, bytes]](), _Part(folder, [], [])
    for write, data in zip(part.writes, part.contents, strict=True):
        if write.entry.kind == EntryKind.SYMLINK:
            links.append((write, data))
        else:
            files.writes.append(write)
            files.contents.append(data)
    written = _write_files(folders, dirfd, files)
    return written + [_retried(folders, write, data) for write, data in links]


def _write_files(folders: Folders, dirfd: int, part: _Part) -> list[Written]:
    """Write files into an open folder."""
    folder, writes, contents = part
    names = [write.entry.name for write in writes]
    modes = [MODES[write.entry.kind] for write in writes]
    failed, records = write_files(dirfd, names, contents, modes, [write.replaces for write in writes])
    cut = [records[at : at + RECORD.size] for at in range(0, len(records), RECORD.size)]
    if not any(failed):
        return [Written(folder, names, cut)]
    written: list[Written] = []
    for error, write, data, record in zip(failed, writes, contents, cut, strict=True):
        if not error:
            written.append(Written(folder, [write.entry.name], [record]))
        elif error in _OCCUPIED:
            written.append(_retried(folders, write, data))
        else:
            raise failure(OSError(error, os.strerror(error)), write.path)
    return written


def _retried(folders: Folders, write: Write, data: bytes) -> Written:
    """Write one file or link where a folder without files may be in its place."""
    name = write.entry.name
    try:
        dirfd = _remove_empty_tree(folders, write.path)
        occupied = lstat_record(name, dirfd) is not None
        if occupied and not write.replaces:
            raise Conflict(
                f"{display(write.path)} appeared meanwhile", hint="move it away, then run it again"
            )
        if write.entry.kind == EntryKind.SYMLINK:
            _place_link(dirfd, name, data, replace=occupied)
        else:
            failed, _ = write_files(dirfd, [name], [data], [MODES[write.entry.kind]], [write.replaces])
            if failed[0]:
                raise OSError(failed[0], os.strerror(failed[0]))
    except (OSError, ValueError) as error:
        raise failure(_as_os_error(error), write.path) from error
    return Written(split(write.path)[0], [name], [lstat_record(name, dirfd) or bytes(RECORD.size)])


def _as_os_error(error: OSError | ValueError) -> OSError:
    return error if isinstance(error, OSError) else OSError(errno.EINVAL, str(error))


def _place_link(dirfd: int, name: bytes, target: bytes, *, replace: bool) -> None:
    if not replace:
        os.symlink(target, name, dir_fd=dirfd)
        return
    temporary = TEMPORARY_PREFIX + b"%d-link" % os.getpid()
    with suppress(FileNotFoundError):
        os.unlink(temporary, dir_fd=dirfd)
    os.symlink(target, temporary, dir_fd=dirfd)
    os.rename(temporary, name, src_dir_fd=dirfd, dst_dir_fd=dirfd)


def _remove_empty_tree(folders: Folders, path: bytes) -> int:
    """Remove a folder that holds nothing but folders, where one is; return the open folder above it."""
    folder, name = split(path)
    record = lstat_record(name, folders.open(folder))
    if record is not None and is_folder(record):
        remove_tree(folders, path, only_folders=True)
    return folders.open(folder)


class _Source(NamedTuple):
    """Where large files come from, and who is told of their bytes."""

    contents: ContentReader
    landing: Landing | None
    progress: Progress


def _write_large(folders: Folders, source: _Source, write: Write) -> Written:
    folder, name = split(write.path)
    temporary = TEMPORARY_PREFIX + b"%d-large" % os.getpid()
    try:
        dirfd = folders.make(folder)
        with suppress(FileNotFoundError):
            os.unlink(temporary, dir_fd=dirfd)
        descriptor = _filled(dirfd, temporary, source, write)
        try:
            dirfd = _remove_empty_tree(folders, write.path)
            if not write.replaces and lstat_record(name, dirfd) is not None:
                raise Conflict(
                    f"{display(write.path)} appeared meanwhile", hint="move it away, then run it again"
                )
            with _freed_later(name, dirfd):
                os.rename(temporary, name, src_dir_fd=dirfd, dst_dir_fd=dirfd)
        except BaseException:
            _remove(dirfd, temporary)
            raise
        finally:
            os.close(descriptor)
        return Written(folder, [name], [lstat_record(name, dirfd) or bytes(RECORD.size)])
    except OSError as error:
        raise failure(error, write.path) from error


def _filled(dirfd: int, temporary: bytes, source: _Source, write: Write) -> int:
    """Make a file with a content and return its descriptor; it is removed again where that fails."""
    landed = None
    if source.landing is not None:
        landed = source.landing.move(write.entry.digest, write.entry.size, dirfd, temporary)
    flags = _CREATE if landed is None else _LANDED
    descriptor = os.open(temporary, flags, MODES[write.entry.kind], dir_fd=dirfd)
    try:
        if landed is not None:
            _complete(descriptor, landed, source, write)
        elif not patched(descriptor, dirfd, source.contents, write, source.progress):
            _write_content(descriptor, source.contents, write.entry.digest, source.progress)
    except BaseException:
        os.close(descriptor)
        _remove(dirfd, temporary)
        raise
    return descriptor


def _complete(descriptor: int, landed: Sequence[Span], source: _Source, write: Write) -> None:
    """Fill the holes of a file that landed, and give it its length and its mode."""
    os.ftruncate(descriptor, write.entry.size)
    source.progress.advance(sum(stop - start for start, stop in landed))
    holes = between(iter(landed), write.entry.size)
    renew(descriptor, source.contents, write.entry.digest, holes, source.progress)
    if write.entry.kind == EntryKind.EXECUTABLE:
        now = os.fstat(descriptor).st_mode & 0o777
        os.fchmod(descriptor, now | (now & 0o444) >> 2)


def _remove(dirfd: int, name: bytes) -> None:
    with suppress(OSError):
        os.unlink(name, dir_fd=dirfd)


@contextmanager
def _freed_later(name: bytes, dirfd: int) -> Iterator[None]:
    """Have another thread wait until the system has freed a file that is replaced: its blocks and its memory.

    Of a file of 4 GB that takes a second and more, in which the disk can go on with the new one.
    """
    try:
        held = os.open(name, _HOLD, dir_fd=dirfd) if _HOLD else -1
    except OSError:  # there is none, or no descriptor is free
        held = -1
    try:
        yield
    finally:
        if held >= 0:
            try:
                Thread(target=os.close, args=(held,), name="free").start()
            except RuntimeError:  # there are too many threads
                os.close(held)


def _write_content(descriptor: int, contents: ContentReader, digest: Digest, progress: Progress) -> None:
    try:
        _fill(descriptor, contents.segments(digest), progress)
    except Corrupt:
        # Chunk by chunk a sound copy is found where there is one, or the damaged chunk is named.
        os.lseek(descriptor, 0, os.SEEK_SET)
        os.ftruncate(descriptor, 0)
        _fill(descriptor, contents.stream(digest), progress)


def _fill(descriptor: int, pieces: Iterable[bytes], progress: Progress) -> None:
    """Write a content in a thread of its own, while the next pieces are read and verified."""
    with ThreadPoolExecutor(1, "write") as writer:
        for count in ahead(writer, partial(_write_piece, descriptor), pieces, _AHEAD):
            progress.advance(count)


def _write_piece(descriptor: int, piece: bytes) -> int:
    """Write all of a piece, have the disk begin with it, and return its length in bytes."""
    view = memoryview(piece)
    done = 0
    while done < len(view):
        done += os.write(descriptor, view[done : done + _CALL])
    start_writing(descriptor)
    return done
