"""Searching files, telling where lines come from, and writing revisions as archives."""

import os
import stat
from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, BinaryIO

from tether.api.opened import Opened
from tether.core.names import display, path_bytes
from tether.core.tree import EntryKind
from tether.repo.archive import ArchiveRequest, Total, write_archive
from tether.repo.blame import BlameLine, Blamer
from tether.repo.grep import Match, Pattern, search, search_tree
from tether.repo.history import History
from tether.repo.listing import tree_files
from tether.repo.revision import clean_path, resolve, resolve_tree

if TYPE_CHECKING:
    from pathlib import Path


_PIECE = 4 << 20


def blame(repo: Opened, path: str | bytes, rev: str = "HEAD") -> list[BlameLine]:
    """Return the lines of a text with the commits that they come from.

    Raises:
        NotFound: The revision has no such file.
        InvalidInput: It is no text, or larger than 8 MiB.
    """
    repository = repo.repository
    blamer = Blamer(History.of(repository), repository.objects, repository.contents)
    where = clean_path(path_bytes(path).decode("utf-8", "surrogateescape"))
    return blamer.blame(resolve(repository, rev), where)


def grep(
    repo: Opened, pattern: Pattern, rev: str | None = None, paths: Sequence[bytes] = ()
) -> Iterator[Match]:
    """Yield the lines that fit: in a revision, in the stage (`rev` empty), or in the tracked working files.

    Binary files and links are passed over.
    """
    repository = repo.repository
    if rev is not None:
        tree = resolve_tree(repository, rev).tree
        return search_tree(repository.objects, repository.contents, tree, pattern, paths)
    return _grep_work(repo, pattern, paths)


def _grep_work(repo: Opened, pattern: Pattern, paths: Sequence[bytes]) -> Iterator[Match]:
    top = os.fsencode(repo.root)
    for path, entry in tree_files(repo.repository.objects, repo.repository.root().stage, paths):
        if entry.kind in (EntryKind.FILE, EntryKind.EXECUTABLE):
            yield from search(path, _pieces(top + b"/" + path), pattern)


def _pieces(full: bytes) -> Iterator[bytes]:
    """Yield a working file in pieces; nothing where it is gone, unreadable or no file any more."""
    with suppress(OSError):
        descriptor = os.open(full, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(descriptor, "rb", buffering=0) as file:
            while stat.S_ISREG(os.fstat(descriptor).st_mode) and (piece := file.read(_PIECE)):
                yield piece


def archive_request(
    repo: Opened, rev: str, form: str = "tar", prefix: bytes = b"", paths: Sequence[bytes] = ()
) -> ArchiveRequest:
    """Return the request for an archive of a revision; its members get the time of the commit.

    Raises:
        NotFound: There is no such revision.
    """
    place = resolve_tree(repo.repository, rev)
    when = History.of(repo.repository).time(place.commit) if place.commit is not None else 0
    return ArchiveRequest(place.tree, when // 1_000_000, form, prefix, paths)


def archive(repo: Opened, request: ArchiveRequest, out: BinaryIO) -> Total:
    """Write an archive as a stream; errors as for `tether.repo.archive.write_archive`."""
    return write_archive(repo.repository.objects, repo.repository.contents, request, out)


def archive_to(repo: Opened, request: ArchiveRequest, target: "Path") -> Total:
    """Write an archive to a file, which appears only when it is whole.

    Raises:
        Unavailable: The disk is full.
        Forbidden: The folder cannot be written to.
    """
    from tether.storage.oserrors import translated

    partial = target.with_name(f".{target.name}.{os.getpid()}.partial")
    with translated(display(os.fsencode(target))):
        try:
            with partial.open("xb") as out:
                total = archive(repo, request, out)
                out.flush()
                os.fsync(out.fileno())
            partial.replace(target)
        except BaseException:
            partial.unlink(missing_ok=True)
            raise
    return total
