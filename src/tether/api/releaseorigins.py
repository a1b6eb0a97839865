"""Where the parts of a release come from: a run, a revision, the disk, or a commit of Git."""

import hashlib
import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from io import BytesIO
from pathlib import Path
from typing import BinaryIO, NamedTuple

from tether.core.digest import Buffer
from tether.core.names import check_path, display, path_bytes
from tether.core.tree import EMPTY_TREE, Entry, EntryKind
from tether.core.treeedit import edit_tree
from tether.core.treeread import find, walk
from tether.errors import InvalidInput, NotFound
from tether.releases.manifest import Source
from tether.repo.repository import Repository
from tether.repo.revision import find_entry, split_place
from tether.repo.transaction import Transaction
from tether.runs.gitcode import GitFile
from tether.runs.pinning import ARTEFACTS
from tether.runs.reading import KnownRun
from tether.storage.oserrors import translated

_LEFT_OUT = frozenset([".git", ".tether", "__pycache__"])


@dataclass(frozen=True, slots=True)
class InStore:
    """A file or folder of a commit."""

    name: str
    entry: Entry
    source: Source | None = None


@dataclass(frozen=True, slots=True)
class OnDisk:
    """A file or folder of the disk."""

    name: str
    path: Path
    source: Source | None = None


@dataclass(frozen=True, slots=True)
class InGit:
    """The files of a commit of Git."""

    name: str
    files: tuple[GitFile, ...]
    source: Source | None = None


@dataclass(frozen=True, slots=True)
class Made:
    """A file that was made for the release."""

    name: str
    data: bytes
    source: Source | None = None


Origin = InStore | OnDisk | InGit | Made


class Taken(NamedTuple):
    """What is in the store now."""

    entry: Entry
    sha256: str | None
    """Of a file."""


class Places:
    """Finds what users name.

    Args:
        repository: Has revisions and runs.
        run: Whose artefacts are looked at first; None for no run.
        folder: What paths of the disk are relative to.
    """

    def __init__(self, repository: Repository, run: KnownRun | None, folder: Path) -> None:
        self._repository, self._run, self._folder = repository, run, folder

    def find(self, text: str) -> Origin:
        """Return an artefact of the run, `REV:PATH`, or what is on the disk, the first that there is.

        Raises:
            NotFound: There is none.
            InvalidInput: It is a link.
        """
        found = self._artefact(text) or self._in_revision(text) or self._on_disk(text)
        if found is None:
            hint = "name an artefact of the run, REV:PATH, or a file or folder of the disk"
            raise NotFound(f"no such file: {text}", hint=hint)
        return found

    def revision(self, text: str) -> InStore:
        """Return what `REV` or `REV:PATH` names.

        Raises:
            NotFound: There is none.
            InvalidInput: It is a link.
        """
        place, entry = find_entry(self._repository, text)
        commit = place.commit.hex() if place.commit is not None else None
        path = display(place.path) if place.path else ""
        return in_store(path.rpartition("/")[2], entry, Source(commit=commit, path=path))

    def artefacts(self) -> Iterator[InStore]:
        """Yield the files that the run made, named by their paths."""
        run = self._run
        if run is not None and run.tree is not None and run.commit is not None:
            for each in run.record.artefacts:
                path = f"{ARTEFACTS}/{each.path}"
                entry = find(self._repository.objects, run.tree, path_bytes(path))
                if entry is not None:
                    yield in_store(each.path, entry, Source(commit=run.commit.hex(), path=path))

    def _artefact(self, text: str) -> InStore | None:
        run, plain = self._run, os.path.normpath(text)
        if run is None or run.tree is None or run.commit is None or plain.startswith(("/", "..")):
            return None
        path = f"{ARTEFACTS}/{plain}"
        entry = find(self._repository.objects, run.tree, path_bytes(path))
        if entry is None:
            return None
        return in_store(plain.rpartition("/")[2], entry, Source(commit=run.commit.hex(), path=path))

    def _in_revision(self, text: str) -> InStore | None:
        if not split_place(text)[1]:
            return None
        try:
            return self.revision(text)
        except NotFound:
            if (self._folder / text).exists():
                return None
            raise

    def _on_disk(self, text: str) -> OnDisk | None:
        path = self._folder / text
        if path.is_symlink() or not path.exists():
            return None
        return OnDisk(path.resolve().name, path)


def in_store(name: str, entry: Entry, source: Source | None) -> InStore:
    """Return something of a commit.

    Raises:
        InvalidInput: It is a link.
    """
    if entry.kind == EntryKind.SYMLINK:
        raise InvalidInput(f"{name} is a link", hint="name the file that it leads to")
    return InStore(name, entry, source)


