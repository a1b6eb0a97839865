"""Pull requests merged: by a push of the hub to itself, in the transaction in which they become merged."""

from contextlib import closing, suppress
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from sqlalchemy.orm import Session

from tether.core.digest import Digest, hash_bytes, parse_digest
from tether.core.identity import Person
from tether.core.names import branch_ref, short_ref
from tether.errors import Conflict, InvalidInput, TetherError, Unavailable
from tether.hub.access import Principal, Role, require, require_user
from tether.hub.acting import Act
from tether.hub.conversations.finding import MERGED, OPEN, hold
from tether.hub.conversations.people import Happening, tell
from tether.hub.conversations.talking import EVENT, Said, add, announce
from tether.hub.database.models import RepositoryRow
from tether.hub.database.pulls import Pull
from tether.hub.guarding import PushGuard
from tether.hub.hub import Hub
from tether.hub.pulls.heads import find_pull, follow, source_of, tip
from tether.hub.pulls.joining import (
    Draft,
    Join,
    Move,
    Relation,
    join,
    move,
    record_move,
    told_as_busy,
    write,
)
from tether.hub.pulls.requirements import Lack, lacking
from tether.hub.pulls.trials import Trial, keep, known
from tether.hub.repositories import open_repository
from tether.hub.workspaces import Asking
from tether.repo.repository import Repository
from tether.repo.root import Root
from tether.sync.serving import Serving
from tether.sync.wire import PushRequest, RefMove

_TRIES = 20
"""Each time that one is in vain, somebody else has moved the branch."""


class Method(StrEnum):
    """How a pull request is merged."""

    MERGE = "merge"
    """A commit with both as parents."""
    SQUASH = "squash"
    """One commit on top of the branch, by the author of the pull request."""
    FAST_FORWARD = "fast-forward"
    """The branch goes forward to the head."""


@dataclass(frozen=True, slots=True)
class WantedMerge:
    """A merge that somebody asks for.

    Attributes:
        head: The head that they looked at, in hexadecimal.
        message: Of the commit; None says which pull request it is.
        delete_branch: Whether the branch goes that was merged.
    """

    head: str
    method: Method = Method.MERGE
    message: str | None = None
    delete_branch: bool = False


class Merged(NamedTuple):
    """What came of it.

    Attributes:
        commit: What the branch is now; None where it did not move, for what follows.
        lacks: What is lacking.
        trial: The conflicts, if there are any.
        deleted: Whether the branch went that was merged.
    """

    commit: str | None
    lacks: tuple[Lack, ...] = ()
    trial: Trial | None = None
    deleted: bool = False


def default_of(root: Root) -> str | None:
    """Return the branch that a clone checks out; None where HEAD names none."""
    return None if root.head.ref is None else short_ref(root.head.ref)


def merge(hub: Hub, principal: Principal, row: RepositoryRow, number: int, wanted: WantedMerge) -> Merged:
    """Merge a pull request; asked again by the same person it gives the same answer.

    Raises:
        InvalidInput: There is no message, or it cannot be merged in that way.
        NotFound: There is no such pull request.
        Conflict: It is not open, has another head now, or brings nothing any more.
        Unauthenticated, Forbidden, QuotaExceeded, Unavailable: As for a push.
    """
    if wanted.message is not None and not wanted.message.strip():
        raise InvalidInput("no message", hint="say why, or leave the message out")
    before: Digest | None = None
    for turn in range(_TRIES):
        follow(hub, row, number)
        prepared = _prepare(hub, principal, row, number, wanted)
        if isinstance(prepared, Merged):
            return prepared
        try:
            commit = prepared.run()
        except Conflict:
            if turn and (prepared.into == before or turn == _TRIES - 1):
                raise
            before = prepared.into
            continue
        return Merged(commit, deleted=wanted.delete_branch and _delete_branch(hub, principal, prepared.pull))
    raise AssertionError("the last turn returns or raises")


def _prepare(
    hub: Hub, principal: Principal, row: RepositoryRow, number: int, wanted: WantedMerge
) -> "Merged | _Merging":
    """Return what merges, or what came of it already or keeps it from being merged."""
    with closing(open_repository(hub, row)) as repository:
        default = default_of(repository.root())
        with hub.database.session(reads_only=True) as session:
            require(session, principal, session.get(RepositoryRow, row.id), Role.WRITE, row.full_name)
            pull = find_pull(session, row, number)
            done = _done(pull, principal, wanted)
            lacks = () if done else tuple(lacking(session, row, pull, principal, default))
        if done or lacks:
            return Merged(done, lacks)
        into = tip(repository, pull.target_branch)
        if into is None:
            raise Conflict(f"the branch {pull.target_branch} is gone", hint="close the pull request")
        head = parse_digest(pull.head)
        trial, joined = known(hub, row, into.hex(), pull.head), None
        if trial is None or trial.relation is not Relation.CONFLICTS:
            joined = join(repository, into, head)
            trial = trial or keep(hub, row, into, head, joined)
    if joined is None or trial.relation is Relation.CONFLICTS:
        return Merged(None, trial=trial)
    if trial.relation is Relation.CONTAINED:
        raise Conflict(f"{pull.target_branch} has all of it already", hint="close the pull request")
    if wanted.method is Method.FAST_FORWARD and trial.relation is not Relation.AHEAD:
        hint = "use another method, or bring the branch up to date first"
        raise Conflict(f"{pull.target_branch} has commits that the head lacks", hint=hint)
    return _Merging(Asking(hub, principal, row), pull, wanted, joined, into)


