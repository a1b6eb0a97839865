"""Files put on a branch of a repository that lies elsewhere, as one commit, without a clone.

Here are made the chunks, the recipes, the tree nodes that change and the commit; of what is there only the
commit and the nodes on the way to the files are read. They go the way of a push, so the other side verifies
all of it and moves the branch by comparison. Decision: docs/adr/0017-put.md.
"""

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Lock
from typing import Protocol

from tether.core.batches import batches
from tether.core.digest import EMPTY_FILE, Buffer, Digest
from tether.core.identity import Person, Time
from tether.core.kinds import ObjectKind
from tether.core.names import BRANCHES, branch_ref, check_path, display, short_ref
from tether.core.objects import Commit
from tether.core.progress import SILENT, Progress
from tether.core.tree import EMPTY_TREE, Entry, EntryKind
from tether.core.treeedit import edit_tree
from tether.core.treeread import find, find_many
from tether.errors import AlreadyExists, Conflict, InvalidInput, NotFound
from tether.repo.frames import Frame
from tether.repo.ingest import ContentWriter
from tether.repo.objectdb import ObjectDb, unpack
from tether.repo.packs import pack_key
from tether.repo.session import WriteSession
from tether.repo.streams import ReadInto
from tether.storage.backend import Backend
from tether.storage.memory import MemoryBackend
from tether.sync.ends import TakeFrames
from tether.sync.wire import MAX_DIGESTS, WRITE_ID, PushRequest, RefMove, RemoteRefs

_TRIES = 50
"""Each time that one is in vain, somebody else has committed."""
_LEVEL = "default"


class PutEnd(Protocol):
    """What putting files somewhere needs of the other side; a part of `ends.FarEnd`."""

    name: str

    def refs(self) -> RemoteRefs:
        """Return what it names now."""
        ...

    def have(self, digests: Sequence[Digest]) -> list[bool]:
        """Say of each digest whether its object is there."""
        ...

    def objects(self, digests: Sequence[Digest], take: TakeFrames) -> None:
        """Give objects; those that do not fit into one reply are left out."""
        ...

    def put_pack(self, name: Digest, data: Buffer) -> None:
        """Store a pack for a push to come."""
        ...

    def push(self, request: PushRequest) -> None:
        """Move refs, all or none."""
        ...


@dataclass(frozen=True, slots=True)
class Source:
    """A file to put.

    Attributes:
        name: Its name here.
        is_executable: Whether its owner may run it.
        read_into: Gives its bytes.
    """

    name: bytes
    is_executable: bool
    read_into: ReadInto


@dataclass(frozen=True, slots=True)
class PutRequest:
    """Where files go, and who says why.

    Attributes:
        branch: Its short name; empty for the one that HEAD names there.
        path: The file or folder there; empty for the top.
        into: The path is a folder, also where there is none yet.
        message: Of the commit.
        author: Who commits.
        now: When.
        removed: Files and folders that go, by their paths from the top on.
    """

    branch: str
    path: bytes
    into: bool
    message: str
    author: Person
    now: Time
    removed: tuple[bytes, ...] = ()


@dataclass(frozen=True, slots=True)
class Put:
    """What was done.

    Attributes:
        commit: The branch is at it now.
        branch: Its short name.
        paths: Those that differ from before; none where all was there already, and then no commit was made.
        sent: Bytes of the packs that were sent.
    """

    commit: Digest
    branch: str
    paths: tuple[bytes, ...]
    sent: int


class FarObjects(ObjectDb):
    """The objects of another side as a writer sees them: fetched one by one, and remembered.

    Of contents it says whether they are there, so that they are not sent again.
    """

    def __init__(self, end: PutEnd) -> None:
        super().__init__(MemoryBackend(), tuple)
        self._end = end
        self._got: dict[Digest, bytes] = {}
        self._there: dict[Digest, bool] = {EMPTY_FILE: True}
        self._asking = Lock()

    def get(self, kind: ObjectKind, digest: Digest) -> bytes:
        """Return one object, verified."""
        return self.get_many(kind, [digest])[0]

    def get_many(self, kind: ObjectKind, digests: Sequence[Digest]) -> list[bytes]:
        """Return several objects, verified."""
        lacking = {digest for digest in digests if digest not in self._got}

        def take(frames: Iterator[tuple[Frame, bytes]]) -> None:
            for frame, stored in frames:
                if frame.digest in lacking:
                    self._got[frame.digest] = unpack(frame, stored, kind)

        while lacking:
            before = len(self._got)
            self._end.objects(list(lacking)[:MAX_DIGESTS], take)
            lacking -= self._got.keys()
            if len(self._got) == before:
                raise NotFound(f"{self._end.name} does not give what it has")
        return [self._got[digest] for digest in digests]

    def has(self, digest: Digest) -> bool:
        """Say whether an object was fetched: metadata that is made anew is sent, small as it is."""
        return digest in self._got or digest == EMPTY_TREE

    def has_many(self, digests: Sequence[Digest]) -> list[bool]:
        """Say of contents whether they are there."""
        with self._asking:
            for part in batches([d for d in dict.fromkeys(digests) if d not in self._there], MAX_DIGESTS):
                self._there.update(zip(part, self._end.have(part), strict=True))
            return [self._there[digest] for digest in digests]


