"""Two commits joined without a working copy and without storing anything, and a join stored as a commit."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from enum import StrEnum

from tether.core.digest import Digest
from tether.core.identity import Person
from tether.core.kinds import ObjectKind
from tether.core.objects import Commit
from tether.core.tree import Entry
from tether.core.treediff import diff_trees
from tether.core.treeedit import edit_tree
from tether.errors import Conflict, Unavailable
from tether.hub.acting import Act
from tether.hub.database.models import RepositoryRow
from tether.hub.guarding import PushGuard
from tether.hub.hub import Hub
from tether.hub.staging import scratch
from tether.hub.storing import LEVEL, Storing, names
from tether.repo.history import History, shallow_commits
from tether.repo.ingest import ContentWriter
from tether.repo.merge import MergeContents, Merger
from tether.repo.mergestate import ConflictRow
from tether.repo.repository import Repository
from tether.repo.session import WriteSession
from tether.sync.serving import Serving
from tether.sync.wire import PushRequest, RefMove


class Relation(StrEnum):
    """How a commit stands to the one that it is to go into."""

    CLEAN = "clean"
    """They can be merged."""
    CONFLICTS = "conflicts"
    """A person must decide about some paths."""
    AHEAD = "up-to-date"
    """It has all of the other one, which can go forward to it."""
    CONTAINED = "merged"
    """The other one has all of it: there is nothing to bring."""


@dataclass(frozen=True, slots=True)
class Join:
    """What comes of joining two commits.

    Attributes:
        base: The commit that both come from, the newest of several.
        edits: What the join changes in the tree of the first of the two, by path.
        contents: Texts that were merged, by digest; all others are in the repository.
        conflicts: What is left to decide; there the edits leave what the first one has.
    """

    relation: Relation
    base: Digest | None
    edits: Mapping[bytes, Entry | None]
    contents: Mapping[Digest, bytes]
    conflicts: Sequence[ConflictRow] = ()


def relate(history: History, target: Digest, head: Digest) -> tuple[Relation | None, Digest | None]:
    """Say how two commits stand as far as history alone says, and which one both come from."""
    bases = history.merge_bases(target, head)
    base = bases[0] if bases else None
    if bases == [head]:
        return Relation.CONTAINED, base
    return (Relation.AHEAD if bases == [target] else None), base


def join(repository: Repository, ours: Digest, theirs: Digest) -> Join:
    """Join two commits of a repository; nothing is stored.

    Args:
        repository: Has both.
        ours: What the edits are against.
        theirs: What is brought into it.

    Raises:
        NotFound: One of them is not here.
    """
    history = History.of(repository)
    relation, base = relate(history, ours, theirs)
    if relation is Relation.CONTAINED:
        return Join(relation, base, {}, {})
    with scratch(repository) as writer, closing(ContentWriter(writer)) as taker:
        contents = _Kept(repository, taker)
        merger = Merger(writer, contents, History(writer, shallow_commits(repository.root())))
        outcome = merger.merge_commits(ours, theirs)
        before = history.commit(ours).tree
        edits = {change.path: change.new for change in diff_trees(writer, before, outcome.tree)}
    wanted = {entry.digest for entry in edits.values() if entry is not None}
    merged = {digest: data for digest, data in contents.merged.items() if digest in wanted}
    found = relation or (Relation.CONFLICTS if outcome.conflicts else Relation.CLEAN)
    return Join(found, base, edits, merged, outcome.conflicts)


class _Kept(MergeContents):
    """Remembers merged texts, which a scratch writer forgets."""

    def __init__(self, repository: Repository, writer: ContentWriter) -> None:
        super().__init__(repository.contents, writer)
        self.merged: dict[Digest, bytes] = {}

    def add(self, data: bytes, name: bytes) -> Digest:
        """Keep a content."""
        digest = super().add(data, name)
        self.merged[digest] = data
        return digest


@dataclass(frozen=True, slots=True)
class Draft:
    """A commit to be.

    Attributes:
        onto: The commit whose tree the edits change.
        contents: Those that the repository may lack, by digest.
    """

    onto: Digest
    edits: Mapping[bytes, Entry | None]
    contents: Mapping[Digest, bytes]
    parents: tuple[Digest, ...]
    author: Person
    committer: Person
    message: str


def write(hub: Hub, row: RepositoryRow, repository: Repository, draft: Draft) -> tuple[Digest, list[Digest]]:
    """Store a commit in packs that no root lists yet; return its digest and the packs.

    Raises:
        QuotaExceeded: The owner has no room for it.
        Unavailable: The disk is full.
    """
    session = WriteSession(Storing(hub, row, repository.backend), repository.objects, LEVEL)
    writer = ContentWriter(session)
    try:
        for data in draft.contents.values():
            writer.add(data)
        writer.close()
        before = History.of(repository).commit(draft.onto).tree
        tree = edit_tree(session, before, draft.edits).digest
        now = hub.clock()
        made = Commit(tree, draft.parents, draft.author, now, draft.committer, now, draft.message)
        digest = session.put(ObjectKind.COMMIT, made.encode())
        sealed = session.seal()
    except BaseException:
        writer.close()
        session.abort()
        raise
    there = set(repository.root().packs())
    own = (Digest(bytes.fromhex(name)) for role in ("data", "meta") for name in names(sealed, role))
    return digest, [name for name in own if name not in there]


@dataclass(frozen=True, slots=True)
class Move:
    """A branch that the hub moves for somebody, as their push would.

    Attributes:
        write_id: 16 bytes that name the move, so that it is done once however often it is asked for.
        command: For the log of operations.
    """

    write_id: bytes
    ref: str
    old: Digest
    new: Digest
    packs: Sequence[Digest]
    command: str


def move(repository: Repository, guard: PushGuard, hub: Hub, wanted: Move) -> None:
    """Move a branch by a push of the hub to itself: objects are verified, rules and locks are asked.

    Raises:
        Conflict: The branch was moved by somebody else.
        Forbidden, QuotaExceeded, Unavailable: As for a push.
    """
    moves = (RefMove(wanted.ref, wanted.old, wanted.new),)
    request = PushRequest(wanted.write_id, tuple(wanted.packs), moves)
    Serving(repository, guard, tracer=hub.tracer).push(request, wanted.command)


def record_move(act: Act, row: RepositoryRow, wanted: Move, **details: object) -> None:
    """Record that a branch moved."""
    shown = {"old": wanted.old.hex(), "new": wanted.new.hex(), **details}
    act.record("ref.move", f"{row.full_name} {wanted.ref}", repository=row, **shown)


@contextmanager
def told_as_busy(what: str) -> Iterator[None]:
    """Raise a conflict of rows as what is worth another try: a Conflict would be taken for one of the root.

    Raises:
        Unavailable: There was one.
    """
    try:
        yield
    except Conflict as error:
        raise Unavailable(f"{what}: {error}", hint="look at it and try again") from error
