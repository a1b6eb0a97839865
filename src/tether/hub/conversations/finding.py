"""Conversations found and listed, and what somebody may do in them."""

from collections.abc import Iterable, Sequence
from itertools import islice
from typing import NamedTuple

from sqlalchemy import ColumnElement, ScalarSelect, Select, bindparam, func, select
from sqlalchemy.orm import Session

from tether.errors import Conflict, Forbidden, NotFound
from tether.hub.access import SIGN_IN, Principal, Role, Scope, require, require_user, role_of
from tether.hub.acting import Act
from tether.hub.database.conversations import Conversation
from tether.hub.database.models import Account, RepositoryRow
from tether.hub.naming import key_of

DISCUSSION, PULL = "discussion", "pull"
KINDS = (DISCUSSION, PULL)
OPEN, CLOSED, MERGED = "open", "closed", "merged"
STATES = (OPEN, CLOSED, MERGED)
PAGE = 100
COUNTED = 1000
_MOST_WORDS = 5
_HIGHEST = (1 << 31) - 1


class Talker(NamedTuple):
    """Somebody who takes part.

    Attributes:
        user: Who.
        role: What they are in the repository with their token.
        row: The repository as it is now.
    """

    user: Account
    role: Role
    row: RepositoryRow


def talker(act: Act, row: RepositoryRow) -> Talker:
    """Return the actor as one who may take part in the conversations of a repository.

    Raises:
        Unauthenticated, NotFound: Nobody is signed in, or the repository is not there for them.
        Forbidden: The token is for reading alone.
        Conflict: The repository is archived.
    """
    current = act.session.get(RepositoryRow, row.id, populate_existing=True)
    live = current if current is not None and current.deleted_at is None else None
    found = require(act.session, act.actor, live, Role.READ, row.full_name)
    user = require_user(act.actor, Scope.WRITE)
    if found.archived:
        hint = "an administrator of the repository can take it back"
        raise Conflict(f"{row.full_name} is archived", hint=hint)
    role = role_of(act.session, act.actor, found)
    assert role is not None
    return Talker(user, role, found)


def require_role(who: Talker, role: Role, what: str) -> None:
    """Let pass who has a role.

    Raises:
        Forbidden: They have a lesser one.
    """
    if who.role < role:
        address = who.row.full_name
        told = f"to {what} in {address} the role {role.name.lower()} is needed"
        raise Forbidden(told, hint=f"ask an administrator of {address}, or use a token of a wider scope")


def require_own(who: Talker, account_id: str | None, role: Role, what: str) -> None:
    """Let pass whose it is, and those with a role; errors as for `require_role`."""
    if account_id != who.user.id:
        require_role(who, role, what)


def find(session: Session, row: RepositoryRow, number: int, kind: str | None = None) -> Conversation:
    """Return a conversation of a repository.

    Raises:
        NotFound: There is none of that number and kind.
    """
    query = select(Conversation).where(Conversation.repository_id == row.id, Conversation.number == number)
    found = session.scalar(query) if 0 < number <= _HIGHEST else None
    if found is None or kind not in (None, found.kind):
        word = "pull request" if kind == PULL else kind or "conversation"
        raise NotFound(f"no {word} {number} in {row.full_name}", hint=f"check the number; {SIGN_IN}")
    return found


def hold(session: Session, conversation: Conversation) -> Conversation:
    """Return a conversation for a change: others wait for the end of the transaction."""
    options = {"of": Conversation}
    found = session.get(Conversation, conversation.id, with_for_update=options, populate_existing=True)
    if found is None:
        raise NotFound("the conversation is gone")
    return found


class Asked(NamedTuple):
    """Which conversations a list has.

    Attributes:
        before: Those with a smaller number alone.
        author: The name of who began them.
        words: All of which the title or the text has, whatever their capitals.
    """

    kind: str | None = None
    state: str | None = None
    author: str | None = None
    label: str | None = None
    path: str | None = None
    commit: str | None = None
    before: int | None = None
    words: str = ""


def having(words: str) -> list[ColumnElement[bool]]:
    """Return what selects the conversations that have some words; the first few count."""
    return [
        Conversation.title.icontains(word, autoescape=True)
        | Conversation.body.icontains(word, autoescape=True)
        for word in words.split()[:_MOST_WORDS]
    ]


def count_open(session: Session, row: RepositoryRow) -> tuple[int, int]:
    """Return how many pull requests and discussions are open in a repository, `COUNTED` at most of each."""
    pulls, discussions = session.execute(_OPEN, {"repository": row.id}).one()
    return pulls, discussions


def _open_of(kind: str) -> ScalarSelect[int]:
    of_kind = Conversation.repository_id == bindparam("repository"), Conversation.kind == kind
    some = select(Conversation.number).where(*of_kind, Conversation.state == OPEN).limit(COUNTED).subquery()
    return select(func.count()).select_from(some).scalar_subquery()


_OPEN = select(_open_of(PULL), _open_of(DISCUSSION))
"""Made once: each page asks it, and to put it together takes longer than to answer it."""


def list_conversations(
    session: Session, row: RepositoryRow, asked: Asked, limit: int = PAGE
) -> Sequence[Conversation]:
    """Return conversations of a repository, the newest first, a page of them."""
    query = select(Conversation).where(Conversation.repository_id == row.id)
    for column, value in (
        (Conversation.kind, asked.kind),
        (Conversation.state, asked.state),
        (Conversation.path, asked.path),
        (Conversation.commit_id, asked.commit),
    ):
        if value is not None:
            query = query.where(column == value)
    if asked.author is not None:
        query = query.where(Conversation.account_id.in_(accounts_named(asked.author)))
    if asked.before is not None:
        query = query.where(Conversation.number < min(asked.before, _HIGHEST))
    query = query.where(*having(asked.words)).order_by(Conversation.number.desc())
    if asked.label is None:
        return session.scalars(query.limit(limit)).all()
    return _labelled(session.scalars(query.execution_options(yield_per=PAGE)), asked.label, limit)


def _labelled(rows: Iterable[Conversation], label: str, limit: int) -> Sequence[Conversation]:
    """Return those with a label; labels are JSON, which the databases search in different ways."""
    return list(islice((row for row in rows if label in row.labels), limit))


def accounts_named(name: str) -> Select[str]:
    """Select the id of the account of a name, if there is one."""
    return select(Account.id).where(Account.key == key_of(name))


def may_read(session: Session, account: Account, row: RepositoryRow) -> bool:
    """Say whether a user may read a repository with a token of the widest scope."""
    if account.disabled or row.deleted_at is not None:
        return False
    return role_of(session, Principal(user=account, scope=Scope.ADMIN), row) is not None
