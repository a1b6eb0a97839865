"""Conflicts of a pull request decided on the hub: a merge of the target branch into the head branch."""

from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from itertools import islice
from typing import NamedTuple

from sqlalchemy.orm import Session

from tether.core.digest import Digest, hash_bytes, parse_digest
from tether.core.names import branch_ref, display
from tether.core.tree import Entry, EntryKind
from tether.errors import Conflict, InvalidInput
from tether.hub.access import Principal
from tether.hub.acting import Act
from tether.hub.conversations.finding import OPEN
from tether.hub.database.models import RepositoryRow
from tether.hub.database.pulls import Pull
from tether.hub.guarding import PushGuard
from tether.hub.hub import Hub
from tether.hub.pulls.heads import Kept, find_pull, follow, keep_head, pull_ref, source_of, tip
from tether.hub.pulls.joining import Draft, Join, Move, Relation, join, move, record_move, write
from tether.hub.pulls.merging import person_of
from tether.hub.repositories import open_repository
from tether.repo.mergestate import ConflictRow
from tether.repo.oplog import read_operations
from tether.repo.repository import Repository

_RECENT = 100
"""Operations among which a merge that was asked for twice is looked for."""
HEAD, TARGET, BASE, REMOVE, CONTENT = TAKES = ("head", "target", "base", "remove", "content")


@dataclass(frozen=True, slots=True)
class Choice:
    """What is to be at a path in conflict.

    Attributes:
        take: What the head has, or the target, or the base; nothing; or a content.
        content: Of the file, where it is one that neither has.
        executable: Whether the owner of that file may run it.
    """

    take: str
    content: bytes = b""
    executable: bool = False


@dataclass(frozen=True, slots=True)
class WantedJoin:
    """A merge of the target branch into the head branch that somebody asks for.

    Attributes:
        head: The head that they looked at, in hexadecimal.
        target: The commit of the target branch that they looked at.
        choices: By the path as it is shown.
    """

    head: str
    target: str
    choices: Mapping[str, Choice]
    message: str | None = None


class Resolved(NamedTuple):
    """What came of it: the new head, or the paths that are still to be decided."""

    commit: str | None
    left: tuple[str, ...] = ()


def resolve(hub: Hub, principal: Principal, row: RepositoryRow, number: int, wanted: WantedJoin) -> Resolved:
    """Merge the target branch into the head branch, also where nothing is in conflict.

    Asked again it gives the same answer, as long as nobody goes on from there.

    Raises:
        InvalidInput: A path that was decided is not in conflict.
        NotFound: There is no such pull request.
        Conflict: It is not open, its branches moved, or the head has all of the target already.
        Unauthenticated, Forbidden, QuotaExceeded, Unavailable: As for a push to the head branch.
    """
    write_id = hash_bytes(f"resolve {row.id} {number} {wanted.head} {wanted.target}".encode())[:16]
    follow(hub, row, number)
    with hub.database.session(reads_only=True) as session:
        pull = find_pull(session, row, number)
        source = source_of(session, pull)
    if source is None:
        raise Conflict("the branch is gone that it brings", hint="close the pull request")
    with closing(open_repository(hub, source)) as repository:
        done = _done(repository, pull, wanted, write_id)
    if done is not None:
        return Resolved(done)
    require_as_seen(pull, wanted.head, wanted.target)
    PushGuard(hub, principal, source).require_writable()  # before anything is stored for them
    if source.id != row.id:
        borrowed = Kept(_borrowed(pull), parse_digest(wanted.target))
        keep_head(hub, (source, row), borrowed, lambda _: None)
    try:
        found = _Resolving(hub, principal, source, pull, wanted).run(write_id)
    finally:
        if source.id != row.id:
            _give_back(hub, source, pull)
    follow(hub, row, number)
    return found


def require_as_seen(pull: Pull, head: str, target: str | None = None) -> None:
    """Let pass if an open pull request is of the commits that somebody looked at.

    Raises:
        Conflict: It is not open, or its branches moved.
    """
    held = pull.conversation
    if held.state != OPEN:
        raise Conflict(f"pull request {held.number} is {held.state}", hint="reopen it first")
    if pull.head != head:
        raise Conflict(f"the head is {pull.head[:12]} now", hint="look at what is new first")
    if target is not None and pull.target != target:
        raise Conflict(f"{pull.target_branch} is {pull.target[:12]} now", hint="look at the conflicts anew")


