"""Mending a damaged repository: indexes built again, good frames saved, the rest fetched from elsewhere.

Nothing is deleted: damaged packs and a damaged root are moved to `quarantine/damaged/`. What cannot
be brought back stays reported by the next check. Works under the exclusive lock from start to end.
"""

import secrets
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from tether.core.compression import Codec
from tether.core.digest import Digest, hash_bytes
from tether.core.identity import Time
from tether.core.kinds import ObjectKind
from tether.core.names import BRANCHES, TAGS, check_ref_name
from tether.core.objects import Commit, Tag
from tether.core.progress import SILENT, Progress
from tether.core.recipe import decode_page, decode_recipe
from tether.core.tree import decode_node, split_digests
from tether.errors import Corrupt, InvalidInput, NotFound, TetherError, Unsupported
from tether.repo.absent import Absent, absent_contents, read_absent
from tether.repo.check import CheckOptions, CheckReport, ProblemKind, run_check
from tether.repo.contents import ContentReader
from tether.repo.frames import (
    DATA,
    FRAME_SIZE,
    HEADER,
    META,
    Frame,
    Stored,
    pack_header,
    parse_frame,
    read_frames,
    role_of,
)
from tether.repo.gcwrite import PackChange, Written, replace_packs
from tether.repo.inventory import Inventory
from tether.repo.objectdb import ObjectDb, undo_difference, unpack
from tether.repo.packindex import PackIndex, Place
from tether.repo.packs import PackWriter, pack_key, read_contents
from tether.repo.quarantine import damaged_key
from tether.repo.repository import FORMAT_KEY, Repository
from tether.repo.root import DEFAULT_BRANCH, Root


@dataclass(slots=True)
class Repair:
    """What was mended, and what is still wrong.

    Attributes:
        actions: What was done, as sentences for people.
        report: A check made afterwards.
    """

    actions: list[str] = field(default_factory=list)
    report: CheckReport = field(default_factory=CheckReport)


def repair_repository(
    repository: Repository, now: Time, sources: Sequence[ObjectDb] = (), progress: Progress = SILENT
) -> Repair:
    """Mend what can be mended.

    Args:
        repository: What to mend.
        now: For the operation log.
        sources: Other repositories that may have what is lost here.
        progress: Told of the reading of packs.

    Raises:
        Unavailable: Another process is writing and does not end.
    """
    repair = Repair()
    with repository.lock("writer", "fsck --repair").exclusive(repository.wait):
        _mend_root(repository, now, repair)
        found = run_check(repository, CheckOptions(full=True), progress)
        if not found.ok:
            _Mending(repository, now, sources, repair).run(found)
            found = run_check(repository, CheckOptions(full=True), progress)
        repair.report = found
    return repair


def _mend_root(repository: Repository, now: Time, repair: Repair) -> None:
    try:
        repository.root()
    except Corrupt:
        root = _root_from_packs(repository)
        with suppress(NotFound):
            name = f"root-{now.micros // 1_000_000}-{hash_bytes(repository.roots.read()).hex()[:8]}"
            repository.roots.set_aside(f"quarantine/damaged/{name}")
        repository.roots.create(root.encode())
        repository.objects.reset()
        branches = ", ".join(name.removeprefix("refs/") for name in sorted(root.refs)) or "none"
        repair.actions.append(f"made a new root from the packs, with {branches}")


def _root_from_packs(repository: Repository) -> Root:
    """Return a root that names every pack, and a branch for every commit without a successor.

    Which branches there were is lost with the root: the newest commit becomes `main`.
    """
    backend, roles = repository.backend, dict[Digest, int]()
    for key, size in backend.list("packs/"):
        with suppress(ValueError, Corrupt, Unsupported):
            name = Digest(bytes.fromhex(key.removeprefix("packs/").removesuffix(".pack")))
            roles[name] = role_of(backend.read(key, 0, min(size, HEADER.size)))
    data, meta = (tuple(name for name, role in roles.items() if role == each) for each in (DATA, META))
    inventory = Inventory()
    inventory.extend(backend, roles)
    objects = ObjectDb(backend, lambda: [*data, *meta])
    commits: dict[Digest, Commit] = {}
    refs: dict[str, Digest] = {}
    for digest in inventory.of_kind(ObjectKind.COMMIT):
        with suppress(Corrupt, NotFound):
            commits[digest] = Commit.decode(objects.get(ObjectKind.COMMIT, digest))
    for digest in inventory.of_kind(ObjectKind.TAG):
        with suppress(Corrupt, NotFound, InvalidInput):
            tag = Tag.decode(objects.get(ObjectKind.TAG, digest))
            refs[check_ref_name(TAGS + tag.name)] = digest
    tips = set(commits) - {parent for commit in commits.values() for parent in commit.parents}
    newest_first = sorted(tips, key=lambda tip: (-commits[tip].committed.micros, tip))
    for number, tip in enumerate(newest_first):
        refs[BRANCHES + (f"recovered-{number}" if number else DEFAULT_BRANCH)] = tip
    root = Root(secrets.token_bytes(16), refs=refs, data_packs=data, meta_packs=meta)
    if not newest_first:
        return root
    stage = commits[newest_first[0]].tree
    return Root(root.write_id, refs=refs, stage=stage, data_packs=data, meta_packs=meta)