def put_files(
    end: PutEnd,
    sources: Sequence[Source],
    request: PutRequest,
    scratch: Backend,
    progress: Progress = SILENT,
) -> Put:
    """Add, replace or remove files on a branch as one commit; others who commit meanwhile lose nothing.

    Args:
        end: Takes the files.
        sources: Read once, in order.
        request: Where they go.
        scratch: Holds what is new until it is sent.
        progress: Told of the bytes that are read.

    Raises:
        NotFound: There is no such branch, or nothing where something is to be removed.
        Conflict: The same paths were changed there at the same time, or the branch may not move.
        AlreadyExists: A folder is where a file goes, or a file where a folder is needed.
        Forbidden: Whoever asks may not do it.
    """
    objects = FarObjects(end)
    first = _Branch.find(end, objects, request.branch)
    targets = _targets(objects, first.tree, sources, request)
    _require_removed(objects, first.tree, request.removed, targets)
    with _session(scratch, objects) as session:
        entries: dict[bytes, Entry | None] = dict.fromkeys(request.removed)
        entries |= _stored(session, sources, targets, progress)
        packs = session.seal()
    waiting = [name for name, _ in (*packs.data, *packs.meta)]
    putting = _Putting(end, objects, scratch, request, waiting)
    branch, seen = first, find_many(objects, first.tree, entries)
    for turn in range(_TRIES):
        if find_many(objects, branch.tree, entries) != seen:
            raise Conflict(
                f"{short_ref(branch.ref)} was changed there at the same paths meanwhile",
                hint="look at it, then run the command again",
            )
        try:
            return putting.commit(branch, entries)
        except Conflict:
            newer = _Branch.find(end, objects, request.branch)
            if newer == branch or turn == _TRIES - 1:
                raise
            branch = newer
    raise AssertionError("the last turn returns or raises")


@dataclass(frozen=True, slots=True)
class _Branch:
    """A branch as it is there; without a tip in an empty repository."""

    ref: str
    tip: Digest | None
    tree: Digest

    @classmethod
    def find(cls, end: PutEnd, objects: FarObjects, name: str) -> "_Branch":
        there = end.refs()
        ref = branch_ref(name) if name else there.head
        if ref is None or not ref.startswith(BRANCHES):
            raise InvalidInput(f"{end.name} is on no branch", hint="name one: ADDRESS@BRANCH:PATH")
        tip = there.refs.get(ref)
        if tip is not None:
            return cls(ref, tip, Commit.decode(objects.get(ObjectKind.COMMIT, tip)).tree)
        if there.refs:
            raise NotFound(
                f"no branch {short_ref(ref)} at {end.name}", hint="make it with a clone and a push"
            )
        return cls(ref, None, EMPTY_TREE)


