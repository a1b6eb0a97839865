"""The writing half of garbage collection, done under the exclusive lock; see `tether.repo.gc`."""

import secrets
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, NamedTuple

from tether.core.compression import Codec
from tether.core.digest import Digest
from tether.core.identity import Time
from tether.core.kinds import ObjectKind
from tether.core.progress import Progress
from tether.repo.absent import absent_contents, with_absent
from tether.repo.diffwrite import DifferenceWriter
from tether.repo.frames import DATA, META, Stored, Table
from tether.repo.objectdb import unpack
from tether.repo.operations import Operation
from tether.repo.oplog import Log
from tether.repo.packindex import Place
from tether.repo.packs import PackWriter, pack_key
from tether.repo.quarantine import list_aside, set_aside
from tether.repo.repository import Repository
from tether.repo.root import Root
from tether.storage.local import LocalBackend
from tether.storage.wrappers import innermost

if TYPE_CHECKING:
    from tether.repo.gc import GcPlan

_SWEEP_S = 3600.0


class Replaced(NamedTuple):
    """A live pack that goes, and what of it is copied into new packs (nothing: it is dropped)."""

    name: Digest
    role: int
    size: int
    copied: list[Place]


@dataclass(frozen=True, slots=True)
class GcCounts:
    """What a run did, in bytes.

    Attributes:
        freed: Left the live packs, or was never in them.
        kept: Stays in live packs.
        quarantined: Of what was ever freed, still on the disk for a while.
        packs: Packs that were dropped or written again.
        for_undo: Of what is kept, needed only by `undo`.
    """

    freed: int
    kept: int
    quarantined: int
    packs: int
    for_undo: int


class Written(NamedTuple):
    """A new pack."""

    role: int
    name: Digest
    table: Table


def collect(repository: Repository, plan: "GcPlan", progress: Progress) -> GcCounts:
    """Carry out a plan that fits the root as it is; the caller holds the exclusive lock."""
    backend, now_s = repository.backend, plan.now.micros // 1_000_000
    before = sum(size for _, size in backend.list("packs/"))
    if plan.replaced or plan.log.shortened or plan.options.dropped:
        written = _write(repository, plan, progress)
        gone = {pack.name for pack in plan.replaced}
        options = plan.options
        change = PackChange(options.command, plan.now, written, gone, plan.log, options.dropped)
        replace_packs(repository, plan.root, change)
    live = {pack_key(name) for name in repository.root().packs()}
    for key, _ in list(backend.list("packs/")):
        if key not in live and not plan.options.spares(key):
            repository.confirm_lock()
            set_aside(backend, key, now_s)
    for aside in list_aside(backend):
        if aside.since_s <= now_s - plan.options.grace_s:
            repository.confirm_lock()
            backend.delete(aside.key)
    place = innermost(backend)
    swept = place.sweep(_SWEEP_S, float(now_s))[1] if isinstance(place, LocalBackend) else 0
    kept = sum(size for _, size in backend.list("packs/"))
    waiting = sum(aside.size for aside in list_aside(backend))
    return GcCounts(max(before - kept, 0) + swept, kept, waiting, len(plan.replaced), plan.for_undo)


def _write(repository: Repository, plan: "GcPlan", progress: Progress) -> list[Written]:
    total = sum(len(pack.copied) for pack in plan.replaced)
    progress.start("writing packs again", total, "objects")
    runs = [
        Stored(ObjectKind.OPERATIONS, Codec.RAW, len(payload), digest, payload)
        for digest, payload in plan.log.runs
    ]
    written: list[Written] = []
    for role, extra in ((DATA, []), (META, runs)):
        places = [place for pack in plan.replaced if pack.role == role for place in pack.copied]
        if role == DATA and plan.groups:
            packs, places = _write_groups(repository, plan, places, progress)
            written += packs
        written += _copy(repository, role, places, extra, progress)
    progress.finish()
    return written