def files_of(repository: Repository, origin: Origin) -> list[Origin]:
    """Return the files below a folder, named by their paths in it, or the one file that it is."""
    if isinstance(origin, Made):
        return [origin]
    if isinstance(origin, InGit):
        return [replace(origin, name=file.path, files=(file,)) for file in origin.files]
    if isinstance(origin, OnDisk):
        return [*_files_on_disk(origin)]
    if origin.entry.kind != EntryKind.DIRECTORY:
        return [origin]
    found = walk(repository.objects, origin.entry.digest)
    below = [(display(path), entry) for path, entry in found if entry.kind != EntryKind.DIRECTORY]
    return [in_store(path, entry, _below(origin.source, path)) for path, entry in below]


def _below(source: Source | None, path: str) -> Source | None:
    if source is None:
        return None
    return Source(commit=source.commit, path=f"{source.path}/{path}" if source.path else path)


def _files_on_disk(origin: OnDisk) -> Iterator[OnDisk]:
    if not origin.path.is_dir():
        yield origin
        return
    for folder, folders, names in os.walk(origin.path):
        folders[:] = sorted(set(folders) - _LEFT_OUT)
        for name in sorted(names):
            path = Path(folder, name)
            if path.is_file() and not path.is_symlink():
                yield OnDisk(str(path.relative_to(origin.path)), path)


def take(repository: Repository, transaction: Transaction, origin: Origin) -> Taken:
    """Bring something into the store, if it is not there, and return what a tree has of it."""
    if isinstance(origin, InStore):
        if origin.entry.kind == EntryKind.DIRECTORY:
            return Taken(origin.entry, None)
        hasher = hashlib.sha256()
        for data in repository.contents.stream(origin.entry.digest):
            hasher.update(data)
        return Taken(origin.entry, hasher.hexdigest())
    if isinstance(origin, OnDisk) and not origin.path.is_dir():
        return _stored_file(transaction, origin.path)
    if isinstance(origin, Made):
        name = path_bytes(origin.name)
        digest = transaction.contents.add(origin.data, name)
        entry = Entry(name, EntryKind.FILE, len(origin.data), digest)
        return Taken(entry, hashlib.sha256(origin.data).hexdigest())
    entries = {}
    for each in files_of(repository, origin):
        if isinstance(each, InGit):
            [file] = each.files
            kind = EntryKind.EXECUTABLE if file.executable else EntryKind.FILE
            name = path_bytes(file.path).rpartition(b"/")[2]
            entry = Entry(name, kind, len(file.data), transaction.contents.add(file.data, name))
        else:
            assert isinstance(each, OnDisk)
            entry = _stored_file(transaction, each.path).entry
        entries[check_path(path_bytes(each.name))] = entry
    if not entries:
        raise InvalidInput(f"nothing is in {origin.name}")
    tree = edit_tree(transaction.objects, EMPTY_TREE, entries)
    name = path_bytes(origin.name or "code")
    return Taken(Entry(name, EntryKind.DIRECTORY, tree.bytes, tree.digest, tree.files), None)


def _stored_file(transaction: Transaction, path: Path) -> Taken:
    name = os.fsencode(path.name)
    hasher = hashlib.sha256()
    with translated(str(path)), path.open("rb", buffering=0) as file:

        def read(buffer: Buffer) -> int:
            count = file.readinto(buffer) or 0
            hasher.update(memoryview(buffer)[:count])
            return count

        digest, size = transaction.contents.add_stream(read, name)
        kind = EntryKind.EXECUTABLE if os.fstat(file.fileno()).st_mode & 0o100 else EntryKind.FILE
    return Taken(Entry(name, kind, size, digest), hasher.hexdigest())


def opened(repository: Repository, origin: Origin) -> BinaryIO:
    """Open a file to be read here and there."""
    if isinstance(origin, OnDisk):
        return origin.path.open("rb")
    if isinstance(origin, Made):
        return BytesIO(origin.data)
    if isinstance(origin, InGit):
        return BytesIO(origin.files[0].data)
    return repository.contents.open(origin.entry.digest)  # type: ignore[return-value]


def beside(
    repository: Repository, origin: Origin, others: Iterable[Origin]
) -> Callable[[str], BinaryIO | None]:
    """Return what opens the files of the folder of a file, among others that were found with it."""
    folder = origin.name.rpartition("/")[0]
    known = {each.name: each for each in others}

    def open_it(name: str) -> BinaryIO | None:
        found = known.get(f"{folder}/{name}" if folder else name)
        return None if found is None else opened(repository, found)

    return open_it
