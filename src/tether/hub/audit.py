"""The record of who changed accounts, tokens, rights, repositories and refs; see `tether.hub.acting`."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from sqlalchemy import select
from sqlalchemy.orm import Session

from tether.hub.database.models import AuditEntry

LIMIT = 1000


class Entry(NamedTuple):
    """Who did what to which thing, and when; `actor_id` is None for nobody and the command line."""

    time: int
    actor_id: str | None
    actor: str
    action: str
    subject: str


class Only(NamedTuple):
    """Which entries are wanted; empty means all.

    Attributes:
        action: How their action begins, such as `repository.`.
        actor: Who did it, by the whole name.
    """

    action: str = ""
    actor: str = ""


ALL = Only()


def add(session: Session, entry: Entry, repository_id: str | None, details: Mapping[str, Any]) -> None:
    """Write one entry as part of the transaction."""
    subject = entry.subject[:255]
    session.add(
        AuditEntry(
            **entry._replace(subject=subject)._asdict(), repository_id=repository_id, details=dict(details)
        )
    )


def entries(
    session: Session,
    *,
    repository_id: str | None = None,
    before: int | None = None,
    limit: int = LIMIT,
    only: Only = ALL,
) -> Sequence[AuditEntry]:
    """Return the newest entries first: of one repository or of all, older than the entry `before`."""
    query = select(AuditEntry).order_by(AuditEntry.id.desc()).limit(max(1, min(limit, LIMIT)))
    if only.action:
        query = query.where(AuditEntry.action.startswith(only.action, autoescape=True))
    if only.actor:
        query = query.where(AuditEntry.actor == only.actor)
    if repository_id is not None:
        query = query.where(AuditEntry.repository_id == repository_id)
    if before is not None:
        query = query.where(AuditEntry.id < before)
    return session.scalars(query).all()