def _done(repository: Repository, pull: Pull, wanted: WantedJoin, write_id: bytes) -> str | None:
    """Return the head, if it is the merge that was asked for before."""
    now = tip(repository, pull.source_branch)
    newest = islice(read_operations(repository), _RECENT)
    same = any(each.write_id == write_id for each in newest)
    return now.hex() if same and now is not None and now.hex() != wanted.head else None


def _borrowed(pull: Pull) -> str:
    """Return the ref that keeps the target in a fork until it is merged there."""
    return f"{pull_ref(pull.conversation_id)}-target"


def _give_back(hub: Hub, source: RepositoryRow, pull: Pull) -> None:
    with (
        closing(open_repository(hub, source)) as repository,
        repository.transaction("end the merge of a pull request") as transaction,
    ):
        transaction.set_ref(_borrowed(pull), None)


class _Resolving:
    """One merge of a target into a head, in the repository of the head."""

    def __init__(
        self, hub: Hub, principal: Principal, source: RepositoryRow, pull: Pull, wanted: WantedJoin
    ) -> None:
        self._hub, self._principal, self._source, self._pull = hub, principal, source, pull
        self._wanted = wanted
        self._guard = PushGuard(hub, principal, source)
        self._move: Move | None = None

    def run(self, write_id: bytes) -> Resolved:
        """Merge, if everything is decided."""
        hub, wanted = self._hub, self._wanted
        head, target = parse_digest(wanted.head), parse_digest(wanted.target)
        with closing(open_repository(hub, self._source, beside=self._record)) as repository:
            joined = join(repository, head, target)
            if joined.relation is Relation.CONTAINED:
                raise Conflict("the head has all of the target already", hint="merge the pull request")
            edits, contents, left = _decide(joined, wanted.choices)
            if left:
                return Resolved(None, tuple(left))
            person = person_of(self._principal)
            into, branch = self._pull.source_branch, self._pull.target_branch
            message = (wanted.message or f"Merge {branch} into {into}").strip() + "\n"
            draft = Draft(head, edits, contents, (head, target), person, person, message)
            new, packs = write(hub, self._source, repository, draft)
            command = f"merge for pull request {self._pull.conversation.number} by {self._principal.name}"
            self._move = Move(write_id, branch_ref(into), head, new, packs, command)
            move(repository, self._guard, hub, self._move)
            now = tip(repository, into)
        return Resolved(None if now is None else now.hex())

    def _record(self, session: Session) -> None:
        assert self._move is not None
        self._guard.confirm(session)
        act = Act(self._hub, session, self._principal, self._hub.now())
        record_move(act, self._source, self._move)


def _decide(
    joined: Join, choices: Mapping[str, Choice]
) -> tuple[dict[bytes, Entry | None], dict[Digest, bytes], list[str]]:
    """Return the edits with what was decided, the contents that are new, and the paths that are left."""
    rows = {display(row.path): row for row in joined.conflicts}
    if unknown := sorted(choices.keys() - rows.keys()):
        raise InvalidInput(f"{unknown[0]} is not in conflict", hint="look at the conflicts anew")
    edits, contents = dict(joined.edits), dict(joined.contents)
    for shown, choice in choices.items():
        row = rows[shown]
        entry = _chosen(row, choice)
        edits[row.path] = None if entry is None else entry._replace(name=row.path.rpartition(b"/")[2])
        if choice.take == CONTENT and entry is not None:
            contents[entry.digest] = choice.content
    return edits, contents, [shown for shown in rows if shown not in choices]


def _chosen(row: ConflictRow, choice: Choice) -> Entry | None:
    """Return what is to be at a path: the head is ours here, and the target theirs."""
    if choice.take == CONTENT:
        kind = EntryKind.EXECUTABLE if choice.executable else EntryKind.FILE
        return Entry(b"", kind, len(choice.content), hash_bytes(choice.content))
    return {HEAD: row.ours, TARGET: row.theirs, BASE: row.base}.get(choice.take)
