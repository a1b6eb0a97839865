"""Events for webhooks, written in the transaction of the change that they tell of."""

import json
from collections.abc import Collection, Mapping
from typing import Any, NamedTuple

from sqlalchemy import or_, select, update
from sqlalchemy.orm import Session

from tether.core.names import BRANCHES, TAGS
from tether.hub.audit import Entry
from tether.hub.database.bells import DELIVERIES, ring_after
from tether.hub.database.models import RepositoryRow
from tether.hub.database.webhooks import Delivery, Webhook
from tether.hub.secret import new_id

PUSH, TAG, REPOSITORY, RIGHTS, PING = "push", "tag", "repository", "rights", "ping"
DISCUSSION, PULL, REVIEW, COMMENT, CHECK = "discussion", "pull", "review", "comment", "check"
EVENTS = (PUSH, TAG, REPOSITORY, RIGHTS, DISCUSSION, PULL, REVIEW, COMMENT, CHECK)
WAITING, DELIVERED, FAILED = "waiting", "delivered", "failed"
_OF_ACTIONS = {
    "repository.create": REPOSITORY,
    "repository.move": REPOSITORY,
    "repository.delete": REPOSITORY,
    "repository.restore": REPOSITORY,
    "repository.role": RIGHTS,
    "rule.set": RIGHTS,
    "rule.remove": RIGHTS,
    "organisation.member": RIGHTS,
    "team.member": RIGHTS,
    "team.delete": RIGHTS,
}
_OF_TALK = {each: each for each in (DISCUSSION, PULL, REVIEW, COMMENT, CHECK)}
"""By the first word of an action, such as `pull.merge`."""


class Place(NamedTuple):
    """Where something happened: in a repository, and below which owners; only organisations have webhooks."""

    repository: RepositoryRow | None
    owners: Collection[str]


def tell(session: Session, entry: Entry, place: Place, details: Mapping[str, Any], *, allowed: int) -> None:
    """Store deliveries of an event, one for each webhook that wants it.

    Args:
        session: The transaction in which it happens.
        entry: What happened, as it is recorded.
        place: Where.
        details: What else the record says.
        allowed: Attempts until a delivery is given up.
    """
    event = _event_of(entry, details)
    if event is None:
        return
    of_repository = Webhook.repository_id == (place.repository.id if place.repository else "")
    of_owners = Webhook.account_id.in_(sorted(place.owners))
    wanting = select(Webhook).where(Webhook.active, or_(of_repository, of_owners)).order_by(Webhook.id)
    told = {
        "event": event,
        "action": entry.action,
        "time": entry.time,
        "actor": entry.actor,
        "repository": place.repository.full_name if place.repository else None,
        "subject": entry.subject,
        "details": _details(entry, details),
    }
    for webhook in session.scalars(wanting).all():
        if event in webhook.events:
            store(session, webhook, told, entry.time, allowed=allowed)


def store(session: Session, webhook: Webhook, told: Mapping[str, Any], now: int, *, allowed: int) -> Delivery:
    """Store one delivery; its id goes along in the body."""
    delivery = Delivery(id=new_id(), webhook_id=webhook.id, event=told["event"], created=now)
    delivery.body = json.dumps({"delivery": delivery.id, **told})
    delivery.state, delivery.due, delivery.attempts, delivery.allowed = WAITING, now, 0, allowed
    session.add(delivery)
    ring_after(session, DELIVERIES)
    return delivery


def turn_off(session: Session, row: RepositoryRow) -> None:
    """Let the webhooks of a repository rest, since it goes to an owner who did not choose them."""
    session.execute(update(Webhook).where(Webhook.repository_id == row.id).values(active=False))


def _event_of(entry: Entry, details: Mapping[str, Any]) -> str | None:
    """Return the event that a record tells of, or None."""
    if entry.action == "ref.move":
        ref = _ref_of(entry)
        return PUSH if ref.startswith(BRANCHES) else TAG if ref.startswith(TAGS) else None
    if entry.action == "repository.change":
        return REPOSITORY if "archived" in details else RIGHTS
    return _OF_ACTIONS.get(entry.action) or _OF_TALK.get(entry.action.partition(".")[0])


def _ref_of(entry: Entry) -> str:
    """Return the ref that a push moved; the subject is the repository, a space and the ref."""
    return entry.subject.partition(" ")[2]


def _details(entry: Entry, details: Mapping[str, Any]) -> dict[str, Any]:
    """Return what to tell; grants of rules name people by ids of rows, so only the branches are told."""
    if entry.action == "rule.set":
        return {"branches": details["branches"]}
    if entry.action == "ref.move":
        return {"ref": _ref_of(entry), **details}
    return dict(details)
