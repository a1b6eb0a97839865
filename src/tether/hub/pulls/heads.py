"""The heads of pull requests: kept by refs of their own, brought from forks, followed while they are open.

`refs/pulls/ID` keeps the head in the repository that it is to go into, so the conversation stays readable
when the branch goes, or the fork. These refs are shown to nobody who fetches, and forks do not get them.
"""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager, suppress
from typing import NamedTuple

from sqlalchemy.orm import Session

from tether.core.digest import Digest
from tether.core.kinds import ObjectKind
from tether.core.names import branch_ref
from tether.errors import Forbidden, TetherError
from tether.hub.access import ANONYMOUS, Principal, Role, Scope, role_of
from tether.hub.acting import Act
from tether.hub.conversations.finding import MERGED, OPEN, PULL, find, hold
from tether.hub.conversations.people import Happening, tell
from tether.hub.conversations.talking import EVENT, Said, add, announce
from tether.hub.database.conversations import Conversation
from tether.hub.database.models import Account, RepositoryRow
from tether.hub.database.pulls import Pull
from tether.hub.database.roots import Beside
from tether.hub.hub import Hub
from tether.hub.pulls.joining import relate
from tether.hub.repositories import open_repository
from tether.hub.storing import LEVEL, Storing
from tether.repo.history import History
from tether.repo.objectdb import ObjectDb
from tether.repo.repository import Repository
from tether.repo.session import WriteSession
from tether.sync.arrivals import note_key
from tether.sync.negotiate import find_missing
from tether.sync.transfer import copy_objects, places_of

PULLS = "refs/pulls/"
PUSHED = "push"
"""The method of a merge that the hub was not asked for."""


def pull_ref(conversation_id: str) -> str:
    """Return the ref that keeps the head of a pull request."""
    return PULLS + conversation_id


def find_pull(session: Session, row: RepositoryRow, number: int) -> Pull:
    """Return a pull request of a repository; errors as for `conversations.finding.find`."""
    return session.get_one(Pull, find(session, row, number, PULL).id)


def source_of(session: Session, pull: Pull) -> RepositoryRow | None:
    """Return the repository that a pull request comes from, unless it is gone."""
    found = None if pull.source_id is None else session.get(RepositoryRow, pull.source_id)
    return found if found is not None and found.deleted_at is None else None


def tip(repository: Repository, branch: str) -> Digest | None:
    """Return where a branch is; None where there is none."""
    return repository.root().refs.get(branch_ref(branch))


def bring(
    hub: Hub, row: RepositoryRow, pair: tuple[Repository, Repository], commit: Digest, most: int = 0
) -> tuple[list[Digest], list[Digest]]:
    """Copy what a repository lacks of a commit of another one into packs that no root lists yet.

    Args:
        hub: Has both.
        row: Of the repository that gets it, whose owner is charged.
        pair: From where, and to where; the caller is in a transaction of the second.
        commit: With all that it reaches.
        most: Bytes that may come; 0 is no limit.

    Raises:
        Forbidden: More would come.
        QuotaExceeded: The owner has no room for it.
    """
    source, target = pair
    missing = find_missing(source.objects, target.objects.has_many, [commit], source.root())
    if most:
        size = sum(each.frame.stored for each in places_of(source.objects, missing.chunks))
        if size > most:
            hint = "ask somebody who may write there to bring the data"
            raise Forbidden(f"{size} bytes would come into {row.full_name}, and {most} may", hint=hint)
    session = WriteSession(Storing(hub, row, target.backend), target.objects, LEVEL)
    try:
        copy_objects(source.objects, session, missing)
        sealed = session.seal()
    except BaseException:
        session.abort()
        raise
    return [name for name, _ in sealed.data], [name for name, _ in sealed.meta]


def keep_head(hub: Hub, rows: tuple[RepositoryRow, RepositoryRow], kept: "Kept", beside: Beside) -> None:
    """Let a ref name a commit, which is brought from another repository where it is of one.

    Args:
        hub: Has both.
        rows: The repository of the ref, and the one of the commit.
        kept: Which ref, and which commit.
        beside: Writes more in the transaction that moves the ref.

    Raises:
        Forbidden, QuotaExceeded: As for `bring`.
        Unavailable: The storage or the database does not answer.
    """
    row, source = rows
    with ExitStack() as stack:
        target = stack.enter_context(closing(open_repository(hub, row, beside=beside)))
        noted: list[Digest] = []
        with target.transaction("keep the head of a pull request") as transaction:
            if source.id != row.id:
                other = stack.enter_context(closing(open_repository(hub, source)))
                data, meta = bring(hub, row, (other, target), kept.commit, kept.most)
                transaction.adopt(data, meta)
                noted = [*data, *meta]
            transaction.set_ref(kept.ref, kept.commit)
        for name in noted:
            target.backend.delete(note_key(name))


class Kept(NamedTuple):
    """A commit that a ref is to keep.

    Attributes:
        most: Bytes that may come for it; 0 is no limit.
    """

    ref: str
    commit: Digest
    most: int = 0


@contextmanager
def opened(hub: Hub, row: RepositoryRow, source: RepositoryRow) -> Iterator[tuple[Repository, Repository]]:
    """Yield a repository and the one that a pull request comes from, which may be the same."""
    with ExitStack() as stack:
        target = stack.enter_context(closing(open_repository(hub, row)))
        other = target if source.id == row.id else stack.enter_context(closing(open_repository(hub, source)))
        yield target, other


