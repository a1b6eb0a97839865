"""Who is told of a conversation: subscriptions, and a notice for each of them.

A notice is the newest thing that somebody was not told yet, one row for each conversation, so notices do not
grow with what is said. It is written in the transaction of what happened.
"""

from collections.abc import Iterable
from typing import NamedTuple

from sqlalchemy import select
from sqlalchemy.orm import Session

from tether.errors import Conflict
from tether.hub.access import Role
from tether.hub.acting import Act
from tether.hub.conversations.mentions import mentioned
from tether.hub.database.conversations import Conversation, Notice, Subscription
from tether.hub.database.models import Account, Collaborator, Membership, RepositoryRow
from tether.hub.mail.outbox import News, write_to

AUTHOR, MENTION, COMMENT, REVIEW, OWNER, WISH = "author", "mention", "comment", "review", "owner", "wish"
MOST = 1000
"""Subscriptions of one conversation."""
_MOST_OWNERS = 50
_WEIGHT = {WISH: 0, OWNER: 1, COMMENT: 2, AUTHOR: 3, REVIEW: 4, MENTION: 5}
"""A reason stays until one comes that says more."""


class Happening(NamedTuple):
    """What people are told.

    Attributes:
        event: What happened: `open`, `comment`, `review`, `push`, `close`, `reopen` or `merge`.
        entry: The number of the entry that tells of it; 0 for the beginning.
        text: What was said, in which people may be called.
    """

    event: str
    entry: int = 0
    text: str = ""


def subscribe(session: Session, conversation: Conversation, account_id: str, reason: str) -> None:
    """Let somebody be told from now on, unless they want to hear nothing of it."""
    found = session.get(Subscription, (conversation.id, account_id))
    if found is None:
        found = Subscription(conversation_id=conversation.id, account_id=account_id)
        found.reason, found.muted = reason, False
        session.add(found)
    elif _WEIGHT[reason] > _WEIGHT[found.reason]:
        found.reason = reason
    session.flush()


def subscribe_owners(session: Session, conversation: Conversation, row: RepositoryRow) -> None:
    """Let those be told who look after a repository: its owner, or owners, and who was given that role."""
    owners = {row.owner_id} if row.owner.kind == "user" else set[str]()
    of_owner = select(Membership.account_id).where(Membership.organisation_id == row.owner_id)
    owners.update(session.scalars(of_owner.where(Membership.role == "owner").limit(_MOST_OWNERS)))
    roles = [role.name.lower() for role in (Role.MAINTAIN, Role.ADMIN)]
    given = select(Collaborator.account_id).where(Collaborator.repository_id == row.id)
    owners.update(session.scalars(given.where(Collaborator.role.in_(roles)).limit(_MOST_OWNERS)))
    for account_id in sorted(owners):
        subscribe(session, conversation, account_id, OWNER)


def set_subscription(act: Act, conversation: Conversation, user: Account, *, told: bool) -> None:
    """Let somebody be told of a conversation, or hear nothing of it any more.

    Raises:
        Conflict: There are too many subscriptions.
    """
    found = act.session.get(Subscription, (conversation.id, user.id))
    if found is None:
        of_this = select(Subscription.account_id).where(Subscription.conversation_id == conversation.id)
        if len(act.session.scalars(of_this.limit(MOST)).all()) >= MOST:
            raise Conflict(f"the conversation has {MOST} subscriptions already")
        found = Subscription(conversation_id=conversation.id, account_id=user.id, reason=WISH)
        act.session.add(found)
    found.muted = not told


def tell(act: Act, row: RepositoryRow, conversation: Conversation, what: Happening) -> None:
    """Write a notice for everybody who is subscribed or called, but for who did it."""
    session = act.session
    for user in mentioned(session, row, what.text):
        subscribe(session, conversation, user.id, MENTION)
    of_this = select(Subscription).where(
        Subscription.conversation_id == conversation.id, Subscription.muted.is_(False)
    )
    told = {each.account_id: each.reason for each in session.scalars(of_this.limit(MOST))}
    if act.actor.user is not None:
        told.pop(act.actor.user.id, None)
    there = select(Notice).where(Notice.conversation_id == conversation.id)
    rows = {each.account_id: each for each in session.scalars(there)}
    for account_id, reason in told.items():
        notice = rows.get(account_id) or Notice(account_id=account_id, conversation_id=conversation.id)
        notice.reason, notice.event, notice.actor = reason, what.event, act.actor.name
        notice.entry, notice.unread, notice.changed = what.entry, True, act.now
        session.add(notice)
    session.flush()
    write_to(act, row, conversation, told.keys(), News(what.event, what.entry, what.text))


def subscribers(session: Session, conversation: Conversation) -> Iterable[str]:
    """Return the names of those who are told, a page of them."""
    query = select(Account.name).join(Subscription, Subscription.account_id == Account.id)
    query = query.where(Subscription.conversation_id == conversation.id, Subscription.muted.is_(False))
    return session.scalars(query.order_by(Account.key).limit(MOST)).all()
