"""Forks: a repository of its own that begins with what the refs of another one reach, and shares its packs.

A pack all of whose objects are reached is shared as it is. Of others what is reached is copied, as garbage
collection does, so that nothing else comes along. From then on neither repository knows of the other.
"""

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from tether.core.digest import Digest
from tether.core.kinds import ObjectKind
from tether.core.names import SHARED
from tether.core.tree import split_digests
from tether.errors import Corrupt
from tether.repo.frames import DATA, META, Stored
from tether.repo.inventory import Inventory, frame_cost
from tether.repo.objectdb import unpack
from tether.repo.operations import Head
from tether.repo.packindex import Place
from tether.repo.packs import PackWriter, pack_key
from tether.repo.reachable import marker_for
from tether.repo.repository import Repository
from tether.repo.root import Root
from tether.storage.backend import Backend
from tether.storage.readcache import Cached
from tether.storage.sharing import share_all

_AT_ONCE = 8


@dataclass(frozen=True, slots=True)
class ForkPlan:
    """What a fork begins with.

    Attributes:
        refs: Its branches, tags and runs.
        head: What it checks out.
        shared: Packs that it shares, by role.
        copied: Objects that are copied into packs of its own, by role.
        size: About how many bytes its packs have.
    """

    refs: Mapping[str, Digest]
    head: Head
    shared: Mapping[int, tuple[Digest, ...]]
    copied: Mapping[int, Sequence[Place]]
    size: int


def plan_fork(source: Repository) -> ForkPlan:
    """Work out what a fork begins with; the caller keeps the `writer` lock of the source, at least shared.

    Raises:
        Corrupt: Something that its refs reach is missing or damaged.
    """
    source.objects.catch_up()
    root = source.root()
    refs = {name: tip for name, tip in root.refs.items() if name.startswith(SHARED)}
    inventory = Inventory()
    backend = source.backend
    # A table is read once: what a cache reads around it would be most of a small pack.
    inventory.extend(_uncached(backend), root.packs(), at_once=_AT_ONCE)
    marked = _reached(source, root, inventory, refs)
    split = {
        role: _split(inventory, names, marked)
        for role, names in ((DATA, root.data_packs), (META, root.meta_packs))
    }
    shared = {role: whole for role, (whole, _) in split.items()}
    copied = {role: rows for role, (_, rows) in split.items()}
    sizes = dict(backend.list("packs/"))
    size = sum(sizes.get(pack_key(name), 0) for names in shared.values() for name in names)
    size += sum(frame_cost(place.frame.stored) for rows in copied.values() for place in rows)
    return ForkPlan(refs, root.head if root.head.ref is not None else Head(None), shared, copied, size)


def execute_fork(plan: ForkPlan, source: Repository, target: Backend) -> Root:
    """Share and copy packs, and return the root of the fork, to be stored; keep the lock until then.

    Raises:
        Corrupt: An object to be copied is damaged.
        Unavailable: The disk is full.
    """
    keys = [pack_key(name) for names in plan.shared.values() for name in names]
    share_all(source.backend, target, keys)
    packs = {
        role: (*names, *_copied(source, target, role, plan.copied[role]))
        for role, names in plan.shared.items()
    }
    return Root(
        os.urandom(16), head=plan.head, refs=plan.refs, data_packs=packs[DATA], meta_packs=packs[META]
    )


def _uncached(backend: Backend) -> Backend:
    return backend.inner if isinstance(backend, Cached) else backend


def _reached(source: Repository, root: Root, inventory: Inventory, refs: Mapping[str, Digest]) -> set[Digest]:
    problems: list[str] = [f"pack {name.hex()[:12]} ({why})" for name, why in inventory.unreadable.items()]

    def report(kind: ObjectKind, digest: Digest, problem: str) -> None:
        problems.append(f"{kind.name.lower()} {digest.hex()[:12]} ({problem})")

    marker = marker_for(source.objects, inventory, root, report)
    marker.mark(refs.values())
    if problems:
        raise Corrupt(f"the source of the fork is not whole: {problems[0]}", hint="run 'tether hub fsck'")
    return marker.marked


def _split(
    inventory: Inventory, names: Sequence[Digest], marked: set[Digest]
) -> tuple[tuple[Digest, ...], list[Place]]:
    """Return the packs that hold nothing but what is marked, and where the rest of it lies."""
    held = {name: split_digests(inventory.tables[name].digests) for name in names}
    whole = tuple(name for name, digests in held.items() if digests and marked.issuperset(digests))
    seen = {digest for name in whole for digest in held[name]}
    places = []
    for name in held.keys() - set(whole):
        for row, digest in enumerate(held[name]):
            if digest in marked and digest not in seen:
                seen.add(digest)
                places.append(Place(name, inventory.tables[name].frame(row)))
    return whole, sorted(places, key=lambda place: (place.pack, place.frame.offset))


def _copied(source: Repository, target: Backend, role: int, places: Sequence[Place]) -> Iterator[Digest]:
    """Copy frames as they are stored, each verified, and yield the names of their packs."""
    writer: PackWriter | None = None
    try:
        for batch in source.objects.read_frames(places):
            for frame, data in batch:
                unpack(frame, data, ObjectKind(frame.kind))
                writer = writer or PackWriter(target, role)
                writer.add(Stored(frame.kind, frame.codec, frame.raw, frame.digest, data))
                if writer.full:
                    done, writer = writer, None
                    yield done.finish()[0]
        if writer is not None:
            done, writer = writer, None
            yield done.finish()[0]
    finally:
        if writer is not None:
            writer.abort()
