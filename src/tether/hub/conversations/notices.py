"""Notices of one person: listed, counted, marked as read. What they may not read any more is not shown."""

from collections.abc import Sequence
from typing import NamedTuple

from sqlalchemy import ColumnElement, CursorResult, and_, func, or_, select, update
from sqlalchemy.orm import Session

from tether.errors import InvalidInput
from tether.hub.access import Principal, require_user
from tether.hub.conversations.finding import may_read
from tether.hub.database.conversations import Conversation, Notice
from tether.hub.database.models import RepositoryRow

PAGE = 50
COUNTED = 1000
_DIGITS = 19


class Told(NamedTuple):
    """A notice, with the repository that it is about."""

    notice: Notice
    repository: RepositoryRow


class Page(NamedTuple):
    """Some notices; `next` is where the next page begins, None where there is none."""

    notices: Sequence[Told]
    next: str | None


def list_notices(
    session: Session, principal: Principal, *, unread: bool, after: str, limit: int = PAGE
) -> Page:
    """Return the notices of somebody, the newest first; a page may be short before the last one.

    Args:
        session: The transaction.
        principal: Who asks.
        unread: Those alone that were not read.
        after: What `next` of the page before says; empty for the first page.
        limit: How many.

    Raises:
        Unauthenticated: Nobody is signed in.
        InvalidInput: `after` is nothing that was said.
    """
    user = require_user(principal)
    query = select(Notice, RepositoryRow).join(Conversation, Conversation.id == Notice.conversation_id)
    query = query.join(RepositoryRow, RepositoryRow.id == Conversation.repository_id)
    query = query.where(Notice.account_id == user.id)
    if unread:
        query = query.where(Notice.unread)
    if after:
        query = query.where(_behind(after))
    rows = session.execute(query.order_by(Notice.changed.desc(), Notice.conversation_id).limit(limit)).all()
    shown = {row.id: may_read(session, user, row) for _, row in rows}
    found = [Told(notice, row) for notice, row in rows if shown[row.id]]
    if len(rows) < limit:
        return Page(found, None)
    last = rows[-1][0]
    return Page(found, f"{last.changed}-{last.conversation_id}")


def _behind(place: str) -> ColumnElement[bool]:
    """Select what comes behind a notice."""
    changed, _, conversation_id = place.partition("-")
    if not (
        changed.isascii() and changed.isdecimal() and len(changed) < _DIGITS and conversation_id.isalnum()
    ):
        raise InvalidInput("that is no place in a list of notices", hint="give what 'next' says")
    same = and_(Notice.changed == int(changed), Notice.conversation_id > conversation_id)
    return or_(Notice.changed < int(changed), same)


def count_unread(session: Session, principal: Principal) -> int:
    """Return how many notices somebody has not read, `COUNTED` at most; errors as above."""
    user = require_user(principal)
    some = select(Notice.account_id).where(Notice.account_id == user.id, Notice.unread).limit(COUNTED)
    return session.scalar(select(func.count()).select_from(some.subquery())) or 0


def is_unread(session: Session, principal: Principal, conversation_id: str) -> bool:
    """Say whether somebody has a notice of a conversation that was not read."""
    notice = None
    if principal.user is not None:
        notice = session.get(Notice, (principal.user.id, conversation_id))
    return notice is not None and notice.unread


def mark(
    session: Session, principal: Principal, ids: Sequence[str], until: int | None, *, unread: bool
) -> int:
    """Let notices of some conversations, or all up to a time, be read or unread; return how many.

    Raises:
        Unauthenticated: Nobody is signed in.
    """
    user = require_user(principal)
    query = update(Notice).where(Notice.account_id == user.id, Notice.unread.is_not(unread))
    query = query.where(Notice.conversation_id.in_(list(ids)) if until is None else Notice.changed <= until)
    done = session.execute(query.values(unread=unread), execution_options={"synchronize_session": False})
    assert isinstance(done, CursorResult)
    return done.rowcount