class _Mending:
    def __init__(
        self, repository: Repository, now: Time, sources: Sequence[ObjectDb], repair: Repair
    ) -> None:
        self._repository, self._now, self._sources, self._repair = repository, now, sources, repair
        self._backend = repository.backend
        self._writers: dict[int, PackWriter] = {}
        self._written: list[Written] = []
        self._saved: set[Digest] = set()

    def run(self, found: CheckReport) -> None:
        """Save what is good in damaged packs, fetch what is lost, and let the new packs take over."""
        root, backend = self._repository.root(), self._backend
        candidates = {name: self._candidates(name) for name in found.damaged_packs}
        kinds = {problem.kind for problem in found.problems}
        if ProblemKind.FORMAT in kinds:
            backend.swap(FORMAT_KEY, backend.read(FORMAT_KEY), self._repository.format)
            self._repair.actions.append("wrote the format file again")
        if ProblemKind.INDEX in kinds:
            self._repository.objects.lookup.rebuild()
            self._repair.actions.append("built the pack indexes again")
        moved = [name for name in found.damaged_packs if backend.exists(pack_key(name))]
        try:
            # First of all: a pack written again from sound frames may have the very same name.
            for name in moved:
                backend.move(pack_key(name), damaged_key(name))
            self._salvage(candidates)
            lost = self._fetch(found, root)
            self._finish_writers()
        except BaseException:
            for writer in self._writers.values():
                writer.abort()
            for name in moved:
                with suppress(TetherError):
                    backend.move(damaged_key(name), pack_key(name))
            raise
        # A pack whose file is gone stays listed while something of it is needed: it may come back.
        gone = moved if lost else list(found.damaged_packs)
        if gone or self._written:
            change = PackChange("fsck --repair", self._now, self._written, gone)
            replace_packs(self._repository, root, change)
        for name in moved:
            action = f"moved the damaged pack {name.hex()[:12]} to {damaged_key(name)}"
            self._repair.actions.append(action)

    def _candidates(self, name: Digest) -> list[Frame]:
        """Return where frames of a damaged pack may be: by its table, its headers and the indexes."""
        frames: dict[int, Frame] = {}
        with suppress(TetherError):
            frames.update((frame.offset, frame) for frame in read_contents(self._backend, name))
        for key in (pack_key(name), damaged_key(name)):
            with suppress(TetherError):
                # A damaged header says nothing that the frames do not say themselves.
                whole = pack_header(DATA) + self._backend.read(key)[HEADER.size :]
                for frame in read_frames(whole):
                    frames.setdefault(frame.offset, frame)
        for key, _ in list(self._backend.list("index/")):
            with suppress(TetherError):
                for place in _places_in(PackIndex(self._backend.map(key)), name):
                    frames.setdefault(place.frame.offset, place.frame)
        return [frames[offset] for offset in sorted(frames)]

    def _salvage(self, candidates: dict[Digest, list[Frame]]) -> None:
        for name, frames in candidates.items():
            beside = {frame.digest: frame for frame in frames if frame.codec != Codec.DIFFERENCE}
            for frame in frames:
                with suppress(TetherError):
                    data = self._stored(name, frame)
                    self._take(*self._made_whole(name, beside, frame, data))
        if self._saved:
            self._repair.actions.append(f"saved {len(self._saved)} objects from damaged packs")

    def _stored(self, name: Digest, frame: Frame) -> bytes:
        """Return the stored bytes of a frame of a damaged pack.

        Raises:
            Corrupt: It is not there.
        """
        whole = self._backend.read(damaged_key(name), frame.offset, FRAME_SIZE + frame.stored)
        if parse_frame(whole[:FRAME_SIZE], frame.offset) != frame:
            raise Corrupt("a frame is not where it was")
        return whole[FRAME_SIZE:]

    def _made_whole(
        self, name: Digest, beside: dict[Digest, Frame], frame: Frame, data: bytes
    ) -> tuple[Frame, bytes]:
        """Return a frame that needs no other one of its damaged pack.

        Raises:
            Corrupt: It is a difference, and damaged, or one of its bases is.
        """
        if frame.codec != Codec.DIFFERENCE:
            return frame, data

        def read(digest: Digest) -> bytes:
            if digest not in beside:
                raise Corrupt("the base of a difference is lost")
            return unpack(beside[digest], self._stored(name, beside[digest]), ObjectKind.CHUNK)

        made = undo_difference(frame, data, ObjectKind(frame.kind), read)
        return frame._replace(codec=int(Codec.RAW), stored=len(made)), made

    def _take(self, frame: Frame, data: bytes) -> bytes:
        """Write a frame into a new pack and return its object.

        Raises:
            Corrupt: It is not what its digest says.
        """
        payload = unpack(frame, data, ObjectKind(frame.kind))
        if frame.digest in self._saved:
            return payload
        role = DATA if frame.kind == ObjectKind.CHUNK else META
        writer = self._writers.get(role)
        if writer is None:
            writer = self._writers[role] = PackWriter(self._backend, role)
        writer.add(Stored(frame.kind, frame.codec, frame.raw, frame.digest, data))
        self._saved.add(frame.digest)
        if writer.full:
            self._written.append(Written(role, *self._writers.pop(role).finish()))
        return payload

    def _fetch(self, found: CheckReport, root: Root) -> bool:
        """Bring what is lost, and what hangs below it, from the sources; say whether anything stays lost."""
        sound = Inventory()
        sound.extend(self._backend, [name for name in root.packs() if name not in found.damaged_packs])
        waiting, fetched, lost, seen = list(found.missing), 0, False, set[Digest]()
        absent = self._absent(root)
        while waiting:
            digest = waiting.pop()
            if digest in absent and digest not in found.missing:
                continue
            if digest in seen or digest in self._saved or self._is_sound(sound, found, digest):
                continue
            seen.add(digest)
            payload = self._from_sources(digest)
            if payload is None:
                lost = True
                continue
            fetched += 1
            waiting += _needs(*payload)
        if fetched:
            self._repair.actions.append(f"fetched {fetched} objects from other repositories")
        return lost

    def _absent(self, root: Root) -> Absent:
        """Return what is elsewhere on purpose; where the record is damaged, what is left of it."""
        try:
            return read_absent(root, ContentReader(self._repository.objects))
        except (Corrupt, NotFound):
            return Absent(absent_contents(root))

    def _is_sound(self, sound: Inventory, found: CheckReport, digest: Digest) -> bool:
        return digest not in found.missing and sound.kind_of(digest) is not None

    def _from_sources(self, digest: Digest) -> tuple[ObjectKind, Digest, bytes] | None:
        for source in self._sources:
            with suppress(TetherError):
                place = source.find(digest)
                for batch in source.read_frames([place] if place is not None else []):
                    for frame, data in batch:
                        return ObjectKind(frame.kind), digest, self._take(frame, data)
        return None

    def _finish_writers(self) -> None:
        for role in list(self._writers):
            self._written.append(Written(role, *self._writers.pop(role).finish()))


def _places_in(index: PackIndex, name: Digest) -> Iterator[Place]:
    if name in index.packs:
        for row in range(index.count):
            place = index.place(row)
            if place.pack == name:
                yield place


def _needs(kind: ObjectKind, digest: Digest, payload: bytes) -> list[Digest]:
    """Return what an object refers to."""
    match kind:
        case ObjectKind.COMMIT:
            commit = Commit.decode(payload)
            return [commit.tree, *commit.parents]
        case ObjectKind.TAG:
            return [Tag.decode(payload).target]
        case ObjectKind.TREE:
            return split_digests(decode_node(payload).digests)
        case ObjectKind.RECIPE:
            recipe = decode_recipe(digest, payload)
            return [*recipe.pages, *(split_digests(recipe.chunks.digests) if recipe.chunks else ())]
        case ObjectKind.RECIPE_PAGE:
            return split_digests(decode_page(payload).digests)
    return []
