"""Garbage collection: what nothing needs any more leaves the packs.

Needed is what refs, HEAD, the stage and a merge under way reach, and what the operations of the last
`gc.retention` days reach, so that `undo` works that far back; older operations leave the log, and
returning to one of them is answered with "not found".

The invariant that everything else relies on: a live object has all that it refers to beside it.
Only metadata refers to other objects, so a metadata pack with any garbage is written again without
it, while a data pack may keep a little (less than one part in sixteen) until it is worth the copying,
or until all is to go at once.

Marking runs without a lock. Under the exclusive `writer` lock what moved since is marked too, the
new packs are made durable, the root moves, and only then are the old pack files set aside. A stop at
any point leaves files that the next run finds: they are not in the root's list.
"""

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, field
from typing import NamedTuple

from tether.core.digest import Digest
from tether.core.identity import Time
from tether.core.kinds import ObjectKind
from tether.core.progress import SILENT, Progress
from tether.core.tree import split_digests
from tether.errors import Corrupt, Unavailable
from tether.repo.absent import Absent, read_absent
from tether.repo.contents import ContentReader
from tether.repo.differences import Group, find_groups, is_done
from tether.repo.frames import DATA, META
from tether.repo.gcwrite import GcCounts, Replaced, collect
from tether.repo.inventory import Inventory, frame_cost
from tether.repo.oplog import Log, shorten
from tether.repo.packindex import Place
from tether.repo.packs import has_differences, pack_key
from tether.repo.quarantine import GRACE_S, Aside, list_aside
from tether.repo.reachable import Marker, marker_for, operation_values, root_values
from tether.repo.repository import Repository
from tether.repo.root import Root

_DAY_MICROS = 86_400_000_000
_WORTH = 16
_SMALL = 8 << 20
_MANY_SMALL = 8
_TRIES = 5


@dataclass(frozen=True, slots=True)
class GcOptions:
    """How much is kept.

    Attributes:
        retention_days: For how long undo keeps what no ref needs.
        grace_s: How long pack files stay set aside before they are deleted.
        dropped: Contents to free although they are needed, each with the remote that has it.
        command: For the operation log.
        thorough: Write data packs again for any garbage, however little.
        differences: Store files as the difference to others like them where that saves.
        spares: Says of the key of a pack file that no root lists whether it stays, since something under
            way may still name it.
    """

    retention_days: int = 90
    grace_s: int = GRACE_S
    dropped: Mapping[Digest, str] = field(default_factory=dict)
    command: str = "gc"
    thorough: bool = False
    differences: bool = False
    spares: Callable[[str], bool] = lambda _: False


class _Extent(NamedTuple):
    """One live pack: its size, and the rows of its table that are needed here."""

    name: Digest
    role: int
    size: int
    rows: list[int]
    garbage: int
    """Bytes of the frames that are not needed here."""


@dataclass(slots=True)
class GcPlan:
    """What a run would do, worked out without changing anything.

    Attributes:
        root: The root that was looked at.
        log: The operations that stay.
        replaced: Packs to drop or to write again.
        unlisted: Pack files that no root lists, with their sizes.
        expired: Files set aside long enough ago to be deleted.
        freed: Bytes that leave the live packs, or were never in them.
        kept: Bytes that stay in live packs.
        for_undo: Bytes of objects that only `undo` needs.
        groups: Files to be stored as the difference to others.
    """

    root: Root
    options: GcOptions
    now: Time
    log: Log
    replaced: list[Replaced] = field(default_factory=list)
    unlisted: list[tuple[str, int]] = field(default_factory=list)
    expired: list[Aside] = field(default_factory=list)
    freed: int = 0
    kept: int = 0
    for_undo: int = 0
    groups: list[Group] = field(default_factory=list)
    _survey: "_Survey | None" = None


def plan_gc(
    repository: Repository, now: Time, options: GcOptions | None = None, progress: Progress = SILENT
) -> GcPlan:
    """Work out what is garbage; changes nothing and takes no lock.

    Raises:
        Corrupt: Something needed is missing or damaged, so that what it needs cannot be told.
        Unavailable: Others change the repository faster than it can be looked at.
    """
    for _ in range(_TRIES):
        root = repository.root()
        survey = _Survey(repository, options or GcOptions(), now)
        progress.start("looking for garbage", None, "objects")
        try:
            return survey.plan(root)
        except Corrupt:
            # A pack may have been merged away by another process in the meantime.
            if repository.root().write_id == root.write_id:
                raise
        finally:
            progress.finish()
    raise Unavailable("the repository keeps changing", hint="run 'tether gc' when it is quiet")


def execute_gc(repository: Repository, plan: GcPlan, progress: Progress = SILENT) -> GcCounts:
    """Do what a plan says, with what has happened since taken into account.

    Raises:
        Corrupt: A frame to be copied is damaged; nothing has changed then.
        Unavailable: Another process is writing and does not end, or the disk is full.
    """
    with repository.lock("writer", "gc").exclusive(repository.wait):
        root = repository.root()
        repository.objects.reset()
        if root.write_id != plan.root.write_id and plan._survey is not None:
            plan = plan._survey.plan(root)
        return collect(repository, plan, progress)


