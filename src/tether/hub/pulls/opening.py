"""Pull requests opened, listed and changed."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from sqlalchemy import select
from sqlalchemy.orm import Session

from tether.core.names import branch_ref, short_ref
from tether.errors import AlreadyExists, Conflict, InvalidInput, NotFound
from tether.hub.access import Principal, Role, require
from tether.hub.accounts import find_user
from tether.hub.acting import Act, acting
from tether.hub.conversations import talking
from tether.hub.conversations.finding import (
    CLOSED,
    OPEN,
    PULL,
    accounts_named,
    find,
    having,
    hold,
    may_read,
    require_own,
    talker,
)
from tether.hub.conversations.people import REVIEW, Happening, subscribe, tell
from tether.hub.database.conversations import Conversation
from tether.hub.database.models import RepositoryRow
from tether.hub.database.pulls import Pull, PullReviewer
from tether.hub.database.rights import hold_rights
from tether.hub.hub import Hub
from tether.hub.pulls.checks import states_of
from tether.hub.pulls.heads import Kept, Seen, base_of, follow, keep_head, limit_of, opened, pull_ref, tip
from tether.hub.pulls.joining import Relation, told_as_busy
from tether.hub.pulls.trials import known_of
from tether.hub.repositories import find as find_repository
from tether.hub.secret import new_id
from tether.hub.workspaces import default_branch
from tether.repo.repository import Repository

MOST_REVIEWERS = 20


@dataclass(frozen=True, slots=True)
class WantedPull:
    """A pull request that somebody opens.

    Attributes:
        source: The branch that it brings.
        repository: The address OWNER/NAME of the fork that has it; None where it is in the same repository.
        target: The branch that it goes into; None is the default branch.
    """

    title: str
    source: str
    body: str = ""
    repository: str | None = None
    target: str | None = None
    draft: bool = False
    labels: Sequence[str] = ()
    reviewers: Sequence[str] = ()


def open_pull(hub: Hub, principal: Principal, row: RepositoryRow, wanted: WantedPull) -> int:
    """Open a pull request, which keeps the commits that it is about; return its number.

    Raises:
        InvalidInput: A name cannot be a branch, or there is nothing to bring.
        NotFound: A branch, the fork or a reviewer is not there for who asks.
        Unauthenticated, Forbidden: Who asks may not talk here, or not write in the fork.
        Conflict: The same is open already, or the repository is archived.
        QuotaExceeded, Unavailable: As for a push.
    """
    with acting(hub, principal) as act:
        who = talker(act, row)
        source = _source(act, row, wanted.repository)
        most = limit_of(hub, act.session, who.user, who.row)
    with opened(hub, row, source) as (target, other):
        into = wanted.target or default_branch(target.root())
        seen = _seen((target, other), wanted.source, into)
    if (source.id, wanted.source) == (row.id, into):
        raise InvalidInput(f"{into} cannot go into itself", hint="name another branch")
    opening, numbers = _Opening((row, source), wanted, into, seen, new_id()), list[int]()

    def beside(session: Session) -> None:
        with told_as_busy("the repository changed just now"):
            numbers.append(opening.write(Act(hub, session, principal, hub.now())))

    keep_head(hub, (row, source), Kept(pull_ref(opening.id), seen.head, most), beside)
    return numbers[-1]


def _source(act: Act, row: RepositoryRow, address: str | None) -> RepositoryRow:
    """Return the repository that a pull request comes from.

    Who brings the branch of another repository shows it to all who may read here, so they must be one who
    may write it.
    """
    if address is None:
        return row
    owner, _, name = address.partition("/")
    found = find_repository(act.session, owner, name)
    if found is not None and found.id == row.id:
        return row
    return require(act.session, act.actor, found, Role.WRITE, address)


def _seen(pair: tuple[Repository, Repository], branch: str, into: str) -> Seen:
    """Return the newest commits of the two branches.

    Raises:
        InvalidInput: A name cannot be a branch, or there is nothing to bring.
        NotFound: There is no such branch.
    """
    target, source = pair
    head, there = tip(source, branch), tip(target, into)
    for name, found in ((branch, head), (into, there)):
        if found is None:
            raise NotFound(f"no branch {short_ref(branch_ref(name))}", hint="make it with a push")
    assert head is not None
    assert there is not None
    base = base_of(target, source, there, head)
    if base == head:
        raise InvalidInput(f"{into} has all of {branch} already", hint="push something to it first")
    return Seen(head, there, base)


@dataclass(frozen=True, slots=True)
class _Opening:
    """A pull request on its way into the tables."""

    rows: tuple[RepositoryRow, RepositoryRow]
    wanted: WantedPull
    into: str
    seen: Seen
    id: str

    def write(self, act: Act) -> int:
        """Write the rows; return the number."""
        (row, source), wanted, session = self.rows, self.wanted, act.session
        hold_rights(session, row.id)  # of two that open the same the second sees the first
        _refuse_twice(session, source, wanted.source, (row, self.into))
        begun = talking.Wanted(wanted.title, wanted.body, wanted.labels, id=self.id)
        made = talking.begin(act, row, PULL, begun)
        pull = Pull(conversation_id=made.id, source_id=source.id, source_name=source.full_name)
        pull.source_branch, pull.target_branch, pull.draft = wanted.source, self.into, wanted.draft
        pull.head, pull.target = self.seen.head.hex(), self.seen.target.hex()
        pull.base = self.seen.base_text
        session.add(pull)
        session.flush()
        if wanted.reviewers:
            _ask(act, row, made, wanted.reviewers)
        return made.number


def _refuse_twice(
    session: Session, source: RepositoryRow, branch: str, into: tuple[RepositoryRow, str]
) -> None:
    """Refuse a second open pull request from the same branch into the same one."""
    query = select(Conversation.number).join(Pull, Pull.conversation_id == Conversation.id)
    query = query.where(Conversation.repository_id == into[0].id, Conversation.state == OPEN)
    query = query.where(
        Pull.source_id == source.id, Pull.source_branch == branch, Pull.target_branch == into[1]
    )
    number = session.scalar(query.limit(1))
    if number is not None:
        # no Conflict: that would be taken for one of the root, which is tried again
        raise AlreadyExists(
            f"pull request {number} brings {branch} into {into[1]}", hint="push to the branch"
        )


def _ask(act: Act, row: RepositoryRow, held: Conversation, reviewers: Sequence[str]) -> None:
    """Let people be asked to review, in the place of those before; who may not read here is as nobody."""
    session, wanted = act.session, {}
    for name in reviewers[:MOST_REVIEWERS]:
        user = find_user(session, name)
        if not may_read(session, user, row):
            raise NotFound(f"no user named {name}")
        wanted[user.id] = user
    there = select(PullReviewer).where(PullReviewer.conversation_id == held.id)
    before = {each.account_id: each for each in session.scalars(there)}
    for account_id in before.keys() - wanted.keys():
        session.delete(before[account_id])
    for account_id in sorted(wanted.keys() - before.keys()):
        session.add(PullReviewer(conversation_id=held.id, account_id=account_id))
        subscribe(session, held, account_id, REVIEW)
    session.flush()
    if wanted.keys() - before.keys():
        tell(act, row, held, Happening("review", held.entries))


@dataclass(frozen=True, slots=True)
class PullChanges:
    """What is to be different of a pull request; None leaves it as it is."""

    title: str | None = None
    body: str | None = None
    labels: Sequence[str] | None = None
    state: str | None = None
    draft: bool | None = None
    reviewers: Sequence[str] | None = None


def change_pull(hub: Hub, principal: Principal, row: RepositoryRow, number: int, wanted: PullChanges) -> None:
    """Change a pull request; errors as for `conversations.talking.change`.

    One that is reopened is of what its branches are then.
    """
    with acting(hub, principal) as act:
        who = talker(act, row)
        held = hold(act.session, find(act.session, row, number, PULL))
        pull = act.session.get_one(Pull, held.id)
        if wanted.draft is not None and wanted.draft != pull.draft:
            require_own(who, held.account_id, Role.WRITE, "say whether it is a draft")
            _require_open(held)
            pull.draft = wanted.draft
            word = "draft" if wanted.draft else "ready"
            made = talking.add(act, held, talking.Said(talking.EVENT, details={"event": word}))
            tell(act, who.row, held, Happening(word, made.number))
            talking.announce(act, who.row, held, f"pull.{word}")
        if wanted.reviewers is not None:
            require_own(who, held.account_id, Role.TRIAGE, "ask for reviews")
            _ask(act, row, held, wanted.reviewers)
        if wanted.state == OPEN and held.state == CLOSED and pull.source_id is not None:
            source = act.session.get_one(RepositoryRow, pull.source_id)
            _refuse_twice(act.session, source, pull.source_branch, (row, pull.target_branch))
        told = talking.Changes(wanted.title, wanted.body, wanted.labels, wanted.state)
        talking.change(act, row, number, told)
    if wanted.state == OPEN:
        follow(hub, row, number)


def _require_open(held: Conversation) -> None:
    if held.state != OPEN:
        raise Conflict(f"pull request {held.number} is {held.state}", hint="reopen it, or open another one")


@dataclass(frozen=True, slots=True)
class AskedPulls:
    """Which pull requests a list has; None is all.

    Attributes:
        before: Those with a smaller number alone.
        words: All of which the title or the text has, whatever their capitals.
    """

    state: str | None = None
    source: str | None = None
    target: str | None = None
    author: str | None = None
    before: int | None = None
    words: str = ""


def list_pulls(session: Session, row: RepositoryRow, asked: AskedPulls, limit: int) -> Sequence[Pull]:
    """Return pull requests of a repository, the newest first, a page of them."""
    query = select(Pull).join(Conversation, Conversation.id == Pull.conversation_id)
    query = query.where(Conversation.repository_id == row.id, Conversation.kind == PULL)
    for column, value in (
        (Conversation.state, asked.state),
        (Pull.source_branch, asked.source),
        (Pull.target_branch, asked.target),
    ):
        if value is not None:
            query = query.where(column == value)
    if asked.author is not None:
        query = query.where(Conversation.account_id.in_(accounts_named(asked.author)))
    if asked.before is not None:
        query = query.where(Conversation.number < min(asked.before, 1 << 31))
    return session.scalars(
        query.where(*having(asked.words)).order_by(Conversation.number.desc()).limit(limit)
    ).all()


class Shown(NamedTuple):
    """A pull request with what is shown beside its row.

    Attributes:
        reviewers: The names of those who were asked to review.
        gone: Whether the repository is gone that it comes from.
        relation: How its head stands to the target; None where nobody asked yet.
        checks: The name and the state of each check of its head.
    """

    pull: Pull
    reviewers: Sequence[str]
    gone: bool
    relation: Relation | None
    checks: Sequence[tuple[str, str]]


def shown(session: Session, row: RepositoryRow, pulls: Sequence[Pull]) -> list[Shown]:
    """Return pull requests of a repository as they are shown, with four queries for all of them."""
    if not pulls:
        return []
    asked: dict[str, list[str]] = {pull.conversation_id: [] for pull in pulls}
    for each in session.scalars(select(PullReviewer).where(PullReviewer.conversation_id.in_(list(asked)))):
        asked[each.conversation_id].append(each.account.name)
    sources = {pull.source_id for pull in pulls if pull.source_id is not None}
    live = select(RepositoryRow.id).where(RepositoryRow.id.in_(sources), RepositoryRow.deleted_at.is_(None))
    there = set(session.scalars(live))
    tried = known_of(session, row, [(pull.target, pull.head) for pull in pulls])
    checks = states_of(session, row, {pull.head for pull in pulls})
    return [
        Shown(
            pull,
            sorted(asked[pull.conversation_id]),
            pull.source_id not in there,
            tried.get((pull.target, pull.head)),
            checks.get(pull.head, ()),
        )
        for pull in pulls
    ]
