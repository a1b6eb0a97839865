"""What happened lately in repositories, as far as somebody may read them: out of the record of changes."""

from collections.abc import Sequence
from typing import NamedTuple

from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from tether.core.names import ATTESTATIONS, BRANCHES, RELEASES, RUNS, TAGS
from tether.hub.access import Principal
from tether.hub.database.models import AuditEntry, RepositoryRow
from tether.hub.repositories import ids_of, readable_ids

PAGE = 20
_SHOWN = ("ref.move", "repository.create", "repository.fork", "run.end")


class Happened(NamedTuple):
    """Something that happened.

    Attributes:
        id: Of the entry; the next page is before the last one's.
        row: The repository, as it is called now.
        kind: `branch`, `tag`, `release`, `attestation`, `run`, `create` or `fork`.
        name: Of the branch, the tag or the release, as `NAME@VERSION`, of an attestation too; the id of a run
            that was pushed.
        commit: To which it was moved; None where it was deleted.
    """

    id: int
    time: int
    actor: str
    row: RepositoryRow
    kind: str
    name: str
    commit: str | None


def of_user(session: Session, principal: Principal, before: int | None = None) -> Sequence[Happened]:
    """Return what happened in what somebody has to do with, the newest first."""
    if principal.user is None:
        return ()
    return _happened(session, principal, ids_of(principal.user), before)


def of_owner(
    session: Session, principal: Principal, owner_id: str, before: int | None = None
) -> Sequence[Happened]:
    """Return what happened in the repositories of an owner, as far as somebody may read them."""
    return _happened(
        session, principal, select(RepositoryRow.id).where(RepositoryRow.owner_id == owner_id), before
    )


def _happened(
    session: Session, principal: Principal, among: Select[str], before: int | None
) -> Sequence[Happened]:
    query = select(AuditEntry, RepositoryRow).join(
        RepositoryRow, RepositoryRow.id == AuditEntry.repository_id
    )
    query = query.where(RepositoryRow.id.in_(among), RepositoryRow.id.in_(readable_ids(principal)))
    query = query.where(AuditEntry.action.in_(_SHOWN))
    if before is not None:
        query = query.where(AuditEntry.id < before)
    rows = session.execute(query.order_by(AuditEntry.id.desc()).limit(PAGE))
    return [_read(entry, row) for entry, row in rows]


def _read(entry: AuditEntry, row: RepositoryRow) -> Happened:
    kind, name = entry.action.partition(".")[2], ""
    if entry.action == "ref.move":
        ref = entry.subject.partition(" ")[2]
        kind, name = _named(ref)
    elif entry.action.startswith("run."):
        kind = "run"
    commit = entry.details.get("new")
    return Happened(entry.id, entry.time, entry.actor, row, kind, name, commit if commit else None)


def _named(ref: str) -> tuple[str, str]:
    """Return what kind of thing a ref is, and what people call it."""
    if ref.startswith(ATTESTATIONS):
        return "attestation", "@".join(ref.removeprefix(ATTESTATIONS).split("/")[:2])
    if ref.startswith(RELEASES):
        return "release", ref.removeprefix(RELEASES).replace("/", "@", 1)
    for prefix, kind in ((TAGS, "tag"), (RUNS, "run")):
        if ref.startswith(prefix):
            return kind, ref.removeprefix(prefix)
    return "branch", ref.removeprefix(BRANCHES)
