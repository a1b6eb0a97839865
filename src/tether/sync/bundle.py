"""Making and checking bundles: refs with all that they need, or what is new since some commits."""

import os
import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tether.core.digest import Buffer, Digest
from tether.core.identity import Time
from tether.core.kinds import ObjectKind
from tether.core.names import BRANCHES
from tether.core.progress import SILENT, Progress
from tether.errors import AlreadyExists, InvalidInput, NotFound
from tether.repo.checkpacks import check_packs
from tether.repo.frames import DATA, META, Stored
from tether.repo.history import SHALLOW_KEY, History
from tether.repo.inventory import Inventory
from tether.repo.objectdb import ObjectDb, unpack
from tether.repo.operations import Head
from tether.repo.packs import PackWriter
from tether.repo.reachable import marker_for
from tether.repo.repository import FORMAT, FORMAT_KEY, Repository
from tether.repo.root import KEY, Root
from tether.storage.oserrors import translated
from tether.sync.bundlefile import MAGIC, BundleBackend, encode_table, open_bundle
from tether.sync.negotiate import find_missing


@dataclass(frozen=True, slots=True)
class BundleInfo:
    """What a bundle holds.

    Attributes:
        refs: By name.
        prerequisites: Commits that the receiver must have.
        objects: How many.
        size: Bytes of the file.
        problems: What is wrong, as sentences; none in a sound bundle.
    """

    refs: Mapping[str, Digest]
    prerequisites: tuple[Digest, ...]
    objects: int
    size: int
    problems: tuple[str, ...] = ()


def create_bundle(
    repository: Repository,
    path: Path,
    refs: Mapping[str, Digest],
    without: Sequence[Digest] = (),
    progress: Progress = SILENT,
) -> BundleInfo:
    """Write a bundle; nothing is left behind when it fails.

    Args:
        repository: Where the objects are.
        path: The new file.
        refs: What to carry, by full name.
        without: Commits that the receiver has: what they reach is left out.
        progress: Told of the objects.

    Raises:
        AlreadyExists: There is a file.
        InvalidInput: There is nothing to carry.
    """
    if path.exists():
        raise AlreadyExists(f"{path} exists", hint="name another file, or remove it")
    objects = repository.objects
    known = _reachable(repository, without)
    missing = find_missing(
        objects, lambda digests: [d in known for d in digests], refs.values(), repository.root()
    )
    if not missing.commits and not missing.tags:
        raise InvalidInput("the bundle would be empty", hint="name refs with commits that are new")
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}.tmp")
    try:
        with translated(str(path)):
            writer = _Writer(temporary)
            data = writer.packs(DATA, objects, missing.chunks, progress)
            meta = writer.packs(META, objects, missing.meta(), progress)
            writer.member(KEY, _root(repository, refs, (data, meta), missing.commits).encode())
            writer.member(FORMAT_KEY, FORMAT.encode())
            writer.finish(list(without))
            temporary.rename(path)
    finally:
        temporary.unlink(missing_ok=True)
    return BundleInfo(refs, tuple(without), len(missing), path.stat().st_size)


def verify_bundle(path: Path, clock: Callable[[], Time], here: ObjectDb | None) -> BundleInfo:
    """Verify every byte of a bundle, and whether a repository has its prerequisites.

    Args:
        path: The file.
        clock: For opening it.
        here: The objects of the receiver; None asks for no prerequisites.

    Raises:
        NotFound: There is no such file.
        Corrupt: Its table or its root is damaged.
    """
    bundle = open_bundle(path, clock)
    try:
        return _verified(bundle, path.stat().st_size, here)
    finally:
        bundle.close()


def _verified(bundle: Repository, size: int, here: ObjectDb | None) -> BundleInfo:
    backend, root, inventory = bundle.backend, bundle.root(), Inventory()
    assert isinstance(backend, BundleBackend)
    inventory.extend(backend, root.packs())
    problems = [f"pack {name.hex()[:12]}: {text}" for name, text in inventory.unreadable.items()]
    for found in check_packs(backend, inventory.tables, lambda _: None):
        problems += [f"object {bad.digest.hex()[:12]}: {bad.message}" for bad in found.bad]
        problems += [] if found.good else [f"pack {found.name.hex()[:12]}: {found.message}"]

    def report(kind: ObjectKind, digest: Digest, text: str) -> None:
        problems.append(f"{kind.name.lower()} {digest.hex()[:12]}: {text}")

    if not backend.prerequisites:
        marker_for(bundle.objects, inventory, root, report).mark(root.refs.values())
    lacking = [digest for digest in backend.prerequisites if here is not None and not here.has(digest)]
    problems += [f"it needs commit {digest.hex()[:12]}, which is not here" for digest in lacking]
    return BundleInfo(root.refs, tuple(backend.prerequisites), inventory.count(), size, tuple(problems))


