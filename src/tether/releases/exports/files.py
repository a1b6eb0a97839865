"""The files of a tree with what other programs ask of them: SHA-256, kind, and the columns of tables."""

import hashlib
import io
from collections.abc import Iterator
from dataclasses import dataclass, replace

from tether.core.batches import batches
from tether.core.digest import Digest
from tether.core.progress import SILENT, Progress
from tether.core.tree import Entry, EntryKind
from tether.core.treeread import find, walk
from tether.errors import NotFound
from tether.releases.exports.tables import MEDIA, Table, read_table
from tether.repo.repository import Repository

_TOGETHER = 512
"""Files that a partial clone brings in one go."""
_BUFFER = 256 << 10


@dataclass(frozen=True, slots=True)
class FileFact:
    """One file.

    Attributes:
        path: In the tree.
        size: In bytes.
        sha256: 64 hexadecimal digits.
        table: What is in its columns; None where it is no table, or cannot be told.
    """

    path: bytes
    size: int
    digest: Digest
    sha256: str
    table: Table | None = None

    @property
    def ending(self) -> str:
        """What stands behind the last dot of its name, in small letters."""
        return ending_of(self.path)

    def below(self, folder: bytes) -> "FileFact":
        """Return it with its path from a folder that it is in."""
        return replace(self, path=self.path[len(folder) + 1 :] if folder else self.path)


def ending_of(path: bytes) -> str:
    """Return what stands behind the last dot of a name, in small letters."""
    start, _, ending = path[path.rfind(b"/") + 1 :].rpartition(b".")
    return ending.decode("latin-1").lower() if start else ""


def file_facts(
    repository: Repository,
    tree: Digest,
    path: bytes,
    *,
    tables: bool = False,
    progress: Progress = SILENT,
) -> Iterator[FileFact]:
    """Yield the files at and below a path, in order; links are left out. All of them are read.

    Args:
        repository: Has the tree.
        tree: The whole tree.
        path: A file or folder in it; empty is all.
        tables: Look into tables.
        progress: Told of the bytes.

    Raises:
        NotFound: There is nothing at the path, or a content is not here.
        Corrupt: A content is damaged.
    """
    top = find(repository.objects, tree, path)
    if top is None:
        raise NotFound(f"nothing at {path.decode(errors='replace')}")
    progress.start("reading files", top.size, "bytes")
    for some in batches(list(files_below(repository, top, path)), _TOGETHER):
        repository.contents.prepare([entry.digest for _, entry in some])
        for where, entry in some:
            yield _fact(repository, where, entry, tables=tables, progress=progress)
    progress.finish()


def files_below(repository: Repository, top: Entry, path: bytes) -> Iterator[tuple[bytes, Entry]]:
    """Yield the files at and below an entry, without links and empty folders."""
    below = walk(repository.objects, top.digest, path) if top.kind == EntryKind.DIRECTORY else [(path, top)]
    for where, entry in below:
        if entry.kind in (EntryKind.FILE, EntryKind.EXECUTABLE):
            yield where, entry


def _fact(repository: Repository, path: bytes, entry: Entry, *, tables: bool, progress: Progress) -> FileFact:
    hasher = hashlib.sha256()
    for piece in repository.contents.segments(entry.digest):
        hasher.update(piece)
        progress.advance(len(piece))
    table = None
    if tables and (ending := ending_of(path)) in MEDIA:
        with io.BufferedReader(repository.contents.open(entry.digest), _BUFFER) as file:
            table = read_table(ending, file, entry.size)
    return FileFact(path, entry.size, entry.digest, hasher.hexdigest(), table)
