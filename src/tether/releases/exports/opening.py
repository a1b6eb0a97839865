"""A folder or an archive of a release as a repository of its own, so that it is verified as any other.

The repository is a temporary one. What a folder says of its files in SHA256SUMS is compared as well: it names
files that differ, where the manifest has but one digest for a whole folder.
"""

import hashlib
import io
import lzma
import os
import stat
import tarfile
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import BinaryIO, NamedTuple, cast

from tether.core.identity import Person, Time
from tether.core.names import attestation_ref, check_path, display, path_bytes, release_ref
from tether.core.tree import EMPTY_TREE, Entry, EntryKind
from tether.errors import Corrupt, InvalidInput, NotFound, Unsupported
from tether.releases.attesting import ENVELOPE, KEY
from tether.releases.exports.forms import SUMS
from tether.releases.exports.packing import parse_sums
from tether.releases.manifest import FOLDERS, MANIFEST, MAX_MANIFEST, Manifest
from tether.releases.storing import orphan
from tether.repo.repository import Repository
from tether.repo.transaction import Transaction
from tether.storage.oserrors import translate, translated

ATTESTATIONS = "attestations"
_NOBODY = Person("nobody", "nobody@localhost")
_MOST_SMALL = 128 << 20
_LONGEST_LINK = 4095
_BUFFER = 1 << 20
_DAMAGED = (zipfile.BadZipFile, tarfile.TarError, EOFError, zlib.error, lzma.LZMAError)


class _Member(NamedTuple):
    """A file, a link, whose content is where it leads, or an empty folder."""

    path: bytes
    kind: EntryKind
    open: Callable[[], BinaryIO]


@dataclass(slots=True)
class OpenedFolder:
    """What was found.

    Attributes:
        repository: Has the release, and what was said of it.
        label: Its name and version.
        unlike: Paths that are not as SHA256SUMS has them, with the reason.
    """

    repository: Repository
    label: tuple[str, str]
    unlike: list[tuple[str, str]] = field(default_factory=list)


@contextmanager
def opened_folder(place: Path, clock: Callable[[], Time]) -> Iterator[OpenedFolder]:
    """Open a folder, a tar or a zip file that `release export` wrote.

    Args:
        place: Where it is.
        clock: Gives the time for the temporary repository.

    Raises:
        NotFound: There is nothing, or no release in it.
        InvalidInput: It is no archive, or a path leads out of it.
        Corrupt: Its manifest is damaged.
    """
    with tempfile.TemporaryDirectory(prefix="tether-release-") as temporary:
        repository = Repository.init(Path(temporary) / "repository", clock=clock, bare=True)
        try:
            yield _taken(repository, place)
        finally:
            repository.close()


def _taken(repository: Repository, place: Path) -> OpenedFolder:
    with repository.transaction("open a release") as transaction:
        intake = _Intake(transaction)
        try:
            for member in _members(place):
                intake.take(member)
        except _DAMAGED as error:
            raise Corrupt(f"the archive {place} is damaged: {error}") from None
        except OSError as error:
            if error.errno is not None:
                raise translate(error, str(error.filename or place)) from error
            raise Corrupt(f"the archive {place} is damaged: {error}") from None  # as gzip and bz2 say it
        if intake.manifest is None:
            raise NotFound(f"no release in {place}", hint=f"it has no {MANIFEST}")
        manifest = Manifest.decode(intake.manifest)
        now = repository.clock()
        commit = orphan(transaction, intake.entries, f"release {manifest.label}", _NOBODY, now)
        transaction.set_ref(release_ref(manifest.name, manifest.version), commit, expected=None)
        for digest, entries in intake.attestations.items():
            said = orphan(transaction, entries, f"attestation of {manifest.label}", _NOBODY, now)
            ref = attestation_ref(manifest.name, manifest.version, digest)
            transaction.set_ref(ref, said, expected=None)
    return OpenedFolder(repository, (manifest.name, manifest.version), list(intake.unlike()))


class _Intake:
    """Takes members into a transaction."""

    def __init__(self, transaction: Transaction) -> None:
        self._contents = transaction.contents
        self.entries: dict[bytes, Entry] = {}
        self.attestations: dict[str, dict[bytes, Entry]] = {}
        self.manifest: bytes | None = None
        self._sums: dict[bytes, str] | None = None
        self._found: dict[bytes, str] = {}

    def take(self, member: _Member) -> None:
        """Store a member of the release, and hash every one."""
        top = display(member.path.partition(b"/")[0])
        if member.path == path_bytes(SUMS):
            self._sums = parse_sums(_small(member))
        elif member.path == path_bytes(MANIFEST):
            data = self.manifest = _small(member, MAX_MANIFEST)
            self._put(member._replace(open=lambda: io.BytesIO(data)))
        elif top in FOLDERS and b"/" in member.path:
            self._put(member)
        elif top == ATTESTATIONS:
            self._put_attestation(member)
        elif member.kind != EntryKind.DIRECTORY:
            self._hash(member)

    def _put(self, member: _Member) -> None:
        self.entries[member.path] = self._stored(member, member.path.rpartition(b"/")[2], member.kind)

    def _put_attestation(self, member: _Member) -> None:
        name = display(member.path.rpartition(b"/")[2])
        digest, _, ending = name.partition(".")
        own = {"json": ENVELOPE, "pub": KEY}.get(ending)
        if own is not None and member.kind != EntryKind.DIRECTORY:
            self.attestations.setdefault(digest, {})[own] = self._stored(member, own, EntryKind.FILE)

    def _stored(self, member: _Member, name: bytes, kind: EntryKind) -> Entry:
        if kind == EntryKind.DIRECTORY:
            return Entry(name, kind, 0, EMPTY_TREE, 0)
        with member.open() as file:
            hashing = _Hashing(file)
            digest, size = self._contents.add_stream(hashing.readinto, name)
        if kind != EntryKind.SYMLINK:
            self._found[member.path] = hashing.sha256.hexdigest()
        return Entry(name, kind, size, digest)

    def _hash(self, member: _Member) -> None:
        with member.open() as file:
            self._found[member.path] = hashlib.file_digest(file, "sha256").hexdigest()  # type: ignore[arg-type]

    def unlike(self) -> Iterator[tuple[str, str]]:
        """Yield what is not as the list of digests says, if there is one."""
        sums = self._sums
        if sums is None:
            return
        for path in sorted({*sums, *self._found}):
            if path not in self._found:
                yield display(path), f"it is in {SUMS} and not there"
            elif path not in sums:
                yield display(path), f"it is there and not in {SUMS}"
            elif sums[path] != self._found[path]:
                yield display(path), f"it is not the one of {SUMS}"


