"""Single files of a repository that lies elsewhere: the contract, and one on this machine."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import NamedTuple, Protocol

from blake3 import blake3

from tether.core.digest import Digest
from tether.core.names import display
from tether.core.tree import Entry, EntryKind
from tether.core.treeread import find, iter_after
from tether.errors import Corrupt, NotFound
from tether.repo.history import History
from tether.repo.ingest import SMALL_FILE
from tether.repo.repository import Repository
from tether.repo.revision import resolve

PAGE = 1000

Take = Callable[[bytes], None]
"""Takes the next bytes of a file; each comes once."""


class RemoteEntry(NamedTuple):
    """A file, a link or a folder of a revision."""

    path: bytes
    kind: EntryKind
    size: int
    digest: Digest
    files: int

    @classmethod
    def of(cls, path: bytes, entry: Entry) -> "RemoteEntry":
        """Return the entry of a tree with its whole path."""
        return cls(path, entry.kind, entry.size, entry.digest, entry.files)


@dataclass(frozen=True, slots=True)
class Look:
    """What is at a path of a revision.

    Attributes:
        commit: That the revision names now; 64 hexadecimal digits. They are a revision that stays the same.
        entry: What is there.
        below: A page of what a folder holds, in order of the names.
        after: The last name of the page where there is more.
    """

    commit: str
    entry: RemoteEntry
    below: tuple[RemoteEntry, ...]
    after: bytes | None


class RemoteFiles(Protocol):
    """The files of one repository. Every call may be repeated without harm."""

    def look(self, rev: str, path: bytes, after: bytes = b"", limit: int = PAGE) -> Look:
        """Return what is at a path, and a page of what is below it.

        Raises:
            NotFound: There is no such revision, or nothing at the path.
        """
        ...

    def read(self, commit: str, entry: RemoteEntry, start: int, stop: int, take: Take) -> None:
        """Give the bytes of a file from `start` to before `stop`, not verified; goes on after a cut.

        Raises:
            NotFound: It is not there any more.
            Unavailable: The connection was cut, again and again.
        """
        ...

    def small(self, entries: Sequence[RemoteEntry]) -> Iterator[tuple[int, bytes]]:
        """Yield contents of small files that come together cheaply, verified, with their place in `entries`.

        Others are left out: they are read one by one.
        """
        ...

    def close(self) -> None:
        """Give back files and connections."""
        ...


def list_folder(end: RemoteFiles, look: Look) -> Iterator[RemoteEntry]:
    """Yield what a folder holds, from the page that is there on."""
    page = look
    while True:
        yield from page.below
        if page.after is None:
            return
        page = end.look(look.commit, look.entry.path, page.after)


def walk_folder(end: RemoteFiles, look: Look) -> Iterator[RemoteEntry]:
    """Yield the files and links below a folder, and the folders before what is in them, in order."""
    for entry in list_folder(end, look):
        yield entry
        if entry.kind == EntryKind.DIRECTORY:
            yield from walk_folder(end, end.look(look.commit, entry.path))


def read_verified(end: RemoteFiles, commit: str, entry: RemoteEntry, take: Take) -> None:
    """Give all bytes of a file; what was given counts only when this returns.

    Raises:
        Corrupt: What came is not what the digest says.
    """
    hasher = blake3()

    def hashed(data: bytes) -> None:
        hasher.update(data)
        take(data)

    end.read(commit, entry, 0, entry.size, hashed)
    if hasher.digest() != entry.digest:
        raise Corrupt(f"{display(entry.path)} arrived damaged", hint="try again")


def read_whole(end: RemoteFiles, commit: str, entry: RemoteEntry) -> bytes:
    """Return all bytes of a file, verified; errors as for `read_verified`."""
    parts: list[bytes] = []
    read_verified(end, commit, entry, parts.append)
    return b"".join(parts)


class FolderFiles:
    """The files of a repository on this machine, or of one in a bucket; see `RemoteFiles`."""

    def __init__(self, repository: Repository) -> None:
        self._repository = repository

    def look(self, rev: str, path: bytes, after: bytes = b"", limit: int = PAGE) -> Look:
        """Return what is at a path, and a page of what is below it."""
        repository = self._repository
        commit = resolve(repository, rev)
        entry = find(repository.objects, History.of(repository).commit(commit).tree, path)
        if entry is None:
            raise NotFound(f"no such file in {rev}: {display(path)}")
        below: list[Entry] = []
        if entry.kind == EntryKind.DIRECTORY:
            below = list(islice(iter_after(repository.objects, entry.digest, after), limit + 1))
        start = path + b"/" if path else b""
        listed = tuple(RemoteEntry.of(start + each.name, each) for each in below[:limit])
        last = below[limit - 1].name if len(below) > limit else None
        return Look(commit.hex(), RemoteEntry.of(path, entry), listed, last)

    def read(self, commit: str, entry: RemoteEntry, start: int, stop: int, take: Take) -> None:
        """Give the bytes of a file."""
        del commit
        for piece in self._repository.contents.stream(entry.digest, start, stop):
            take(piece)

    def small(self, entries: Sequence[RemoteEntry]) -> Iterator[tuple[int, bytes]]:
        """Yield contents of small files."""
        small = [at for at, entry in enumerate(entries) if entry.size <= SMALL_FILE]
        items = [(entries[at].digest, entries[at].size) for at in small]
        for batch in self._repository.contents.small_batches(items):
            yield from ((small[at], data) for at, data in batch)

    def close(self) -> None:
        """Close the repository."""
        self._repository.close()
