"""Profiles of data: of a revision, of the disk, and of the data of a release."""

import io
import os
from collections.abc import Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import BinaryIO

from tether.api.opened import Opened
from tether.core.digest import hash_bytes
from tether.core.names import display
from tether.core.progress import SILENT, Progress
from tether.core.tree import Entry, EntryKind
from tether.core.treeread import walk
from tether.errors import InvalidInput, NotFound
from tether.releases.profiles.document import Profile
from tether.releases.profiles.making import Item, make_profile
from tether.repo.repository import Repository
from tether.repo.revision import find_entry
from tether.storage.oserrors import translated

_BUFFER = 256 << 10
_LEFT_OUT = frozenset((".git", ".tether"))


def profile(repo: Opened, place: str, labels: Iterable[str] = (), folder: Path | None = None) -> Profile:
    """Return the profile of what a place names.

    Args:
        repo: Where.
        place: A file or folder of the disk, `REV:PATH`, or `REV` for all of it; the first that there is.
        labels: Columns that are labels.
        folder: What paths of the disk are relative to; the current one by default.

    Raises:
        NotFound: There is nothing, or a content is not here.
        InvalidInput: It is a link, or no table has a column of a label.
        Unsupported: A file of this form is not looked into, or a package is missing.
    """
    path = (folder or Path()) / place
    if path.exists():
        return profile_of_path(path, labels, repo.progress)
    try:
        where, entry = find_entry(repo.repository, place)
    except NotFound as error:
        if ":" in place:
            raise
        hint = "name a file or folder, REV:PATH, or a revision for all of it"
        raise NotFound(f"no such file or revision: {place}", hint=hint) from error
    name = _text(where.path.rpartition(b"/")[2])
    return profile_of_entry(repo.repository, entry, name, labels, repo.progress)


def profile_of_entry(
    repository: Repository,
    entry: Entry,
    name: str,
    labels: Iterable[str] = (),
    progress: Progress = SILENT,
) -> Profile:
    """Return the profile of a file or folder of the store; errors as for `profile`.

    Args:
        repository: Has it.
        entry: It.
        name: The last part of its path, for a file.
        labels: Columns that are labels.
        progress: Told of the bytes.
    """
    if entry.kind == EntryKind.SYMLINK:
        raise InvalidInput(f"{name} is a link", hint="name what it leads to")
    if entry.kind != EntryKind.DIRECTORY:
        return make_profile([_stored(repository, name, entry)], labels, progress, folder=False)
    found = (
        _stored(repository, _text(path), each)
        for path, each in walk(repository.objects, entry.digest)
        if each.kind in (EntryKind.FILE, EntryKind.EXECUTABLE)
    )
    return make_profile(found, labels, progress, folder=True)


def profile_of_path(path: Path, labels: Iterable[str] = (), progress: Progress = SILENT) -> Profile:
    """Return the profile of a file or folder of the disk, without links and what begins a repository.

    Args:
        path: Where.
        labels: Columns that are labels.
        progress: Told of the bytes.

    Raises:
        NotFound: There is nothing.
        InvalidInput: It is neither file nor folder, or no table has a column of a label.
        Unsupported: A file of this form is not looked into, or a package is missing.
    """
    if path.is_dir():
        return make_profile(_below(path), labels, progress, folder=True)
    if path.is_file():
        return make_profile([_on_disk(path, _text(os.fsencode(path.name)))], labels, progress, folder=False)
    if not path.exists():
        raise NotFound(f"no such file: {path}")
    raise InvalidInput(f"{path} is no file")


def _text(path: bytes) -> str:
    """Return a path as JSON can have it."""
    return display(path).encode("utf-8", "backslashreplace").decode()


def _stored(repository: Repository, path: str, entry: Entry) -> Item:
    def open_it() -> BinaryIO:
        return io.BufferedReader(repository.contents.open(entry.digest), _BUFFER)

    return Item(path, entry.size, open_it, lambda: entry.digest)


def _below(top: Path) -> Iterator[Item]:
    """Yield the files below a folder in the order in which a tree has them."""
    with translated(str(top)), os.scandir(top) as rows:
        found = {os.fsencode(row.name): row for row in rows if row.name not in _LEFT_OUT}
    for name in sorted(found):
        row = found[name]
        if row.is_dir(follow_symlinks=False):
            for item in _below(Path(row.path)):
                yield item._replace(path=f"{_text(name)}/{item.path}")
        elif row.is_file(follow_symlinks=False):
            yield _on_disk(Path(row.path), _text(name))


def _on_disk(path: Path, name: str) -> Item:
    with translated(str(path)):
        size = path.stat().st_size
    return Item(name, size, partial(_opened, path), lambda: hash_bytes(path.read_bytes()))


def _opened(path: Path) -> BinaryIO:
    with translated(str(path)):
        return path.open("rb")
