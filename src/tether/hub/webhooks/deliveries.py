"""Deliveries: claimed by one hub at a time, ended, tried again, listed, sent again on wish.

An attempt is counted when it is claimed, so one that kills its hub is not tried for ever. A lease lasts
longer than an attempt may; a hub that is stopped in between leaves the delivery to the next. So it may come
twice, with the same id, and is never lost.
"""

from collections.abc import Sequence

from sqlalchemy import CursorResult, Select, delete, or_, select, update
from sqlalchemy.orm import Session, aliased

from tether.errors import Conflict, NotFound
from tether.hub.database.bells import DELIVERIES, ring_after
from tether.hub.database.webhooks import Delivery, Webhook
from tether.hub.hub import Hub
from tether.hub.tokens import DAY
from tether.hub.webhooks.outbox import DELIVERED, FAILED, WAITING
from tether.hub.webhooks.sending import Outcome

PAGE = 100
_SECOND = 1_000_000
_FIRST_PAUSE, _LONGEST_PAUSE = 10 * _SECOND, 6 * 3600 * _SECOND
_SPARE_S = 15
"""What a lease has beyond the time of an attempt: clocks of hubs may differ by that much."""
_LOOK_AT = 20


def claim(hub: Hub) -> Delivery | None:
    """Take one delivery that is due, so that no other hub sends it until the lease ends.

    Deliveries to one webhook go one after the other, so that a slow one does not hold up those of others.
    None if none is due.
    """
    now = hub.now()
    with hub.database.session(reads_only=True) as session:
        due = session.execute(_due(now)).all()
    for delivery_id, attempts in due:
        with hub.database.session() as session:
            if _take(hub, session, delivery_id, attempts, now):
                return session.get_one(Delivery, delivery_id)
    return None


def next_due(hub: Hub) -> int | None:
    """Return when something that waits may be sent next, at the earliest; None if nothing waits.

    Raises:
        Unavailable: The database does not answer.
    """
    waiting = select(Delivery.due, Delivery.lease).where(Delivery.state == WAITING)
    with hub.database.session(reads_only=True) as session:
        rows = session.execute(waiting.order_by(Delivery.due).limit(_LOOK_AT)).all()
    return min((max(due, lease or 0) for due, lease in rows), default=None)


def _due(now: int) -> Select[str, int]:
    """Select what is due, as ids and attempts, oldest first."""
    other = aliased(Delivery)
    under_way = select(other.id).where(other.webhook_id == Delivery.webhook_id, other.lease > now).exists()
    waiting = select(Delivery.id, Delivery.attempts).where(Delivery.state == WAITING, Delivery.due <= now)
    return waiting.where(~under_way).order_by(Delivery.due, Delivery.created).limit(_LOOK_AT)


def _take(hub: Hub, session: Session, delivery_id: str, attempts: int, now: int) -> bool:
    """Claim one delivery if it is still as it was seen; give it up if its last attempt was never ended."""
    same = (Delivery.id == delivery_id, Delivery.attempts == attempts, Delivery.state == WAITING)
    free = or_(Delivery.lease.is_(None), Delivery.lease <= now)
    lost = update(Delivery).where(*same, free, Delivery.allowed <= attempts)
    session.execute(lost.values(state=FAILED, lease=None, error="the hub was stopped while it sent this"))
    lease = now + (hub.settings.webhook_timeout_s + _SPARE_S) * _SECOND
    mine = update(Delivery).where(*same, free, Delivery.allowed > attempts)
    done = session.execute(mine.values(attempts=attempts + 1, lease=lease, tried=now))
    assert isinstance(done, CursorResult)
    return done.rowcount == 1


def finish(hub: Hub, delivery: Delivery, outcome: Outcome, duration: int) -> None:
    """Write down what came of an attempt, unless the delivery was claimed anew meanwhile.

    Args:
        hub: Of the delivery.
        delivery: As it was claimed.
        outcome: What came of it.
        duration: In microseconds.
    """
    values = {
        "status": outcome.status,
        "reply": outcome.reply,
        "error": outcome.error[:255] if outcome.error else None,
        "duration": duration,
        "lease": None,
    }
    if outcome.good:
        values["state"] = DELIVERED
    elif delivery.attempts >= delivery.allowed:
        values["state"] = FAILED
    else:
        values["due"] = hub.now() + pause_after(delivery.attempts)
    same = (Delivery.id == delivery.id, Delivery.attempts == delivery.attempts, Delivery.state == WAITING)
    with hub.database.session() as session:
        session.execute(update(Delivery).where(*same).values(**values))
        ring_after(session, DELIVERIES)  # others to the same webhook may go


def pause_after(attempts: int) -> int:
    """Return how long to wait after some attempts: 10 s, then four times as long each time, at most 6 h."""
    return min(_FIRST_PAUSE << 2 * min(attempts - 1, 10), _LONGEST_PAUSE)


def list_deliveries(
    session: Session, webhook: Webhook, *, before: str | None = None, limit: int = PAGE
) -> Sequence[Delivery]:
    """Return the newest deliveries of a webhook first, those before the one with the id `before`.

    Raises:
        NotFound: There is no delivery `before`.
    """
    query = select(Delivery).where(Delivery.webhook_id == webhook.id)
    if before is not None:
        last = find_delivery(session, webhook, before)
        older = (Delivery.created == last.created) & (Delivery.id < last.id)
        query = query.where(or_(Delivery.created < last.created, older))
    return session.scalars(query.order_by(Delivery.created.desc(), Delivery.id.desc()).limit(limit)).all()


def find_delivery(session: Session, webhook: Webhook, delivery_id: str) -> Delivery:
    """Return a delivery of a webhook.

    Raises:
        NotFound: It has none with that id.
    """
    found = session.get(Delivery, delivery_id)
    if found is None or found.webhook_id != webhook.id:
        raise NotFound(f"the webhook has no delivery {delivery_id}")
    return found


def redeliver(session: Session, webhook: Webhook, delivery_id: str, now: int, *, allowed: int) -> Delivery:
    """Let a delivery that ended be sent again, with the same id and body.

    Args:
        session: The transaction.
        webhook: Of the delivery.
        delivery_id: Which one.
        now: The time.
        allowed: Attempts that it gets anew.

    Raises:
        NotFound: It has none with that id.
        Conflict: It waits to be sent already.
    """
    find_delivery(session, webhook, delivery_id)
    ended = (Delivery.id == delivery_id, Delivery.state != WAITING)
    anew = {"state": WAITING, "due": now, "lease": None, "allowed": Delivery.attempts + allowed}
    done = session.execute(update(Delivery).where(*ended).values(**anew))
    assert isinstance(done, CursorResult)
    if done.rowcount != 1:
        raise Conflict(f"the delivery {delivery_id} waits to be sent", hint="look at it again in a moment")
    ring_after(session, DELIVERIES)
    found = find_delivery(session, webhook, delivery_id)
    session.refresh(found)
    return found


def forget_old(hub: Hub) -> None:
    """Remove deliveries from before the days for which they are kept."""
    oldest = hub.now() - hub.settings.webhook_days * DAY
    with hub.database.session() as session:
        session.execute(delete(Delivery).where(Delivery.created < oldest, Delivery.state != WAITING))
