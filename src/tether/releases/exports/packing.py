"""A release as a folder or an archive that needs nothing else: its own tree, and beside it what others read.

    release.json, weights/, code/, data/, ...   the tree of the release
    attestations/ID.json, ID.pub                what was said of it, with the keys
    README.md, DATA.md, ...                     views, which can be made again
    SHA256SUMS                                  of all of these

The same release gives the same bytes, but for signatures that are made anew.
"""

import hashlib
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import BinaryIO

from tether.core.names import path_bytes
from tether.core.progress import SILENT, Progress
from tether.core.tree import Entry, EntryKind
from tether.errors import AlreadyExists
from tether.releases.exports.files import file_facts
from tether.releases.exports.released import Released
from tether.repo.archive import ArchiveRequest, Total, write_archive
from tether.repo.repository import Repository
from tether.storage.oserrors import translated
from tether.worktree.plan import Write
from tether.worktree.writing import write_all

Row = tuple[bytes, Entry]
Views = Mapping[str, bytes]
"""Files beside the tree of a release, by path."""


def sums(files: Mapping[str, str]) -> bytes:
    """Return digests by path as `sha256sum` writes and checks them."""
    return b"".join(_sum(path_bytes(path), digest) for path, digest in sorted(files.items()))


def _sum(path: bytes, digest: str) -> bytes:
    escaped = path.replace(b"\\", b"\\\\").replace(b"\n", b"\\n").replace(b"\r", b"\\r")
    return (b"\\" if escaped != path else b"") + digest.encode() + b"  " + escaped + b"\n"


def parse_sums(data: bytes) -> dict[bytes, str]:
    """Return what `sums` wrote; lines that it does not write are left out."""
    found = {}
    for line in data.split(b"\n"):
        digest, _, path = line.removeprefix(b"\\").partition(b"  ")
        if line.startswith(b"\\"):
            path = (
                path.replace(b"\\\\", b"\0")
                .replace(b"\\n", b"\n")
                .replace(b"\\r", b"\r")
                .replace(b"\0", b"\\")
            )
        if path:
            found[path] = digest.decode(errors="replace")
    return found


def digests_of(released: Released, views: Views, progress: Progress = SILENT) -> dict[str, str]:
    """Return the SHA-256 of each file of a release and of views by path; all of it is read."""
    own = file_facts(released.repository, released.tree, b"", progress=progress)
    found = {each.path.decode("utf-8", "surrogateescape"): each.sha256 for each in own}
    return found | {path: hashlib.sha256(data).hexdigest() for path, data in views.items()}


def write_folder(
    repository: Repository, rows: Sequence[Row], views: Views, target: Path, progress: Progress = SILENT
) -> Total:
    """Write files of a tree, and others, as a folder, which is there when it is whole.

    Args:
        repository: Has the contents.
        rows: Files, links and empty folders with their paths in the folder.
        views: What comes with them.
        target: The folder.
        progress: Told of the files.

    Raises:
        AlreadyExists: There is something.
        Unavailable: The disk is full.
        Forbidden: The folder cannot be written to.
        Corrupt: A content is damaged.
    """
    import shutil

    if target.exists() or target.is_symlink():
        raise AlreadyExists(f"{target} is there already", hint="name a folder that is not")
    new = target.with_name(f".{target.name}.partial")
    with translated(str(target)):
        new.mkdir(parents=True)
        try:
            total = _fill(repository, rows, views, new, progress)
            new.rename(target)
        except BaseException:
            shutil.rmtree(new, ignore_errors=True)
            raise
    return total


def _fill(repository: Repository, rows: Sequence[Row], views: Views, top: Path, progress: Progress) -> Total:
    contents = repository.contents
    contents.prepare([entry.digest for _, entry in rows if entry.kind != EntryKind.DIRECTORY])
    writes = []
    for path, entry in rows:
        if entry.kind == EntryKind.DIRECTORY:
            (top / os.fsdecode(path)).mkdir(parents=True)
        else:
            writes.append(Write(path, entry, replaces=False))
    progress.start("writing files", len(writes), "files")
    for _ in write_all(top, contents, writes, progress):
        pass
    progress.finish()
    for name, data in views.items():
        place = top / name
        place.parent.mkdir(exist_ok=True)
        with place.open("xb") as file:
            file.write(data)
    size = sum(entry.size for _, entry in rows) + sum(map(len, views.values()))
    return Total(len(rows) + len(views), size)


def write_archive_of(released: Released, views: Views, form: str, time_s: int, out: BinaryIO) -> Total:
    """Write it as a tar or zip file, in a folder `NAME-VERSION`, to `out`, which is never sought.

    Args:
        released: The release.
        views: What comes with it.
        form: `tar`, `tar.gz` or `zip`.
        time_s: Seconds since 1970 that every member gets.
        out: Takes the bytes.

    Raises:
        InvalidInput: zip cannot hold a name.
        Corrupt: A content is damaged.
    """
    manifest = released.manifest
    prefix = path_bytes(f"{manifest.name}-{manifest.version}/")
    more = {path_bytes(path): data for path, data in views.items()}
    request = ArchiveRequest(released.tree, time_s, form, prefix, more=more)
    return write_archive(released.repository.objects, released.repository.contents, request, out)
