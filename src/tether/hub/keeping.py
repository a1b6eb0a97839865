"""Changing a repository as a hosted thing: address, visibility, archive, deletion with a time of grace."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from tether.errors import NotFound
from tether.hub.access import OPERATOR, Principal, require_user
from tether.hub.acting import Act, acting
from tether.hub.database.models import Account, Membership, Redirect, RepositoryRow
from tether.hub.database.sharing import UNREADY
from tether.hub.forks import require_publishable
from tether.hub.hub import Hub
from tether.hub.naming import key_of, repository_name
from tether.hub.organisations import OWNER
from tether.hub.placed import sweep
from tether.hub.quotas import require_place
from tether.hub.repositories import future_owner, remove_files, take_name
from tether.hub.search.words import checked_about, checked_topics
from tether.hub.search.writing import index_name
from tether.hub.teams import forget_roles
from tether.hub.tokens import DAY
from tether.hub.webhooks.outbox import turn_off

DELETED = 100
"""Deleted repositories that are listed."""


@dataclass(frozen=True, slots=True)
class Changes:
    """What is to be different; None leaves it as it is."""

    owner: str | None = None
    name: str | None = None
    private: bool | None = None
    archived: bool | None = None
    about: str | None = None
    topics: Sequence[str] | None = None


def change(act: Act, row: RepositoryRow, changes: Changes) -> RepositoryRow:
    """Change a repository; whether the actor administers it was asked before.

    Raises:
        InvalidInput: The new name, or what it is said to be about, is not allowed.
        Forbidden, NotFound: The actor may not make repositories of the new owner, or not make it public.
        AlreadyExists: The new address is taken.
        QuotaExceeded: The new owner has no room for it.
    """
    row = act.session.get_one(RepositoryRow, row.id)
    if row.private and changes.private is False:
        require_publishable(act, row)
    if changes.owner is not None or changes.name is not None:
        _move(act, row, changes)
    for name, value in (("private", changes.private), ("archived", changes.archived)):
        if value is not None and getattr(row, name) != value:
            setattr(row, name, value)
            act.record("repository.change", row.full_name, repository=row, **{name: value})
    _describe(act, row, changes)
    return row


def _describe(act: Act, row: RepositoryRow, changes: Changes) -> None:
    """Change what a repository says of itself; search knows it at once."""
    wanted = {
        "about": None if changes.about is None else checked_about(changes.about),
        "topics": None if changes.topics is None else checked_topics(changes.topics),
    }
    changed = {name: value for name, value in wanted.items() if value not in (None, getattr(row, name))}
    if changed:
        for name, value in changed.items():
            setattr(row, name, value)
        act.record("repository.describe", row.full_name, repository=row, **changed)
    act.session.flush()
    index_name(act.session, row)


def _move(act: Act, row: RepositoryRow, changes: Changes) -> None:
    """Give a repository another address; the old one leads to it."""
    before = row.full_name
    old_owner, old_key = row.owner_id, row.key
    owner = row.owner if changes.owner is None else future_owner(act, changes.owner)
    name = row.name if changes.name is None else repository_name(changes.name)
    if (owner.id, name) == (row.owner_id, row.name):
        return
    if owner.id != old_owner:
        require_place(act.session, act.hub, owner, row)
        forget_roles(act, row)
    take_name(act.session, row, owner, name)
    if (owner.id, row.key) != (old_owner, old_key):
        act.session.merge(Redirect(owner_id=old_owner, key=old_key, repository_id=row.id))
    act.record_for([old_owner], "repository.move", row.full_name, repository=row, before=before)
    if owner.id != old_owner:
        turn_off(act.session, row)


def delete(act: Act, row: RepositoryRow) -> RepositoryRow:
    """Take a repository away from everybody; it can be restored until the time of grace is over."""
    row = act.session.get_one(RepositoryRow, row.id)
    row.deleted_at = act.now
    act.record("repository.delete", row.full_name, repository=row)
    return row


def find_deleted(session: Session, owner: str, name: str, since: int) -> RepositoryRow | None:
    """Return the repository that was deleted last at an address, after `since`, or None."""
    query = select(RepositoryRow).join(RepositoryRow.owner).where(Account.key == key_of(owner))
    query = query.where(RepositoryRow.key == key_of(name), RepositoryRow.deleted_at > since)
    query = query.where(RepositoryRow.id.not_in(UNREADY))
    return session.scalar(query.order_by(RepositoryRow.deleted_at.desc()).limit(1))


def list_deleted(session: Session, principal: Principal, since: int) -> Sequence[RepositoryRow]:
    """Return what was deleted after `since` and the asker may restore, the newest first; at most `DELETED`.

    Raises:
        Unauthenticated: Nobody is signed in.
    """
    user = require_user(principal)
    owned = select(Membership.organisation_id).where(
        Membership.account_id == user.id, Membership.role == OWNER
    )
    query = select(RepositoryRow).where(RepositoryRow.deleted_at > since, RepositoryRow.id.not_in(UNREADY))
    query = query.where(or_(RepositoryRow.owner_id == user.id, RepositoryRow.owner_id.in_(owned)))
    return session.scalars(query.order_by(RepositoryRow.deleted_at.desc()).limit(DELETED)).all()


def restore(act: Act, row: RepositoryRow) -> RepositoryRow:
    """Bring a deleted repository back.

    Raises:
        AlreadyExists: Another one has its address now.
        QuotaExceeded: The owner has as many as they may.
    """
    row = act.session.get_one(RepositoryRow, row.id)
    if row.deleted_at is None:
        raise NotFound(f"{row.full_name} is not deleted")
    require_place(act.session, act.hub, row.owner)
    row.deleted_at = None
    take_name(act.session, row, row.owner, row.name)
    act.record("repository.restore", row.full_name, repository=row)
    return row


def grace_start(hub: Hub) -> int:
    """Return since when a repository must have been deleted to be restored."""
    return hub.now() - hub.settings.grace_days * DAY


def purge(hub: Hub) -> Sequence[str]:
    """Remove for good what was deleted before the time of grace; return the addresses that it had.

    Packs that nobody has a name for any more go too, where a stop left them.

    The files go first: if the process stops in between, the row is left and the next purge goes on.
    Several hubs may do it at the same time, and one of them counts it.
    """
    with hub.database.session(reads_only=True) as session:
        rows = session.scalars(
            select(RepositoryRow).where(RepositoryRow.deleted_at <= grace_start(hub))
        ).all()
    purged = [row.full_name for row in rows if _purge(hub, row)]
    if hub.bucket is not None:
        sweep(hub.bucket, hub.database, hub.now())
    return purged


def _purge(hub: Hub, row: RepositoryRow) -> bool:
    remove_files(hub, row)
    with acting(hub, OPERATOR) as act:
        found = act.session.get(RepositoryRow, row.id, with_for_update={"of": RepositoryRow})
        if found is None:
            return False
        act.session.delete(found)
        act.record("repository.purge", row.full_name, repository=row)
    return True