def _reachable(repository: Repository, commits: Sequence[Digest]) -> set[Digest]:
    if not commits:
        return set()
    root, inventory = repository.root(), Inventory()
    inventory.extend(repository.backend, root.packs())
    marker = marker_for(repository.objects, inventory, root, _pass_over)
    marker.mark(commits)
    return marker.marked


def _pass_over(_kind: ObjectKind, _digest: Digest, _message: str) -> None:
    """The receiver has it, whatever is missing here."""


def _root(
    repository: Repository,
    refs: Mapping[str, Digest],
    packs: tuple[Sequence[Digest], Sequence[Digest]],
    commits: Sequence[Digest],
) -> Root:
    head = repository.root().head.ref
    branches = sorted(name for name in refs if name.startswith(BRANCHES))
    chosen = head if head in refs else next(iter(branches), None)
    carried, history = set(commits), History.of(repository)
    boundary = sorted(digest for digest in carried if not carried.issuperset(history.parents(digest)))
    return Root(
        secrets.token_bytes(16),
        head=Head(chosen or f"{BRANCHES}main"),
        refs=dict(refs),
        data_packs=tuple(packs[0]),
        meta_packs=tuple(packs[1]),
        extra=((SHALLOW_KEY, b"".join(boundary)),) if boundary else (),
    )


class _Writer:
    """Appends members to a file; takes the place of a backend for one pack at a time."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("xb")
        self._file.write(MAGIC)
        self._members: dict[str, tuple[int, int]] = {}

    def packs(
        self, role: int, objects: ObjectDb, digests: Sequence[Digest], progress: Progress
    ) -> list[Digest]:
        """Write objects as packs of a role, each frame verified, and return the packs' names."""
        places = [place for digest in digests if (place := objects.find(digest)) is not None]
        if len(places) < len(digests):
            raise NotFound("an object to carry is not here", hint="run 'tether fsck'")
        places.sort(key=lambda place: (place.pack, place.frame.offset))
        names, writer = [], None
        progress.start("writing objects", len(places), "objects")
        for batch in objects.read_frames(places):
            for frame, data in batch:
                unpack(frame, data, ObjectKind(frame.kind))
                writer = writer or PackWriter(_Target(self), role)  # type: ignore[arg-type]  # it only uploads
                writer.add(Stored(frame.kind, frame.codec, frame.raw, frame.digest, data))
                if writer.full:
                    names.append(writer.finish()[0])
                    writer = None
            progress.advance(len(batch))
        if writer is not None:
            names.append(writer.finish()[0])
        progress.finish()
        return names

    def member(self, key: str, data: bytes) -> None:
        """Append a member."""
        start = self._file.tell()
        self._file.write(data)
        self._members[key] = (start, len(data))

    def open_member(self) -> int:
        """Return where the next member begins."""
        return self._file.tell()

    def append(self, data: Buffer) -> None:
        """Append bytes to the member being written."""
        self._file.write(data)

    def close_member(self, key: str, start: int) -> None:
        """Give the bytes from `start` on their key."""
        self._members[key] = (start, self._file.tell() - start)

    def finish(self, prerequisites: list[Digest]) -> None:
        """Write the table and make the file durable."""
        self._file.write(encode_table(self._members, prerequisites, self._file.tell()))
        self._file.flush()
        os.fsync(self._file.fileno())
        self._file.close()


class _Target:
    """What a pack writer asks of a backend."""

    def __init__(self, writer: _Writer) -> None:
        self._writer = writer

    def upload(self) -> "_Member":
        """Begin a member."""
        return _Member(self._writer)


class _Member:
    """One pack on its way into the bundle."""

    def __init__(self, writer: _Writer) -> None:
        self._writer, self._start = writer, writer.open_member()

    def write(self, data: Buffer) -> None:
        """Append bytes."""
        self._writer.append(data)

    def finish(self, key: str) -> None:
        """Give the member its key."""
        self._writer.close_member(key, self._start)

    def abort(self) -> None:
        """Do nothing: the whole file is given up."""