class _Putting:
    """Contents that are made, and how they become a commit."""

    def __init__(
        self,
        end: PutEnd,
        objects: FarObjects,
        scratch: Backend,
        request: PutRequest,
        waiting: Sequence[Digest],
    ) -> None:
        self._end, self._objects, self._scratch, self._request = end, objects, scratch, request
        self._waiting, self._sent = list(waiting), list[Digest]()
        self._bytes = 0

    def commit(self, branch: _Branch, entries: Mapping[bytes, Entry | None]) -> Put:
        """Make the commit on top of a branch and move the branch; nothing where nothing differs."""
        before = find_many(self._objects, branch.tree, entries)
        changed = {path: entry for path, entry in entries.items() if before.get(path) != entry}
        if not changed and branch.tip is not None:
            return Put(branch.tip, short_ref(branch.ref), (), 0)
        request, held = self._request, MemoryBackend()
        with _session(held, self._objects) as session:
            tree = edit_tree(session, branch.tree, changed).digest
            parents = (branch.tip,) if branch.tip is not None else ()
            made = Commit(
                tree, parents, request.author, request.now, request.author, request.now, request.message
            )
            digest = session.put(ObjectKind.COMMIT, made.encode())
            own = [name for name, _ in session.seal().meta]
        while self._waiting:
            self._send(self._scratch, self._waiting[0])
            self._sent.append(self._waiting.pop(0))
        for name in own:
            self._send(held, name)
        move = RefMove(branch.ref, branch.tip, digest)
        self._end.push(PushRequest(os.urandom(WRITE_ID), (*self._sent, *own), (move,)))
        return Put(digest, short_ref(branch.ref), tuple(sorted(changed)), self._bytes)

    def _send(self, backend: Backend, name: Digest) -> None:
        data = backend.map(pack_key(name))
        self._end.put_pack(name, data)
        self._bytes += len(data)


@contextmanager
def _session(backend: Backend, objects: ObjectDb) -> Iterator[WriteSession]:
    """Yield a session whose threads end with the block."""
    session = WriteSession(backend, objects, _LEVEL)
    try:
        yield session
    except BaseException:
        session.abort()
        raise


def _stored(
    session: WriteSession, sources: Sequence[Source], targets: Sequence[bytes], progress: Progress
) -> dict[bytes, Entry]:
    """Store contents and return the entry for each path."""
    entries: dict[bytes, Entry] = {}
    writer = ContentWriter(session)
    try:
        for source, path in zip(sources, targets, strict=True):
            digest, size = writer.add_stream(_reporting(source.read_into, progress), source.name)
            kind = EntryKind.EXECUTABLE if source.is_executable else EntryKind.FILE
            entries[path] = Entry(path.rpartition(b"/")[2], kind, size, digest)
    finally:
        writer.close()
    return entries


def _reporting(read_into: ReadInto, progress: Progress) -> ReadInto:
    def read(buffer: memoryview) -> int:
        count = read_into(buffer)
        progress.advance(count)
        return count

    return read


def _targets(
    objects: FarObjects, tree: Digest, sources: Sequence[Source], request: PutRequest
) -> list[bytes]:
    """Return the path of each file there.

    Raises:
        AlreadyExists: Something of another kind is in the way.
        InvalidInput: Two have the same path, or it is none.
    """
    if not sources:
        return []
    path = request.path
    there = find(objects, tree, path)
    is_folder = request.into or not path or (there is not None and there.kind == EntryKind.DIRECTORY)
    if is_folder:
        targets = [path + b"/" + source.name if path else source.name for source in sources]
    elif len(sources) == 1:
        targets = [path]
    else:
        raise InvalidInput(
            f"{display(path)} is one path for several files", hint="end it with '/' for a folder"
        )
    if len(set(targets)) < len(targets):
        raise InvalidInput("two of the files have the same name", hint="put them one by one")
    for target in targets:
        check_path(target)
    _refuse_others(objects, tree, targets)
    return targets


def _require_removed(
    objects: FarObjects, tree: Digest, removed: Sequence[bytes], targets: Sequence[bytes]
) -> None:
    """Refuse to remove what is not there, and what is put at the same time."""
    for path in removed:
        check_path(path)
        if any(path == each or each.startswith(path + b"/") for each in targets):
            raise InvalidInput(f"{display(path)} is put and removed at once", hint="do one after the other")
    there = find_many(objects, tree, removed)
    lacking = [path for path in removed if path not in there]
    if lacking:
        raise NotFound(f"nothing is at {display(lacking[0])} there")


def _refuse_others(objects: FarObjects, tree: Digest, targets: Sequence[bytes]) -> None:
    """Refuse to put a file in the place of a folder, or below a file."""
    above = {target[:at] for target in targets for at, byte in enumerate(target) if byte == ord("/")}
    found = find_many(objects, tree, sorted({*targets, *above}))
    for path, entry in found.items():
        if path in above and entry.kind != EntryKind.DIRECTORY:
            raise AlreadyExists(f"{display(path)} is a file there", hint="choose another path")
        if path not in above and entry.kind == EntryKind.DIRECTORY:
            raise AlreadyExists(f"{display(path)} is a folder there", hint="choose another path")
