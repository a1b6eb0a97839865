"""Files of any revision: listing them, reading them, and what is known of one."""

import os
import stat
from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple, cast

from tether.api.opened import Opened
from tether.core.digest import Digest
from tether.core.names import display
from tether.core.tree import Entry, EntryKind
from tether.core.treeread import iter_directory, walk
from tether.errors import InvalidInput, NotFound
from tether.repo.revision import find_entry, resolve_path

if TYPE_CHECKING:
    from typing import BinaryIO

    from tether.core.filetype import FileType
    from tether.model.facts import ModelFacts

_MODELS = frozenset(["safetensors", "onnx", "gguf", "pytorch", "pickle", "npy", "npz", "zip", "hdf5"])
"""Kinds of files that may be models."""

_PIECE = 4 << 20


class Found(NamedTuple):
    """A path and what is there."""

    path: bytes
    entry: Entry


class Stored(NamedTuple):
    """How a content is stored."""

    chunks: int
    size: int
    """Bytes in the packs; chunks that other files share count too."""
    codecs: dict[str, int]
    """Chunks by the codec that they are stored with."""


class Info(NamedTuple):
    """What is known of one file or folder."""

    path: bytes
    entry: Entry
    type: "FileType | None"
    """None for a folder or a link."""
    stored: Stored | None
    """None where the content is not in the repository."""
    target: bytes | None = None
    """Where a link leads."""
    model: "ModelFacts | None" = None
    """What a model file holds; None for others and for damaged ones."""


def find_file(repo: Opened, place: str) -> Found:
    """Return the file or link at `REV:PATH`.

    Raises:
        NotFound: There is none.
        InvalidInput: It is a folder.
    """
    where, entry = find_entry(repo.repository, place)
    if entry.kind == EntryKind.DIRECTORY:
        raise InvalidInput(f"{place} is a folder", hint=f"'tether ls {place}' lists it")
    return Found(where.path, entry)


def stream_file(repo: Opened, place: str) -> Iterator[bytes]:
    """Yield the content of the file at `REV:PATH` in pieces, or the target of a link; errors as `find_file`.

    Raises:
        Corrupt: The content is damaged; what was yielded before is right.
    """
    entry = find_file(repo, place).entry
    return repo.repository.contents.stream(entry.digest)


def list_files(repo: Opened, place: str = "HEAD", *, recursive: bool = False) -> Iterator[Found]:
    """Yield what is in the folder `REV[:PATH]`, or everything below it; of a file the file itself.

    Raises:
        NotFound: The revision or the path does not exist.
    """
    where, entry = find_entry(repo.repository, place)
    return _below(repo, where.path, entry, recursive=recursive)


def _below(repo: Opened, path: bytes, entry: Entry, *, recursive: bool) -> Iterator[Found]:
    objects = repo.repository.objects
    if entry.kind != EntryKind.DIRECTORY:
        yield Found(path, entry)
    elif recursive:
        for where, below in walk(objects, entry.digest, path):
            yield Found(where, below)
    else:
        start = path + b"/" if path else b""
        for below in iter_directory(objects, entry.digest):
            yield Found(start + below.name, below)


def info(repo: Opened, place: str) -> Info:
    """Return what is known of the file or folder at `REV:PATH`."""
    where, entry = find_entry(repo.repository, place)
    contents = repo.repository.contents
    if entry.kind == EntryKind.DIRECTORY:
        return Info(where.path, entry, None, None)
    stored = stored_as(repo, entry.digest)
    if entry.kind == EntryKind.SYMLINK:
        return Info(where.path, entry, None, stored, contents.read(entry.digest))
    from tether.core.filetype import HEAD_SIZE, sniff

    found = sniff(contents.read(entry.digest, 0, HEAD_SIZE), entry.name)
    facts = (
        _facts(cast("BinaryIO", contents.open(entry.digest)), entry.name) if found.kind in _MODELS else None
    )
    return Info(where.path, entry, found, stored, model=facts)


def _facts(file: "BinaryIO", name: bytes) -> "ModelFacts | None":
    from tether.errors import Unsupported
    from tether.model.reading import read_facts
    from tether.model.source import FileSource

    try:
        return read_facts(FileSource(file), display(name))
    except (InvalidInput, Unsupported):
        return None


def info_of_working_file(repo: Opened, path: bytes) -> Info:
    """Return what is known of a file, link or folder of the working copy; a folder's from the stage.

    Raises:
        NotFound: There is none.
    """
    from tether.storage.oserrors import translated

    full = os.fsencode(repo.root) + b"/" + path
    name = path.rpartition(b"/")[2]
    with translated(display(path)):
        found = os.lstat(full)
    if stat.S_ISDIR(found.st_mode):
        return info(repo, ":" + os.fsdecode(path))
    if stat.S_ISLNK(found.st_mode):
        return _link_info(repo, path, os.readlink(full))  # noqa: PTH115
    if not stat.S_ISREG(found.st_mode):
        raise InvalidInput(f"{display(path)} is no file, link or folder")
    from tether.core.filetype import HEAD_SIZE, sniff

    with translated(display(path)):
        head, digest, size = _read(full, HEAD_SIZE)
        known, facts = sniff(head, name), None
        if known.kind in _MODELS:
            with open(full, "rb") as file:  # noqa: PTH123
                facts = _facts(file, name)
    kind = EntryKind.EXECUTABLE if found.st_mode & stat.S_IXUSR else EntryKind.FILE
    return Info(path, Entry(name, kind, size, digest), known, stored_as(repo, digest), model=facts)


def _link_info(repo: Opened, path: bytes, target: bytes) -> Info:
    from tether.core.digest import hash_bytes

    digest = hash_bytes(target)
    entry = Entry(path.rpartition(b"/")[2], EntryKind.SYMLINK, len(target), digest)
    return Info(path, entry, None, stored_as(repo, digest), target)


def _read(full: bytes, head_size: int) -> tuple[bytes, Digest, int]:
    """Return the first bytes of a file, its digest and its size."""
    from blake3 import blake3

    hasher, size, head = blake3(), 0, b""
    with open(full, "rb", buffering=0) as file:  # noqa: PTH123
        while piece := file.read(_PIECE):
            head = head or piece[:head_size]
            hasher.update(piece)
            size += len(piece)
    return head, Digest(hasher.digest()), size


def stored_as(repo: Opened, digest: Digest) -> Stored | None:
    """Return how a content is stored; None where it is not."""
    from tether.core.compression import Codec
    from tether.core.digest import EMPTY_FILE
    from tether.repo.frames import FRAME_SIZE

    objects = repo.repository.objects
    if digest == EMPTY_FILE:
        return Stored(0, 0, {})
    if objects.find(digest) is None:
        return None
    chunks, size = 0, 0
    codecs: dict[str, int] = {}
    for chunk in repo.repository.contents.chunks(digest):
        place = objects.find(chunk)
        if place is None:
            return None
        chunks += 1
        size += place.frame.stored + FRAME_SIZE
        codec = Codec(place.frame.codec).name.lower()
        codecs[codec] = codecs.get(codec, 0) + 1
    return Stored(chunks, size, codecs)


def resolve_listing(repo: Opened, text: str) -> str:
    """Return the place that the argument of `ls` means: a revision, or else a path in HEAD.

    Raises:
        NotFound: It is neither.
    """
    if ":" in text:
        return text
    try:
        resolve_path(repo.repository, text)
    except NotFound:
        try:
            find_entry(repo.repository, f"HEAD:{text}")
        except NotFound:
            pass
        else:
            return f"HEAD:{text}"
        raise
    return text