def follow(hub: Hub, row: RepositoryRow, number: int) -> None:
    """Let an open pull request be of the newest commits of its branches.

    A branch of a fork is followed as long as the author may write there. Where a branch is gone, what was
    seen last stays.

    Raises:
        NotFound: There is no such pull request.
        Forbidden, QuotaExceeded: What came to the fork may not come here.
        Unavailable: The storage or the database does not answer.
    """
    with hub.database.session(reads_only=True) as session:
        pull = find_pull(session, row, number)
        source = source_of(session, pull) if pull.conversation.state == OPEN and not row.archived else None
        if source is None or not _may_follow(session, pull, source, row):
            return
        most = limit_of(hub, session, pull.conversation.account, row)
    with opened(hub, row, source) as (target, other):
        head, into = tip(other, pull.source_branch), tip(target, pull.target_branch)
        if head is None or into is None or (head.hex(), into.hex()) == (pull.head, pull.target):
            return
        base = base_of(target, other, into, head)
    _Following(hub, row, source, pull).run(Seen(head, into, base), most)


def glance(hub: Hub, row: RepositoryRow, number: int) -> None:
    """Look for new commits of a branch of the same repository, for who reads; those of forks come by a job.

    What keeps from it is not for them: they see what was seen last, as they do until the job has been there.

    Raises:
        NotFound: There is no such pull request.
    """
    with hub.database.session(reads_only=True) as session:
        pull = find_pull(session, row, number)
    if pull.source_id == row.id:
        with suppress(TetherError):
            follow(hub, row, number)


def _may_follow(session: Session, pull: Pull, source: RepositoryRow, row: RepositoryRow) -> bool:
    if source.id == row.id:
        return True
    author = Principal(user=pull.conversation.account, scope=Scope.ADMIN)
    role = role_of(session, author, source)
    return role is not None and role >= Role.WRITE and not pull.conversation.account.disabled


def limit_of(hub: Hub, session: Session, author: Account, row: RepositoryRow) -> int:
    """Return how many bytes somebody may bring from a fork at a time; 0 is no limit."""
    role = role_of(session, Principal(user=author, scope=Scope.ADMIN), row)
    return 0 if role is not None and role >= Role.WRITE else hub.settings.pull_bytes


class Seen(NamedTuple):
    """The newest commits of the two branches of a pull request, and the one that both come from."""

    head: Digest
    target: Digest
    base: Digest | None

    @property
    def base_text(self) -> str | None:
        """The last of them as the tables keep it."""
        return None if self.base is None else self.base.hex()


class _Both:
    """Reads objects of two repositories."""

    def __init__(self, first: ObjectDb, second: ObjectDb) -> None:
        self._first, self._second = first, second

    def get(self, kind: ObjectKind, digest: Digest) -> bytes:
        """Return an object of one of them."""
        return (self._first if self._first.has(digest) else self._second).get(kind, digest)

    def get_many(self, kind: ObjectKind, digests: Sequence[Digest]) -> list[bytes]:
        """Return several objects in the order asked for."""
        return [self.get(kind, digest) for digest in digests]


def base_of(target: Repository, source: Repository, into: Digest, head: Digest) -> Digest | None:
    """Return the commit that a commit of each of two repositories come from; None where there is none."""
    if target is source:
        return relate(History.of(target), into, head)[1]
    return relate(History(_Both(target.objects, source.objects)), into, head)[1]


class _Following:
    """One open pull request whose branches moved."""

    def __init__(self, hub: Hub, row: RepositoryRow, source: RepositoryRow, pull: Pull) -> None:
        self._hub, self._row, self._source, self._pull = hub, row, source, pull

    def run(self, seen: Seen, most: int) -> None:
        """Keep the head, and write down what the pull request is now."""
        hub, row = self._hub, self._row
        if seen.head.hex() == self._pull.head:
            with hub.database.session() as session:
                self._write(session, seen)
            return
        kept = Kept(pull_ref(self._pull.conversation_id), seen.head, most)
        keep_head(hub, (row, self._source), kept, self._beside(seen))

    def _beside(self, seen: Seen) -> Beside:
        return lambda session: self._write(session, seen)

    def _write(self, session: Session, seen: Seen) -> None:
        held = hold(session, self._pull.conversation)
        pull = session.get_one(Pull, held.id, populate_existing=True)
        if held.state != OPEN:
            return
        old, pull.head, pull.target = pull.head, seen.head.hex(), seen.target.hex()
        pull.base = seen.base_text
        act = Act(self._hub, session, ANONYMOUS, self._hub.now())
        if old == pull.head:
            if seen.base == seen.head:
                self._end(act, held, pull)
            return
        made = add(act, held, Said(EVENT, details={"event": "push", "old": old, "new": pull.head}))
        tell(act, self._row, held, Happening("push", made.number))
        announce(act, self._row, held, "pull.push", old=old, new=pull.head)

    def _end(self, act: Act, held: Conversation, pull: Pull) -> None:
        """Write that somebody brought the head into the target by a push."""
        held.state, pull.merged, pull.method, pull.merged_at = MERGED, pull.target, PUSHED, act.now
        pull.base = self._pull.base  # what was reviewed stays readable
        made = add(
            act, held, Said(EVENT, details={"event": "merge", "commit": pull.merged, "method": PUSHED})
        )
        tell(act, self._row, held, Happening("merge", made.number))
        announce(act, self._row, held, "pull.merge", commit=pull.merged, method=PUSHED)