class _Survey:
    """Marks and measures; can be brought up to date with a newer root at the cost of the difference."""

    def __init__(self, repository: Repository, options: GcOptions, now: Time) -> None:
        self._repository, self._options, self._now = repository, options, now
        self._inventory = Inventory()
        self._problems: list[tuple[ObjectKind, Digest, str]] = []
        self._marker: Marker | None = None
        self._for_undo = 0
        self._absent = Absent()

    def plan(self, root: Root) -> GcPlan:
        """Return the plan for a root."""
        self._problems.clear()
        self._inventory.extend(self._repository.backend, root.packs())
        lost = [name for name in root.packs() if name in self._inventory.unreadable]
        if lost:
            raise Corrupt(
                f"pack {lost[0].hex()[:12]} cannot be read: {self._inventory.unreadable[lost[0]]}",
                hint="run 'tether fsck'",
            )
        log = self._mark(root)
        plan = GcPlan(root, self._options, self._now, log, _survey=self)
        plan.for_undo = self._for_undo
        self._measure(plan)
        backend = self._repository.backend
        live = {pack_key(name) for name in root.packs()}
        spares = self._options.spares
        loose = [(key, size) for key, size in backend.list("packs/") if key not in live]
        plan.unlisted = [(key, size) for key, size in loose if not spares(key)]
        plan.freed += sum(size for _, size in plan.unlisted)
        limit = self._now.micros // 1_000_000 - self._options.grace_s
        plan.expired = [aside for aside in list_aside(backend) if aside.since_s <= limit]
        return plan

    def _mark(self, root: Root) -> Log:
        objects = self._repository.objects
        first = self._marker is None
        self._absent = read_absent(root, ContentReader(objects))
        if self._marker is None:
            self._marker = marker_for(objects, self._inventory, root, self._report)
            self._marker.skip(self._options.dropped)
        marker = self._marker
        marker.mark(root_values(root))
        without_undo = self._bytes_marked() if first else 0
        log = shorten(root, objects, self._oldest())
        for operation in log.kept:
            marker.mark(operation_values(operation))
        marker.marked |= log.needed
        self._raise_problems()
        if first:
            self._for_undo = self._bytes_marked() - without_undo
        return log

    def _oldest(self) -> int:
        """Return the time of the oldest operation to keep; no days means none, whatever clocks say."""
        days = self._options.retention_days
        return self._now.micros - days * _DAY_MICROS if days else sys.maxsize

    def _report(self, kind: ObjectKind, digest: Digest, problem: str) -> None:
        if digest not in self._absent or problem != "missing":
            self._problems.append((kind, digest, problem))

    def _raise_problems(self) -> None:
        if self._problems:
            kind, digest, problem = self._problems[0]
            raise Corrupt(
                f"cannot tell what is garbage: {kind.name.lower()} {digest.hex()[:12]} is needed ({problem})",
                hint="run 'tether fsck'",
            )

    def _bytes_marked(self) -> int:
        assert self._marker is not None
        marked, total = self._marker.marked, 0
        for table in self._inventory.tables.values():
            names = split_digests(table.digests)
            total += sum(frame_cost(size) for d, size in zip(names, table.stored, strict=True) if d in marked)
        return total

    def _measure(self, plan: GcPlan) -> None:
        extents = list(self._extents(plan.root))
        for role in (DATA, META):
            mine = [extent for extent in extents if extent.role == role]
            thorough = role == META or self._options.thorough
            chosen = [extent for extent in mine if _worth_writing(extent, thorough=thorough)]
            rest = [extent for extent in mine if extent not in chosen and extent.size <= _SMALL]
            if len(rest) >= _MANY_SMALL:
                chosen += rest
            if role == DATA:
                chosen += self._regrouped(plan, mine, chosen)
            plan.replaced += [Replaced(e.name, role, e.size, self._places(e)) for e in chosen]
            plan.freed += sum(extent.garbage for extent in chosen)
            plan.kept += sum(extent.size for extent in mine) - sum(extent.garbage for extent in chosen)

    def _regrouped(
        self, plan: GcPlan, extents: Sequence[_Extent], chosen: Sequence[_Extent]
    ) -> list[_Extent]:
        """Find what is to be stored as differences; return the packs to write again for that alone."""
        assert self._marker is not None
        objects, backend = self._repository.objects, self._repository.backend
        wanted = self._options.differences
        if not wanted and not any(has_differences(backend, extent.name) for extent in chosen if extent.rows):
            return []
        marked = self._marker.marked
        recipes = [digest for digest in self._inventory.of_kind(ObjectKind.RECIPE) if digest in marked]
        plan.groups = find_groups(objects, recipes)
        fresh = [group for group in plan.groups if wanted and not is_done(objects, group)]
        chunks = {chunk for group in fresh for chunk in group.chunks()}
        return [
            extent for extent in extents if extent not in chosen and chunks and self._holds(extent, chunks)
        ]

    def _holds(self, extent: _Extent, chunks: Set[Digest]) -> bool:
        names = self._inventory.tables[extent.name].digests
        return any(names[32 * row : 32 * row + 32] in chunks for row in extent.rows)

    def _extents(self, root: Root) -> Iterator[_Extent]:
        assert self._marker is not None
        marked, seen = self._marker.marked, set[Digest]()
        for role, names in ((DATA, root.data_packs), (META, root.meta_packs)):
            for name in dict.fromkeys(names):  # a pack listed twice is not garbage the second time
                table = self._inventory.tables[name]
                rows, garbage = [], 0
                for row, digest in enumerate(split_digests(table.digests)):
                    if digest in marked and digest not in seen:
                        seen.add(digest)
                        rows.append(row)
                    else:
                        garbage += frame_cost(table.stored[row])
                yield _Extent(name, role, self._repository.backend.size(pack_key(name)), rows, garbage)

    def _places(self, extent: _Extent) -> list[Place]:
        table = self._inventory.tables[extent.name]
        places = [Place(extent.name, table.frame(row)) for row in extent.rows]
        return sorted(places, key=lambda place: place.frame.offset)


def _worth_writing(extent: _Extent, *, thorough: bool) -> bool:
    if not extent.rows:
        return True
    return extent.garbage > 0 if thorough else extent.garbage * _WORTH >= extent.size
