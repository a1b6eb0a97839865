"""The record of who changed accounts, tokens, rights, repositories and refs; see `tether.hub.acting`."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from sqlalchemy import select
from sqlalchemy.orm import Session

from tether.hub.database.engine import Database
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


def export(
    database: Database, repository_id: str | None = None, *, after: int = 0, limit: int | None = None
) -> Iterator[dict[str, Any]]:
    """Yield entries as documents, the oldest first: of one repository or of all, behind the entry `after`.

    They are read page by page, each in a transaction of its own, so nobody waits however many there are.
    """
    while limit is None or limit > 0:
        size = LIMIT if limit is None else min(limit, LIMIT)
        query = select(AuditEntry).where(AuditEntry.id > after).order_by(AuditEntry.id).limit(size)
        if repository_id is not None:
            query = query.where(AuditEntry.repository_id == repository_id)
        with database.session(reads_only=True) as session:
            page = [_document(row) for row in session.scalars(query)]
        yield from page
        if len(page) < size:
            return
        after, limit = page[-1]["id"], None if limit is None else limit - size


def _document(row: AuditEntry) -> dict[str, Any]:
    told = {name: getattr(row, name) for name in ("id", "time", "actor", "action", "subject")}
    return {**told, "details": row.details}
