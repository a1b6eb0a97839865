"""The end of a transfer that has the repository: what a hub does for each request, without HTTP.

What arrives is a pack under its own name and does not count before a push names it. Each frame is verified on
receipt; a push then walks what its refs reach, and is refused where anything is missing, untrue, or there
without need. So a live object has all that it refers to beside it, whoever sent it.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from io import FileIO
from itertools import accumulate, islice

from tether.core.compression import Codec
from tether.core.digest import Buffer, Digest
from tether.core.kinds import ObjectKind
from tether.core.names import (
    BRANCHES,
    SHARED,
    TAGS,
    check_fixed_ref,
    check_ref_name,
    fixed_kind,
    short_ref,
)
from tether.core.tracing import UNTRACED, Tracer
from tether.errors import Conflict, Corrupt, InvalidInput, NotFound, TetherError
from tether.repo.contents import ContentReader
from tether.repo.frames import DATA, FRAME_SIZE, HEADER, MAX_SHARED, frame_header, role_of
from tether.repo.history import History, newest
from tether.repo.objectdb import ObjectDb
from tether.repo.oplog import read_operations
from tether.repo.packindex import Place
from tether.repo.packs import count_objects, has_differences, pack_key, read_contents
from tether.repo.proving import Means
from tether.repo.repository import Repository
from tether.repo.root import Root
from tether.repo.shown import Stretches, stretch_of
from tether.repo.stretches import Stretch
from tether.storage.local import LocalBackend
from tether.sync.arrivals import have_arrived, made_of, note_key
from tether.sync.guarding import Guard, PushView, allow
from tether.sync.moves import awaits_first_branch, choose_head, require_unmoved, set_moved
from tether.sync.negotiate import Missing, find_missing
from tether.sync.peel import followed, peel
from tether.sync.proofs import prove_files, replaced
from tether.sync.receiving import OPEN_KINDS, Receiver
from tether.sync.wire import REPLY_BYTES, PackShare, PushRequest, RefMove, RemoteRefs

_RECENT = 10_000
"""Operations among which a repeated push is looked for."""

_BLOCK = 1 << 20
_TOGETHER = 16
"""Chunks of a file that are read at a time to verify it; a hub has many files under way at once."""
_VERIFIED_BYTES = 1 << 30
"""Of contents that are read for one answer, the last one apart."""

Stream = tuple[int, Iterator[bytes]]
"""How many bytes follow, and the bytes."""


class Serving:
    """Answers for one repository.

    Args:
        repository: Usually a bare one.
        guard: Decides about pushes that are sound, before they are done.
        tracer: Is told what takes time.
    """

    def __init__(self, repository: Repository, guard: Guard = allow, *, tracer: Tracer = UNTRACED) -> None:
        self._repository, self._guard, self._tracer = repository, guard, tracer

    def refs(self) -> RemoteRefs:
        """Return branches, tags, runs, releases and HEAD as they are now."""
        with self._tracer.span("negotiate", question="refs"):
            root = self._repository.root()
        shown = {name: value for name, value in root.refs.items() if name.startswith(SHARED)}
        return RemoteRefs(root.head.ref, shown)

    def have(self, digests: Sequence[Digest]) -> list[bool]:
        """Say of each digest whether its object is here."""
        with self._tracer.span("negotiate", question="have", digests=len(digests)):
            return self._repository.objects.has_many(digests)

    def commits(self, wants: Sequence[Digest], haves: Sequence[Digest], depth: int | None = None) -> Stream:
        """Return the commits and tags that are reached from `wants` and not from `haves`, as frames.

        With a depth these are the newest so many commits of each line from `wants` on, whatever `haves` are.

        Raises:
            NotFound: One of `wants` is not here.
        """
        with self._tracer.span("negotiate", question="commits", digests=len(wants) + len(haves)):
            return self._commits(wants, haves, depth)

    def _commits(self, wants: Sequence[Digest], haves: Sequence[Digest], depth: int | None) -> Stream:
        objects = self._repository.objects
        tags, starts = followed(objects, wants)
        if depth is not None:
            return self._frames([*tags, *newest(History.of(self._repository), starts, depth)], None)
        known = [digest for digest in haves if _is_commit(objects, digest)]
        between = History.of(self._repository).between(known, starts)
        return self._frames([*tags, *between], None)

    def objects(self, digests: Sequence[Digest]) -> Stream:
        """Return objects as frames, as many as fit into one reply.

        Raises:
            NotFound: One is not here.
        """
        with self._tracer.span("negotiate", question="objects", digests=len(digests)):
            return self._frames(digests, REPLY_BYTES)

    def _frames(self, digests: Sequence[Digest], limit: int | None) -> Stream:
        places: list[Place] = []
        for digest, place in zip(digests, self._repository.objects.find_many(digests), strict=True):
            if place is None or place.frame.kind not in OPEN_KINDS:
                raise NotFound(f"object {digest.hex()[:12]} is not in this repository")
            places.append(place)
        places.sort(key=lambda place: (place.pack, place.frame.offset))
        differs = any(place.frame.codec == Codec.DIFFERENCE for place in places)
        lengths = (place.frame.raw if differs else place.frame.stored for place in places)
        sizes = accumulate(FRAME_SIZE + length for length in lengths)
        ends = [end for end in sizes if limit is None or end < limit + FRAME_SIZE + MAX_SHARED]
        if differs:  # only when they are whole again is it known how long they are
            reply = b"".join(self._sent(places[: len(ends)]))
            return len(reply), iter([reply])
        return (ends[-1] if ends else 0), self._sent(places[: len(ends)])

    def _sent(self, places: Sequence[Place]) -> Iterator[bytes]:
        for batch in self._repository.objects.read_frames(places):
            pieces: list[Buffer] = []
            for frame, data in batch:
                pieces += (
                    frame_header(frame.kind, frame.codec, frame.raw, frame.stored, frame.digest),
                    data,
                )
            yield b"".join(pieces)

    def shares(self, digests: Sequence[Digest]) -> list[PackShare]:
        """Say which packs of contents hold these chunks, and how much of each that is."""
        backend, found = self._repository.backend, list[PackShare]()
        with self._tracer.span("negotiate", question="shares", digests=len(digests)):
            for name, count in sorted(self.counts(digests).items()):
                with suppress(NotFound):  # merged into another one just now
                    if self._repository.has_differences and has_differences(backend, name):
                        continue
                    size = backend.size(pack_key(name))
                    found.append(PackShare(name, size, count_objects(backend, name), count))
        return found

    def counts(self, digests: Sequence[Digest]) -> dict[Digest, int]:
        """Say how many of these chunks each pack of contents holds."""
        repository = self._repository
        counts = Counter(repository.objects.packs_of(digests))
        contents = frozenset(repository.root().data_packs)
        return {name: count for name, count in counts.items() if name is not None and name in contents}

    def verify(self, contents: Sequence[Digest]) -> list[bool]:
        """Say of each content whether it is here whole, after reading it; stops after about a gigabyte."""
        with self._tracer.span("verify contents", contents=len(contents)) as span:
            found, size = self._verify(contents)
            span.note(bytes=size)
        return found

    def _verify(self, contents: Sequence[Digest]) -> tuple[list[bool], int]:
        reader, found, left = self._repository.contents, list[bool](), _VERIFIED_BYTES
        for digest in contents:
            try:
                left -= sum(map(len, reader.segments(digest, _TOGETHER)))
                found.append(True)
            except (NotFound, Corrupt):
                found.append(False)
            if left <= 0:
                break
        return found, _VERIFIED_BYTES - left

    def pack(self, name: Digest) -> Stream:
        """Return the bytes of a pack of contents.

        Raises:
            NotFound: It is none of the live ones.
        """
        if name not in self._repository.root().data_packs:
            raise NotFound(f"pack {name.hex()[:12]} is not in this repository")
        backend, key = self._repository.backend, pack_key(name)
        size = backend.size(key)
        return size, (backend.read(key, at, min(_BLOCK, size - at)) for at in range(0, size, _BLOCK))

    def pack_file(self, name: Digest) -> FileIO | None:
        """Return a pack of contents as an open file; None where packs are no files. Errors as for `pack`."""
        self.pack(name)
        backend = self._repository.backend
        return backend.open_file(pack_key(name)) if isinstance(backend, LocalBackend) else None

    # -- what arrives -----------------------------------------------------------------------

    def has_packs(self, names: Sequence[Digest]) -> list[bool]:
        """Say of each pack whether it was received whole, by whichever push."""
        return have_arrived(self._repository, names)

    def receive(self, name: Digest, start: int | None = None) -> Receiver:
        """Return what takes the bytes of a pack; it does not count before a push names it.

        Args:
            name: Of the pack.
            start: See `Receiver`.
        """
        now = self._repository.clock().micros
        return Receiver(self._repository.backend, name, now, self._tracer, start)

    # -- the end of a push ------------------------------------------------------------------

    def push(self, request: PushRequest, command: str = "push") -> None:
        """Take up packs and move refs, all or none; a push that was done before is done.

        Raises:
            Conflict: A ref is another one now or may not move like that, or something is missing.
            InvalidInput: A name cannot be one, or the packs hold what is not needed.
            Forbidden: A rule does not allow it.
        """
        if self._was_done(request):
            return
        for move in request.moves:
            _check_move(move)
        headless = awaits_first_branch(self._repository.root())
        try:
            self._move(request, command)
        except TetherError as error:
            # The same push may have been sent again while the first one was at work.
            if self._was_done(request):
                return
            if not isinstance(error, Conflict):
                raise
            require_unmoved(self._repository.root().refs, request.moves)
            if not headless:
                raise
            self._move(request, command)

    def _move(self, request: PushRequest, command: str) -> None:
        repository, tracer = self._repository, self._tracer
        with (
            tracer.span("move refs", refs=len(request.moves), packs=len(request.packs)),
            repository.transaction(command, write_id=request.write_id) as transaction,
        ):
            for move in request.moves:
                set_moved(transaction, move)
            with tracer.span("check push"):
                arrived = _Arrived(repository, request)
                arrived.check()
            with tracer.span("judge push"):
                self._guard(arrived.view(transaction.root))
            transaction.adopt(arrived.data, arrived.meta)
            choose_head(transaction, request)
        for name in request.packs:
            repository.backend.delete(note_key(name))

    def _was_done(self, request: PushRequest) -> bool:
        operations = read_operations(self._repository)
        return any(each.write_id == request.write_id for each in islice(operations, _RECENT))


@dataclass(slots=True)
class _Tables:
    """What the packs of a push hold."""

    data: list[Digest]
    meta: list[Digest]
    rows: list[tuple[Digest, int]]
    """Digest and kind of all metadata; what was taken in as a pack of contents has none."""
    stretches: list[Stretch]


class _Arrived:
    """The packs of one push beside what the repository has."""

    def __init__(self, repository: Repository, request: PushRequest) -> None:
        self._live, self._request = repository.objects, request
        tables = _tables(repository, request.packs)
        self.data, self.meta, self._rows = tables.data, tables.meta, tables.rows
        self._means = Means(_TOGETHER, Stretches(tables.stretches))

        def packs() -> tuple[Digest, ...]:
            # Read anew where one is gone: a database that was killed forgets the lock that kept it there.
            return (*repository.root().packs(), *request.packs)

        self._all = ObjectDb(repository.backend, packs) if request.packs else self._live
        self._sent = ObjectDb(repository.backend, lambda: request.packs)

    def check(self) -> None:
        """Refuse what is not complete, not true, or not asked for; see `Serving.push`."""
        wants = [move.new for move in self._request.moves if move.new is not None]
        try:
            missing = find_missing(self._all, self._live.has_many, wants, receiver=self._all)
            self._check_moves()
            self._check_files(missing)
        except NotFound as error:
            raise Conflict(f"a push is not complete: {error}", hint="push again") from None
        except Corrupt as error:
            raise InvalidInput(f"a push is not sound: {error}", hint="run 'tether fsck' here") from None
        self._refuse_surplus(missing)

    def view(self, root: Root) -> PushView:
        """Return the push for the guard."""
        return PushView(self._all, self._request, root)

    def _check_moves(self) -> None:
        history = History(self._all)
        for move in self._request.moves:
            if move.new is None:
                continue
            place = self._all.find(move.new)
            kinds = (
                (ObjectKind.COMMIT, ObjectKind.TAG) if move.name.startswith(TAGS) else (ObjectKind.COMMIT,)
            )
            if place is None or place.frame.kind not in kinds:
                raise InvalidInput(f"{short_ref(move.name)} cannot name what is no commit")
            if move.force or move.old is None or move.old == move.new:
                continue
            if not move.name.startswith(BRANCHES):
                raise Conflict(f"another tag {short_ref(move.name)} is there")
            if not history.is_ancestor(peel(self._all, move.old), move.new):
                hint = "run 'tether pull' first, then push again"
                raise Conflict(f"{short_ref(move.name)} has commits that are not in the push", hint=hint)

    def _check_files(self, missing: Missing) -> None:
        """Hash files of several chunks, or what is new of them: the chunks prove nothing of the file."""
        contents, known = ContentReader(self._all), ContentReader(self._live)

        def bases(files: set[Digest]) -> dict[Digest, Digest]:
            return replaced(self._all, missing.commits, files, missing.where)

        for _ in prove_files(contents, known, bases, missing.recipes, self._means):
            pass

    def _refuse_surplus(self, missing: Missing) -> None:
        """Refuse metadata that nothing of the push needs: what it refers to was not looked at.

        Of a recipe the digest says nothing. So it may come once, which is the one that was looked at, and
        one that is here already must be the same.
        """
        needed = set(missing.meta())
        recipes: set[Digest] = set()
        for digest, kind in self._rows:
            known = digest in needed or self._is_known(digest, kind)
            if not known or digest in recipes:
                raise InvalidInput(f"a push brings object {digest.hex()[:12]}, which it does not need")
            if kind == ObjectKind.RECIPE:
                recipes.add(digest)

    def _is_known(self, digest: Digest, kind: int) -> bool:
        place = self._live.find(digest)
        if kind != ObjectKind.RECIPE or place is None:
            return place is not None
        same_kind = place.frame.kind == ObjectKind.RECIPE
        return same_kind and self._sent.get(ObjectKind.RECIPE, digest) == self._live.get(
            ObjectKind.RECIPE, digest
        )


def _tables(repository: Repository, packs: Sequence[Digest]) -> _Tables:
    found = _Tables([], [], [], [])
    for name, there in zip(packs, have_arrived(repository, packs), strict=True):
        if not there:
            raise Conflict("a pack of the push is not there any more", hint="push again")
        if role_of(repository.backend.read(pack_key(name), 0, HEADER.size)) != DATA:
            found.meta.append(name)
            table = read_contents(repository.backend, name)
            found.rows += ((each.digest, each.kind) for each in table if each.kind != ObjectKind.CHUNK)
            continue
        found.data.append(name)
        if (made := made_of(repository.backend, name)) is not None:
            found.stretches.append(stretch_of(repository.backend, name, made))
    return found


def _check_move(move: RefMove) -> None:
    if not move.name.startswith(SHARED):
        raise InvalidInput(f"{move.name} is neither a branch nor a tag nor a run nor a release")
    kind = fixed_kind(move.name)
    if kind is not None:
        check_fixed_ref(move.name)
        if move.new is None or move.old not in (None, move.new):
            article = "an" if kind == "attestation" else "a"
            message = f"a push neither changes nor removes {short_ref(move.name)}: {article} {kind} stays"
            raise InvalidInput(message)
    if move.new is not None:
        check_ref_name(move.name)


def _is_commit(objects: ObjectDb, digest: Digest) -> bool:
    place = objects.find(digest)
    return place is not None and place.frame.kind == ObjectKind.COMMIT
