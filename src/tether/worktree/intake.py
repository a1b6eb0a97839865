"""Brings files of the working copy into a transaction: read in batches ahead of the hashing.

Small files of many folders make up a batch; large files are streamed one by one.
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
from tether.worktree.reading import BATCH, Read, ReadInto, batches, is_small, read_small, stream_large
from tether.worktree.worktree import WorkTree

_AHEAD = 2
_MOST_FILES = 4096


class Wanted(NamedTuple):
    """Files and links of one folder to take in."""

    folder: bytes
    rows: Sequence[tuple[bytes, bytes]]
    """Name and stat record."""


class Taken(NamedTuple):
    """One file or link that was taken in."""

    folder: bytes
    name: bytes
    record: bytes
    """The stat record that belongs to the content; empty when nothing was there any more."""
    digest: Digest
    size: int
    as_wanted: bool = True
    """Whether the record is the one that was given."""


class _Part(NamedTuple):
    """Files and links of one folder that were read."""

    folder: bytes
    rows: Sequence[tuple[bytes, bytes]]
    """What was asked for: name and stat record."""
    reads: Sequence[Read]


_Batch = list[_Part]


def take_in(
    worktree: WorkTree, transaction: Transaction, wanted: Sequence[Wanted], progress: Progress
) -> Iterator[Taken]:
    """Store files in the transaction; yields each once, those of one folder in no particular order.

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
                progress.advance(sum([len(part.reads) for part in batch]))
        finally:
            for future in ahead:
                future.cancel()
    with Folders(worktree.root) as folders:
        for folder, rows in wanted:
            for name, record in rows:
                if not is_small(record):
                    yield _store_large(transaction, folders, folder, (name, record))
                    progress.advance(1)


def _read_batches(folders: Folders, wanted: Sequence[Wanted]) -> Iterator[_Batch]:
    """Yield what was read, small files only, in batches of about `BATCH` bytes."""
    batch: _Batch = []
    size = count = 0
    for folder, rows in wanted:
        for part in batches([row for row in rows if is_small(row[1])]):
            reads = _read_part(folders, folder, part)
            batch.append(_Part(folder, part, reads))
            size += sum([len(read.data) for read in reads])
            count += len(reads)
            if size >= BATCH or count >= _MOST_FILES:
                yield batch
                batch, size, count = [], 0, 0
    if batch:
        yield batch


def _read_part(folders: Folders, folder: bytes, part: list[tuple[bytes, bytes]]) -> list[Read]:
    try:
        return read_small(folders.open(folder), part)
    except (FileNotFoundError, NotADirectoryError):
        return [Read(name, b"") for name, _ in part]
    except OSError as error:
        raise failure(error, folder) from error


def _store(transaction: Transaction, batch: _Batch) -> Iterator[Taken]:
    contents: list[bytes] = []
    names: list[bytes] = []
    for folder, _, reads in batch:
        for read in reads:
            if read.error is not None:
                raise failure(read.error, join(folder, read.name)) from read.error
            if read.record and read.digest is None:
                contents.append(read.data)
                names.append(read.name)
    digests = iter(transaction.contents.add_files(contents, names))
    for folder, rows, reads in batch:
        for (name, record), read in zip(rows, reads, strict=True):
            if read.digest is not None:
                hint = "run it again"
                raise Unavailable(f"{display(join(folder, name))} grows while it is read", hint=hint)
            if read.record:
                as_wanted = read.record == record
                yield Taken(folder, name, read.record, next(digests), len(read.data), as_wanted)
            else:
                yield Taken(folder, name, b"", Digest(b""), 0)


def _store_large(
    transaction: Transaction, folders: Folders, folder: bytes, wanted: tuple[bytes, bytes]
) -> Taken:
    name, record = wanted
    sizes: list[int] = []

    def consume(read_into: ReadInto) -> Digest:
        digest, size = transaction.contents.add_stream(read_into, name)
        sizes.append(size)
        return digest

    try:
        read = stream_large(folders.open(folder), name, consume)
    except OSError as error:
        raise failure(error, join(folder, name)) from error
    if read.error is not None:
        raise failure(read.error, join(folder, name)) from read.error
    if read.digest is None:
        return Taken(folder, name, b"", Digest(b""), 0)
    return Taken(folder, name, read.record, read.digest, sizes[-1], read.record == record)