def _done(pull: Pull, principal: Principal, wanted: WantedMerge) -> str | None:
    """Return the commit of a merge that the same person asked for before; None if it is still to be done."""
    held = pull.conversation
    if held.state == MERGED:
        mine = principal.user is not None and pull.merged_by == principal.user.id
        if mine and (pull.head, pull.method) == (wanted.head, wanted.method.value):
            return pull.merged
        by = "a push" if pull.merger is None else pull.merger.name
        at = (pull.merged or "")[:12]
        raise Conflict(f"pull request {held.number} was merged by {by} as {at}", hint="look at it again")
    if held.state != OPEN:
        raise Conflict(f"pull request {held.number} is {held.state}", hint="reopen it first")
    if pull.head != wanted.head:
        raise Conflict(f"the head is {pull.head[:12]} now", hint="look at what is new, and merge that")
    return None


def person_of(principal: Principal) -> Person:
    """Return who asks, as commits name them."""
    return Person(principal.name, "")


class _Merging:
    """One try to merge.

    Args:
        asking: Who asks, and where.
        pull: The pull request.
        wanted: How it is to be merged.
        joined: What comes of joining it with the target branch.
        into: The commit of that branch.
    """

    def __init__(self, asking: Asking, pull: Pull, wanted: WantedMerge, joined: Join, into: Digest) -> None:
        self._hub, self._principal, self._row = asking
        self.pull, self._wanted, self._joined, self.into = pull, wanted, joined, into
        self._guard = PushGuard(*asking, reviewed=True)
        self._default: str | None = None
        self._move: Move | None = None

    def run(self) -> str:
        """Make the commit and move the branch; return what it is then.

        Raises:
            Conflict: The branch was moved by somebody else.
        """
        hub, row, pull = self._hub, self._row, self.pull
        with closing(open_repository(hub, row, beside=self._record)) as repository:
            self._default = default_of(repository.root())
            new, packs = self._write(repository)
            command = f"merge of pull request {pull.conversation.number} by {self._principal.name}"
            write_id = bytes.fromhex(pull.conversation_id)
            ref = branch_ref(pull.target_branch)
            self._move = Move(write_id, ref, self.into, new, packs, command)
            move(repository, self._guard, hub, self._move)
        with hub.database.session(reads_only=True) as session:
            now = find_pull(session, row, pull.conversation.number)
        done = _done(now, self._principal, self._wanted)  # somebody else may have been first
        if done is None:
            raise Unavailable("the pull request changed just now", hint="look at it and try again")
        return done

    def _write(self, repository: Repository) -> tuple[Digest, list[Digest]]:
        """Write the commit that the branch gets, where it does not just go forward."""
        head, method, pull = parse_digest(self.pull.head), self._wanted.method, self.pull
        if method is Method.FAST_FORWARD:
            return head, []
        held, committer = pull.conversation, person_of(self._principal)
        message = self._wanted.message
        if method is Method.SQUASH:
            parents: tuple[Digest, ...] = (self.into,)
            author = Person(held.account.name, "")
            message = message or f"{held.title} (#{held.number})\n\n{held.body}"
        else:
            parents, author = (self.into, head), committer
            message = message or f"Merge pull request #{held.number}: {held.title}"
        joined, text = self._joined, message.strip() + "\n"
        draft = Draft(self.into, joined.edits, joined.contents, parents, author, committer, text)
        return write(self._hub, self._row, repository, draft)

    def _record(self, session: Session) -> None:
        """Write that it is merged in the transaction in which the branch moves."""
        assert self._move is not None
        hub, row, wanted = self._hub, self._row, self._move
        self._guard.confirm(session)
        act = Act(hub, session, self._principal, hub.now())
        with told_as_busy("the pull request changed just now"):
            held = hold(session, self.pull.conversation)
            pull = session.get_one(Pull, held.id, populate_existing=True)
            if held.state != OPEN or pull.head != self.pull.head:
                raise Conflict("it is not what it was")
            if lacking(session, row, pull, self._principal, self._default):
                raise Conflict("something is lacking now")
            held.state, pull.merged, pull.method = MERGED, wanted.new.hex(), self._wanted.method.value
            pull.merged_by, pull.merged_at = require_user(self._principal).id, act.now
            pull.target = wanted.old.hex()
            pull.base = None if self._joined.base is None else self._joined.base.hex()
            details = {"event": "merge", "commit": pull.merged, "method": pull.method}
            made = add(act, held, Said(EVENT, details=details))
            tell(act, row, held, Happening("merge", made.number))
            announce(act, row, held, "pull.merge", commit=pull.merged, method=pull.method)
        record_move(act, row, wanted, pull=held.number)


def _delete_branch(hub: Hub, principal: Principal, pull: Pull) -> bool:
    """Delete the branch that was merged, if whoever merged it may; say whether it went."""
    with hub.database.session(reads_only=True) as session:
        source = source_of(session, pull)
    if source is None:
        return False
    ref = branch_ref(pull.source_branch)
    wanted = RefMove(ref, parse_digest(pull.head), None)
    guard = PushGuard(hub, principal, source)

    def beside(session: Session) -> None:
        guard.confirm(session)
        act = Act(hub, session, principal, hub.now())
        act.record("ref.move", f"{source.full_name} {ref}", repository=source, old=pull.head, new=None)

    write_id = hash_bytes(f"delete {pull.conversation_id}".encode())[:16]
    with suppress(TetherError), closing(open_repository(hub, source, beside=beside)) as repository:
        request = PushRequest(write_id, (), (wanted,))
        Serving(repository, guard, tracer=hub.tracer).push(request, f"deletion by {principal.name}")
        return True
    return False