class _Hashing:
    """Passes bytes on and hashes them."""

    def __init__(self, file: BinaryIO) -> None:
        self._file, self.sha256 = file, hashlib.sha256()

    def readinto(self, target: memoryview) -> int:
        """Fill `target` from its start; 0 at the end."""
        data = self._file.read(min(len(target), _BUFFER))
        target[: len(data)] = data
        self.sha256.update(data)
        return len(data)


def _small(member: _Member, most: int = _MOST_SMALL) -> bytes:
    with member.open() as file:
        data = file.read(most + 1)
    if len(data) > most:
        raise InvalidInput(f"{display(member.path)} is too large")
    return data


# -- where members come from ----------------------------------------------------------------


def _members(place: Path) -> Iterator[_Member]:
    if place.is_dir():
        with translated(str(place)):
            yield from _of_folder(place)
    elif not place.is_file():
        raise NotFound(f"there is nothing at {place}")
    elif not zipfile.is_zipfile(place) and not tarfile.is_tarfile(place):
        raise InvalidInput(f"{place} is no folder, tar or zip file")
    else:
        yield from _of_zip(place) if zipfile.is_zipfile(place) else _of_tar(place)


def _of_folder(top: Path) -> Iterator[_Member]:
    waiting = [top]
    while waiting:
        folder = waiting.pop()
        with os.scandir(folder) as found:
            listed = sorted(found, key=lambda each: each.name)
        if not listed and folder != top:
            yield _folder(check_path(path_bytes(folder.relative_to(top))))
        for each in listed:
            place = Path(each.path)
            if each.is_dir(follow_symlinks=False):
                waiting.append(place)
                continue
            mode = each.stat(follow_symlinks=False).st_mode
            path = check_path(path_bytes(place.relative_to(top)))
            if stat.S_ISLNK(mode):
                yield _link(path, os.fsencode(place.readlink()))
            elif stat.S_ISREG(mode):
                yield _Member(path, _kind(mode), partial(_opened, place))
            else:
                raise InvalidInput(f"{place} is no file")


def _opened(place: Path) -> BinaryIO:
    return place.open("rb")


def _of_tar(place: Path) -> Iterator[_Member]:
    with tarfile.open(place, "r:*", encoding="utf-8", errors="surrogateescape") as archive:
        for info in archive:
            path = _inside(path_bytes(info.name))
            if path is None:
                continue
            if info.isdir() or info.issym():
                yield _folder(path) if info.isdir() else _link(path, path_bytes(info.linkname))
                continue
            file = archive.extractfile(info) if info.isreg() else None
            if file is None:
                raise InvalidInput(f"{display(path)} of the archive is no file")
            yield _Member(path, _kind(info.mode), lambda file=file: file)  # type: ignore[misc]
        # The sum over all of a compressed file is compared at its end, after what follows the last member.
        while archive.fileobj is not None and archive.fileobj.read(_BUFFER):
            pass


def _of_zip(place: Path) -> Iterator[_Member]:
    with zipfile.ZipFile(place) as archive:
        for info in archive.infolist():
            path = _inside(path_bytes(info.filename))
            if path is None:
                continue
            mode = info.external_attr >> 16
            if info.is_dir():
                yield _folder(path)
            elif stat.S_ISLNK(mode):
                yield _link(path, archive.read(info)[:_LONGEST_LINK])
            else:
                yield _Member(path, _kind(mode), partial(_opened_in, archive, info))


def _opened_in(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> BinaryIO:
    try:
        return cast("BinaryIO", archive.open(info))
    except RuntimeError as error:  # it is encrypted, or compressed in a way that is not known
        raise Unsupported(f"{display(path_bytes(info.filename))} cannot be read: {error}") from None


def _inside(name: bytes) -> bytes | None:
    """Return a name without the folder that all of an archive is in; None for that folder."""
    path = name.rstrip(b"/").partition(b"/")[2]
    return check_path(path) if path else None


def _folder(path: bytes) -> _Member:
    return _Member(path, EntryKind.DIRECTORY, io.BytesIO)


def _link(path: bytes, target: bytes) -> _Member:
    return _Member(path, EntryKind.SYMLINK, lambda: io.BytesIO(target))


def _kind(mode: int) -> EntryKind:
    return EntryKind.EXECUTABLE if mode & stat.S_IXUSR else EntryKind.FILE
