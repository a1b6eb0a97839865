"""Verifying a repository: the root, its refs, everything that they reach, the indexes and the packs.

Three depths: without options all metadata is decoded and every content must be present; a sample
verifies the bytes of some contents too; `full` reads every byte that is stored. A check changes
nothing. It holds the shared `writer` lock, so that gc does not move packs away under it.
"""

import random
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import StrEnum

from tether.core.digest import Digest
from tether.core.kinds import ObjectKind
from tether.core.names import SHARED
from tether.core.objects import Commit
from tether.core.progress import SILENT, Progress
from tether.core.tree import split_digests
from tether.core.treeverify import verify_tree
from tether.errors import Corrupt, Forbidden, NotFound, TetherError, Unsupported
from tether.repo.absent import Absent, absent_contents
from tether.repo.checkpacks import BadFrame, check_packs, check_places
from tether.repo.inventory import Inventory
from tether.repo.operations import walk_operations
from tether.repo.packindex import PackIndex, Place
from tether.repo.packs import pack_key
from tether.repo.reachable import Marker, marker_for, operation_values, root_values
from tether.repo.repository import FORMAT_KEY, Repository
from tether.repo.root import Root
from tether.repo.touches import Touches


class ProblemKind(StrEnum):
    """What is wrong."""

    ROOT = "root"
    REF = "ref"
    MISSING = "missing"
    DAMAGED = "damaged"
    PACK = "pack"
    INDEX = "index"
    FORMAT = "format"
    FOLDER = "folder"


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong.

    Attributes:
        kind: What sort of problem.
        object: Digest of the object or pack in hexadecimal, or the name of a ref or file.
        message: What is wrong with it.
        touches: Refs, commits and paths that need it, the first few.
    """

    kind: ProblemKind
    object: str
    message: str
    touches: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class CheckOptions:
    """How deep to look.

    Attributes:
        full: Read every byte.
        sample: Percent of the contents whose bytes are verified.
        seed: Chooses the sample.
    """

    full: bool = False
    sample: float = 0.0
    seed: int = 0


@dataclass(slots=True)
class CheckReport:
    """What a check found.

    Attributes:
        problems: Everything that is wrong; none in a sound repository.
        objects: Objects looked at.
        packs: Packs looked at.
        bytes: Bytes of contents and packs that were verified.
        absent: Contents that are at a remote by agreement, as (digest, remote).
        missing: Objects that are needed and are not here, or damaged, by kind.
        damaged_packs: Packs whose file is damaged or lost.
    """

    problems: list[Problem] = field(default_factory=list)
    objects: int = 0
    packs: int = 0
    bytes: int = 0
    absent: list[tuple[Digest, str]] = field(default_factory=list)
    missing: dict[Digest, ObjectKind] = field(default_factory=dict)
    damaged_packs: dict[Digest, str] = field(default_factory=dict)

    @property
    def ok(self) -> bool:
        """Whether nothing is wrong."""
        return not self.problems


def check_repository(
    repository: Repository, options: CheckOptions | None = None, progress: Progress = SILENT
) -> CheckReport:
    """Verify a repository and return what is wrong; damage is reported, not raised."""
    with _steady(repository):
        return run_check(repository, options or CheckOptions(), progress)


def run_check(repository: Repository, options: CheckOptions, progress: Progress = SILENT) -> CheckReport:
    """Verify a repository on which the caller holds a lock already."""
    report = CheckReport()
    try:
        root = repository.root()
    except TetherError as error:
        report.problems.append(Problem(ProblemKind.ROOT, "root", str(error)))
        return report
    repository.objects.reset()
    _Check(repository, root, options, progress, report).run()
    return report


@contextmanager
def _steady(repository: Repository) -> Iterator[None]:
    """Keep gc away; where this user may not write, there is no gc to keep away from."""
    lock = repository.lock("writer", "fsck").shared(repository.wait)
    try:
        lock.__enter__()
    except Forbidden:
        yield
        return
    try:
        yield
    finally:
        lock.__exit__(None, None, None)


class _Check:
    def __init__(
        self,
        repository: Repository,
        root: Root,
        options: CheckOptions,
        progress: Progress,
        report: CheckReport,
    ) -> None:
        self._repository, self._root, self._options = repository, root, options
        self._progress, self._report = progress, report
        self._objects = repository.objects
        self._inventory = Inventory()
        self._bad: dict[Digest, tuple[ProblemKind, ObjectKind, str]] = {}
        self._absent = self._record()

    def _record(self) -> Absent:
        """Return what is absent on purpose; a list that is lost is found by the marker."""
        try:
            return self._repository.absent.record()
        except (Corrupt, NotFound):
            return Absent(absent_contents(self._root))

    def run(self) -> None:
        self._check_format()
        self._check_tables()
        # Before any look-up: one that meets damage builds the index again, and nobody would be told.
        self._check_indexes()
        marker = self._mark()
        self._check_refs()
        if self._options.full:
            self._check_packs()
            self._check_files(marker)
            self._check_totals()
        elif self._options.sample:
            self._check_sample()
        self._describe()

    def _check_format(self) -> None:
        if self._repository.backend.read(FORMAT_KEY) != self._repository.format:
            message = "its bytes have changed; 'tether fsck --repair' writes it again"
            self._report.problems.append(Problem(ProblemKind.FORMAT, FORMAT_KEY, message))

    def _check_tables(self) -> None:
        inventory = self._inventory
        inventory.extend(self._repository.backend, self._root.packs())
        for name, message in inventory.unreadable.items():
            self._pack_problem(name, message)
        self._report.packs = len(self._root.packs())
        self._report.objects = inventory.count()

    def _pack_problem(self, name: Digest, message: str) -> None:
        self._report.damaged_packs[name] = message
        self._report.problems.append(Problem(ProblemKind.PACK, name.hex(), message))

    def _mark(self) -> Marker:
        """Decode all metadata that anything needs, and see that every content is present."""
        root, objects = self._root, self._objects
        marker = marker_for(objects, self._inventory, root, self._found)
        self._progress.start("checking history and files", None, "objects")
        marker.mark(root_values(root) - self._dangling())
        try:
            for operation in walk_operations(root.operations, root.older_operations, objects):
                marker.mark(operation_values(operation))
        except (Corrupt, NotFound, Unsupported) as error:
            self._report.problems.append(Problem(ProblemKind.DAMAGED, "operation log", str(error)))
        self._progress.finish()
        return marker

    def _found(self, kind: ObjectKind, digest: Digest, message: str) -> None:
        remote = self._absent.remote_of(digest) if message == "missing" else None
        if remote is not None:
            self._report.absent.append((digest, remote))
        elif digest not in self._bad:
            problem = ProblemKind.MISSING if message == "missing" else ProblemKind.DAMAGED
            self._bad[digest] = (problem, kind, message)

    def _dangling(self) -> set[Digest]:
        inventory = self._inventory
        return {digest for digest in self._root.refs.values() if inventory.kind_of(digest) is None}

    def _check_refs(self) -> None:
        allowed = (ObjectKind.COMMIT, ObjectKind.TAG)
        for name, digest in self._root.refs.items():
            kind = self._inventory.kind_of(digest)
            if kind is None:
                message = f"it names {digest.hex()[:12]}, which is not here"
                self._report.problems.append(Problem(ProblemKind.REF, name, message))
                self._report.missing[digest] = ObjectKind.COMMIT
            elif kind not in allowed and name.startswith(SHARED):
                message = f"it names a {kind.name.lower()}"
                self._report.problems.append(Problem(ProblemKind.REF, name, message))

    def _check_indexes(self) -> None:
        backend = self._repository.backend
        for key, _ in list(backend.list("index/")):
            try:
                index = PackIndex(backend.map(key))
            except (Corrupt, NotFound, Unsupported) as error:
                self._index_problem(key, str(error))
                continue
            if not index.verify():
                self._index_problem(key, "its bytes have changed")
            elif self._options.full and not self._agrees(index):
                self._index_problem(key, "it does not agree with the packs")

    def _index_problem(self, key: str, message: str) -> None:
        text = f"{message}; nothing is lost, 'tether fsck --repair' builds it again"
        self._report.problems.append(Problem(ProblemKind.INDEX, key, text))

    def _agrees(self, index: PackIndex) -> bool:
        """Say whether an index lists exactly the frames that the live packs it covers have."""
        digests, packs, offsets = index.listed()
        names = split_digests(bytes(digests))
        counts = Counter(packs)
        rows: dict[int, dict[Digest, int]] = {number: {} for number in counts}
        for digest, number, offset in zip(names, packs, offsets, strict=True):
            rows[number][digest] = offset
        for number, listed in rows.items():
            table = self._inventory.tables.get(index.packs[number]) if number < len(index.packs) else None
            if number >= len(index.packs):
                return False
            if table is None:
                continue
            known = dict(zip(split_digests(table.digests), table.offsets, strict=True))
            if any(known.get(digest) != offset for digest, offset in listed.items()):
                return False
        return True

    def _check_packs(self) -> None:
        backend, tables = self._repository.backend, self._inventory.tables
        total = sum(backend.size(pack_key(name)) for name in tables)
        self._progress.start("verifying packs", total, "bytes")
        for found in check_packs(backend, tables, self._progress.advance):
            self._report.bytes += found.size
            for bad in found.bad:
                self._take_bad(bad)
            if not found.good:
                self._pack_problem(found.name, found.message)
            elif found.bad:
                self._report.damaged_packs[found.name] = "it has damaged frames"
        self._progress.finish()

    def _take_bad(self, bad: BadFrame) -> None:
        self._found(ObjectKind(bad.kind), bad.digest, bad.message)

    def _check_files(self, marker: Marker) -> None:
        """Put the contents of several chunks together and compare them with their own digests."""
        recipes = [d for d in self._inventory.of_kind(ObjectKind.RECIPE) if d in marker.marked]
        self._progress.start("verifying large files", len(recipes), "files")
        for digest in recipes:
            try:
                for piece in self._repository.contents.stream(digest):
                    self._report.bytes += len(piece)
            except (Corrupt, NotFound, Unsupported) as error:
                self._found(ObjectKind.RECIPE, digest, str(error))
            self._progress.advance(1)
        self._progress.finish()

    def _check_totals(self) -> None:
        """Verify what single nodes cannot show: sizes and counts of folders, for every tip and the stage."""
        trees = {self._root.stage}
        for digest in self._root.refs.values():
            if self._inventory.kind_of(digest) == ObjectKind.COMMIT and digest not in self._bad:
                trees.add(Commit.decode(self._objects.get(ObjectKind.COMMIT, digest)).tree)
        verified: dict[Digest, object] = {}
        for tree in sorted(trees):
            try:
                verify_tree(self._objects, tree, verified)  # type: ignore[arg-type]
            except (Corrupt, NotFound, Unsupported) as error:
                self._found(ObjectKind.TREE, tree, str(error))

    def _check_sample(self) -> None:
        chooser, places = random.Random(self._options.seed), []
        for name, table in self._inventory.tables.items():
            rows = [row for row, kind in enumerate(table.kinds) if kind == ObjectKind.CHUNK]
            places += [Place(name, table.frame(row)) for row in _share(chooser, rows, self._options.sample)]
        places.sort(key=lambda place: (place.pack, place.frame.offset))
        self._progress.start("verifying contents", len(places), "objects")
        for bad in check_places(self._objects, places):
            self._take_bad(bad)
        self._report.bytes += sum(place.frame.raw for place in places)
        self._progress.finish()

    def _describe(self) -> None:
        """Turn what was found into problems that say what they touch."""
        if not self._bad and not self._report.missing:
            return
        touches = Touches(self._repository, self._root, self._inventory)
        found = touches.find({*self._bad})
        for digest, (problem, kind, message) in self._bad.items():
            self._report.missing[digest] = kind
            what = "content" if kind in (ObjectKind.CHUNK, ObjectKind.RECIPE) else kind.name.lower()
            text = f"{what} is missing" if problem == ProblemKind.MISSING else message
            self._report.problems.append(Problem(problem, digest.hex(), text, tuple(found.get(digest, ()))))


def _share(chooser: random.Random, rows: list[int], percent: float) -> list[int]:
    """Return that share of some rows, at least one of any."""
    count = min(len(rows), max(1, round(len(rows) * percent / 100))) if rows else 0
    return chooser.sample(rows, count)
