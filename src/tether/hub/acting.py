"""A change under way: one transaction, by somebody, at one time, with its record."""

from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from sqlalchemy.orm import Session

from tether.hub import audit
from tether.hub.access import Principal
from tether.hub.database.models import RepositoryRow
from tether.hub.hub import Hub
from tether.hub.webhooks.outbox import Place, tell


@dataclass(frozen=True, slots=True)
class Act:
    """What functions that change the hub are given.

    Attributes:
        session: The transaction.
        actor: Who does it; whether they may is for the function to ask.
        now: Microseconds since 1970.
    """

    hub: Hub
    session: Session
    actor: Principal
    now: int

    def record(
        self, action: str, subject: str, *, repository: RepositoryRow | None = None, **details: Any
    ) -> None:
        """Add one entry to the audit log and tell webhooks, in the transaction of the change itself.

        Args:
            action: What was done, such as `token.create`.
            subject: To what, such as `ada/photos`.
            repository: The repository that it concerns; its webhooks and those of its owner are told.
            details: What else is worth knowing; never a secret.
        """
        self.record_for((), action, subject, repository=repository, **details)

    def record_for(
        self,
        owners: Collection[str],
        action: str,
        subject: str,
        *,
        repository: RepositoryRow | None = None,
        **details: Any,
    ) -> None:
        """Record what concerns organisations too, whose ids are given and whose webhooks are told."""
        user = self.actor.user
        entry = audit.Entry(self.now, user.id if user else None, self.actor.name, action, subject)
        audit.add(self.session, entry, repository.id if repository else None, details)
        place = Place(repository, {*owners, repository.owner_id} if repository else owners)
        tell(self.session, entry, place, details, allowed=self.hub.settings.webhook_attempts)

    def announce(
        self, action: str, subject: str, repository: RepositoryRow, details: Mapping[str, Any]
    ) -> None:
        """Tell webhooks of what is no matter of rights, such as a comment, and so not for the audit log."""
        user = self.actor.user
        entry = audit.Entry(self.now, user.id if user else None, self.actor.name, action, subject)
        place = Place(repository, {repository.owner_id})
        tell(self.session, entry, place, details, allowed=self.hub.settings.webhook_attempts)


@contextmanager
def acting(hub: Hub, actor: Principal) -> Iterator[Act]:
    """Run one change: all of it holds at the end of the block, or nothing when the block raises.

    Raises:
        Unavailable: The database cannot be reached.
    """
    with hub.database.session() as session:
        yield Act(hub, session, actor, hub.now())
