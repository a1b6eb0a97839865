"""Webhooks of repositories and organisations: made, listed, changed, removed, tried."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import Session

from tether.errors import Conflict, InvalidInput, NotFound
from tether.hub.acting import Act
from tether.hub.database.models import Account, RepositoryRow
from tether.hub.database.rights import hold_rights
from tether.hub.database.webhooks import Delivery, Webhook
from tether.hub.secret import new_id
from tether.hub.webhooks import outbox
from tether.hub.webhooks.deliveries import redeliver
from tether.hub.webhooks.sending import parse_target

MOST = 20
"""Webhooks of one repository or organisation."""


@dataclass(frozen=True, slots=True)
class Holder:
    """A repository, or an organisation for all that it owns; whether the actor may was asked before."""

    repository: RepositoryRow | None = None
    organisation: Account | None = None

    @property
    def name(self) -> str:
        """The address of the repository, or the name of the organisation."""
        if self.repository is not None:
            return self.repository.full_name
        assert self.organisation is not None
        return self.organisation.name

    @property
    def owns(self) -> ColumnElement[bool]:
        """What tells its webhooks from others."""
        if self.repository is not None:
            return Webhook.repository_id == self.repository.id
        assert self.organisation is not None
        return Webhook.account_id == self.organisation.id

    def hold(self, session: Session) -> None:
        """Let others who add webhooks wait until the end of the transaction."""
        if self.repository is not None:
            hold_rights(session, self.repository.id)
        elif self.organisation is not None:
            session.get_one(Account, self.organisation.id, with_for_update=True)


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a webhook is to be; None leaves it as it is."""

    url: str | None = None
    secret: str | None = None
    events: Sequence[str] | None = None
    active: bool | None = None


def create(act: Act, holder: Holder, wanted: Wanted) -> Webhook:
    """Make a webhook.

    Raises:
        InvalidInput: The address is none, or something is missing.
        Conflict: There are too many.
    """
    if wanted.url is None or wanted.secret is None:
        raise InvalidInput("a webhook needs an address and a secret")
    holder.hold(act.session)
    if (act.session.scalar(select(func.count()).select_from(Webhook).where(holder.owns)) or 0) >= MOST:
        raise Conflict(f"{holder.name} has {MOST} webhooks already", hint="remove one, or change one")
    webhook = Webhook(id=new_id(), url="", secret="", events=list(outbox.EVENTS), active=True)
    webhook.created = act.now
    webhook.repository_id = holder.repository.id if holder.repository else None
    webhook.account_id = holder.organisation.id if holder.organisation else None
    _apply(webhook, wanted)
    act.session.add(webhook)
    _record(act, holder, webhook, "webhook.create")
    return webhook


def change(act: Act, holder: Holder, webhook_id: str, wanted: Wanted) -> Webhook:
    """Change a webhook; what waits goes to the new address.

    Raises:
        NotFound: There is none with that id.
        InvalidInput: The address is none.
    """
    webhook = find(act.session, holder, webhook_id)
    _apply(webhook, wanted)
    _record(act, holder, webhook, "webhook.change")
    return webhook


def remove(act: Act, holder: Holder, webhook_id: str) -> None:
    """Remove a webhook with its deliveries, also those that wait; errors as for `find`."""
    webhook = find(act.session, holder, webhook_id)
    act.session.delete(webhook)
    _record(act, holder, webhook, "webhook.delete")


def find(session: Session, holder: Holder, webhook_id: str) -> Webhook:
    """Return a webhook.

    Raises:
        NotFound: There is none with that id.
    """
    found = session.scalar(select(Webhook).where(holder.owns, Webhook.id == webhook_id))
    if found is None:
        raise NotFound(f"{holder.name} has no webhook {webhook_id}")
    return found


def list_webhooks(session: Session, holder: Holder) -> Sequence[Webhook]:
    """Return all webhooks, oldest first."""
    return session.scalars(select(Webhook).where(holder.owns).order_by(Webhook.created, Webhook.id)).all()


def ping(act: Act, holder: Holder, webhook_id: str) -> Delivery:
    """Send a webhook something that tells of nothing, also one that is off; errors as for `find`."""
    webhook = find(act.session, holder, webhook_id)
    told = {"event": outbox.PING, "time": act.now, "actor": act.actor.name, "subject": holder.name}
    allowed = act.hub.settings.webhook_attempts
    delivery = outbox.store(act.session, webhook, told, act.now, allowed=allowed)
    act.session.flush()
    return delivery


def again(act: Act, holder: Holder, webhook_id: str, delivery_id: str) -> Delivery:
    """Send a delivery again; errors as for `find` and `redeliver`."""
    webhook = find(act.session, holder, webhook_id)
    allowed = act.hub.settings.webhook_attempts
    return redeliver(act.session, webhook, delivery_id, act.now, allowed=allowed)


def _apply(webhook: Webhook, wanted: Wanted) -> None:
    if wanted.url is not None:
        parse_target(wanted.url)
        webhook.url = wanted.url
    if wanted.secret is not None:
        webhook.secret = wanted.secret
    if wanted.events is not None:
        webhook.events = sorted(set(wanted.events))
    if wanted.active is not None:
        webhook.active = wanted.active


def _record(act: Act, holder: Holder, webhook: Webhook, action: str) -> None:
    """Record a change; of the address the host alone, since paths of webhooks are often secret."""
    host, events = parse_target(webhook.url).host, list(webhook.events)
    details = {"webhook": webhook.id, "host": host, "events": events, "active": webhook.active}
    act.record(action, holder.name, repository=holder.repository, **details)
