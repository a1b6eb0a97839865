"""Brings files of the working copy into a transaction: read in batches ahead of the hashing.

Small files of many folders make up a batch; large files are streamed one by one. What was read and taken
in comes as columns, so that a hundred thousand files cost few values.
"""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

from tether.core.digest import Digest
from tether.core.names import display
from tether.core.progress import Progress
from tether.errors import Unavailable
from tether.repo.transaction import Transaction
from tether.worktree.folders import Folders, failure, join
from tether.worktree.reading import (
    BATCH,
    Read,
    ReadInto,
    batches,
    is_small,
    read_small,
    read_unchanged,
    small_rows,
    stream_large,
)
from tether.worktree.rows import size_of
from tether.worktree.worktree import WorkTree

_AHEAD = 2
_MOST_FILES = 4096


class Wanted(NamedTuple):
    """Files and links of one folder to take in."""

    folder: bytes
    rows: Sequence[tuple[bytes, bytes]]
    """Name and stat record."""


class Taken(NamedTuple):
    """Files and links of one folder that were taken in, as columns of one length."""

    folder: bytes
    names: Sequence[bytes]
    records: Sequence[bytes]
    """The stat record that belongs to each content; empty where nothing was there any more."""
    digests: Sequence[Digest]
    sizes: Sequence[int]
    moved: frozenset[bytes]
    """The names whose record is another than the one that was given."""


class _Part(NamedTuple):
    """Files and links of one folder that were read, as columns."""

    folder: bytes
    rows: Sequence[tuple[bytes, bytes]]
    """What was asked for: name and stat record."""
    records: Sequence[bytes]
    contents: Sequence[bytes]


_Batch = list[_Part]


def take_in(
    worktree: WorkTree, transaction: Transaction, wanted: Sequence[Wanted], progress: Progress
) -> Iterator[Taken]:
    """Store files in the transaction; each is yielded once, those of one folder in no particular order.

    Raises:
        Forbidden: One cannot be read.
        Unavailable: One changes while it is read, again and again.
    """
    with Folders(worktree.root) as reading, ThreadPoolExecutor(1, "read") as pool:
        source = _read_batches(reading, wanted)
        ahead = [pool.submit(next, source, None) for _ in range(_AHEAD)]
        try:
            while (batch := ahead.pop(0).result()) is not None:
                ahead.append(pool.submit(next, source, None))
                yield from _store(transaction, batch)
                progress.advance(sum([len(part.rows) for part in batch]))
        finally:
            for future in ahead:
                future.cancel()
    yield from _take_large(worktree, transaction, wanted, progress)


def _take_large(
    worktree: WorkTree, transaction: Transaction, wanted: Sequence[Wanted], progress: Progress
) -> Iterator[Taken]:
    """Store the large files one by one; the progress is told of their bytes."""
    large = [
        (folder, row)
        for folder, rows in wanted
        if small_rows(rows) is not rows
        for row in rows
        if not is_small(row[1])
    ]
    if not large:
        return
    progress.start("adding large files", sum(size_of(row[1]) for _, row in large), "bytes")
    with Folders(worktree.root) as folders:
        for folder, row in large:
            yield _store_large(transaction, folders, (folder, row), progress)


def _read_batches(folders: Folders, wanted: Sequence[Wanted]) -> Iterator[_Batch]:
    """Yield what was read, small files only, in batches of about `BATCH` bytes."""
    batch: _Batch = []
    size = count = 0
    for folder, rows in wanted:
        for part in batches(small_rows(rows)):
            batch.append(_read_part(folders, folder, part))
            size += sum(map(len, batch[-1].contents))
            count += len(part)
            if size >= BATCH or count >= _MOST_FILES:
                yield batch
                batch, size, count = [], 0, 0
    if batch:
        yield batch


def _read_part(folders: Folders, folder: bytes, rows: Sequence[tuple[bytes, bytes]]) -> _Part:
    try:
        dirfd = folders.open(folder)
        whole = read_unchanged(dirfd, rows)
        if whole is not None:
            return _Part(folder, rows, *whole)
        reads = read_small(dirfd, rows)
    except (FileNotFoundError, NotADirectoryError):
        nothing = [b""] * len(rows)
        return _Part(folder, rows, nothing, nothing)
    except OSError as error:
        raise failure(error, folder) from error
    for read in reads:
        _refuse(folder, read)
    return _Part(folder, rows, [read.record for read in reads], [read.data for read in reads])


def _refuse(folder: bytes, read: Read) -> None:
    """Raise what stands in the way of taking in what was read."""
    path = join(folder, read.name)
    if read.error is not None:
        raise failure(read.error, path) from read.error
    if read.digest is not None:
        raise Unavailable(f"{display(path)} grows while it is read", hint="run it again")


def _store(transaction: Transaction, batch: _Batch) -> Iterator[Taken]:
    contents = [data for part in batch for data in part.contents]
    names = [name for part in batch for name, _ in part.rows]
    digests = transaction.contents.add_files(contents, names)
    at = 0
    for folder, rows, records, parts in batch:
        end = at + len(rows)
        moved = frozenset(name for (name, record), now in zip(rows, records, strict=True) if record != now)
        yield Taken(folder, names[at:end], records, digests[at:end], list(map(len, parts)), moved)
        at = end


def _store_large(
    transaction: Transaction, folders: Folders, wanted: tuple[bytes, tuple[bytes, bytes]], progress: Progress
) -> Taken:
    folder, (name, record) = wanted
    sizes: list[int] = []

    def consume(read_into: ReadInto) -> Digest:
        def counted(target: memoryview) -> int:
            count = read_into(target)
            progress.advance(count)
            return count

        digest, size = transaction.contents.add_stream(counted, name)
        sizes.append(size)
        return digest

    try:
        read = stream_large(folders.open(folder), name, consume)
    except OSError as error:
        raise failure(error, join(folder, name)) from error
    if read.error is not None:
        raise failure(read.error, join(folder, name)) from read.error
    moved = frozenset(() if read.record == record else (name,))
    if read.digest is None:
        return Taken(folder, (name,), (b"",), (Digest(b""),), (0,), moved)
    return Taken(folder, (name,), (read.record,), (read.digest,), (sizes[-1],), moved)