def _write_groups(
    repository: Repository, plan: "GcPlan", places: Sequence[Place], progress: Progress
) -> tuple[list[Written], list[Place]]:
    """Write what may be stored as differences; return the packs, and the places of what is left."""
    repository.allow_differences()
    with DifferenceWriter(repository, {place.frame.digest: place for place in places}) as writer:
        for group in plan.groups:
            before = len(writer.done)
            writer.add(group)
            progress.advance(len(writer.done) - before)
        writer.finish()
    packs = [Written(DATA, name, table) for name, table in writer.written]
    return packs, [place for place in places if place.frame.digest not in writer.done]


def _copy(
    repository: Repository, role: int, places: Sequence[Place], extra: Sequence[Stored], progress: Progress
) -> list[Written]:
    """Copy frames as they are stored, each verified, so that damage is never carried into a new pack."""
    done: list[Written] = []
    writer: PackWriter | None = None
    try:
        for stored in extra:
            writer = writer or PackWriter(repository.backend, role)
            writer.add(stored)
        for batch in repository.objects.read_frames(places):
            for frame, data in batch:
                unpack(frame, data, ObjectKind(frame.kind))
                writer = writer or PackWriter(repository.backend, role)
                writer.add(Stored(frame.kind, frame.codec, frame.raw, frame.digest, data))
                if writer.full:
                    done.append(Written(role, *writer.finish()))
                    writer = None
            progress.advance(len(batch))
        if writer is not None:
            done.append(Written(role, *writer.finish()))
    except BaseException:
        if writer is not None:
            writer.abort()
        raise
    return done


@dataclass(frozen=True, slots=True)
class PackChange:
    """A move of the root that changes packs and nothing else.

    Attributes:
        command: For the operation log.
        now: When.
        written: New packs.
        gone: Packs that leave the list.
        log: The operation log to go on with; None keeps it.
        dropped: Contents to record as absent, each with the remote that has it.
    """

    command: str
    now: Time
    written: Sequence[Written]
    gone: Collection[Digest]
    log: Log | None = None
    dropped: Mapping[Digest, str] = field(default_factory=dict)


def replace_packs(repository: Repository, root: Root, change: PackChange) -> None:
    """Let new packs take the place of others; the caller holds the exclusive lock.

    Raises:
        Conflict: The root is not `root` any more; nothing has changed.
    """
    backend, lookup = repository.backend, repository.objects.lookup
    fresh = [each for each in change.written if each.name not in root.packs()]
    gone = set(change.gone) - {each.name for each in change.written}
    # The index that covers exactly the new packs is there before the root says that they are live.
    lookup.extend([(each.name, each.table) for each in fresh], gone)
    index = lookup.compact()
    try:
        repository.roots.swap(root.encode(), _next(root, change, fresh, gone).encode())
    finally:
        repository.objects.reset()
    for key, _ in list(backend.list("index/")):
        if key != index:
            backend.delete(key)


def _next(root: Root, change: PackChange, fresh: Sequence[Written], gone: set[Digest]) -> Root:
    write_id, pointers, log = secrets.token_bytes(16), root.pointers(), change.log
    operation = Operation(
        root.operations[-1].id if root.operations else None,
        change.now,
        change.command,
        write_id,
        pointers,
        pointers,
        packs_added=tuple(each.name for each in fresh),
        packs_removed=tuple(sorted(gone)),
    )
    kept = [tuple(name for name in names if name not in gone) for names in (root.data_packs, root.meta_packs)]
    added = [tuple(each.name for each in fresh if each.role == role) for role in (DATA, META)]
    return replace(
        root,
        write_id=write_id,
        generation=root.generation + 1,
        data_packs=kept[0] + added[0],
        meta_packs=kept[1] + added[1],
        operations=(*(log.inline if log else root.operations), operation),
        older_operations=log.older if log else root.older_operations,
        extra=with_absent(root, {**absent_contents(root), **change.dropped})
        if change.dropped
        else root.extra,
    )
