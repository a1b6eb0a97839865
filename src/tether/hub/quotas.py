"""How much an owner keeps, and how much they may: bytes of packs, and repositories.

Each pack is added to what its repository takes before it is stored. Packs that are merged or collected are
not noticed in this moment, so `tether.hub.counting` looks at what lies in storage from time to time. A place
in the bucket that was given away for a pack counts as the pack would.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from sqlalchemy import BigInteger, ScalarSelect, Select, String, bindparam, func, select
from sqlalchemy.orm import InstrumentedAttribute, Session

from tether.errors import Conflict, Forbidden, NotFound, QuotaExceeded
from tether.hub.access import Principal, require_administrator, require_user
from tether.hub.accounts import find_account
from tether.hub.acting import Act
from tether.hub.database.models import Account, Membership, RepositoryRow
from tether.hub.database.rights import Quota, StoredBytes
from tether.hub.database.sharing import Fork
from tether.hub.database.uploads import UploadPlace
from tether.hub.hub import Hub

_HINT = "delete what is not needed, or ask an administrator of the hub for more"


@dataclass(frozen=True, slots=True)
class Usage:
    """What an owner has; limits are None where there are none.

    Attributes:
        bytes: Of all packs, also those of deleted repositories that can be restored, and of packs to come for
            which places were given away.
        repositories: Those that are not deleted.
        fork_bytes: Of the bytes those of forks, which count whole although their packs are shared.
    """

    bytes: int
    max_bytes: int | None
    repositories: int
    max_repositories: int | None
    fork_bytes: int = 0


def usage_of(session: Session, hub: Hub, owner_id: str) -> Usage:
    """Return what an owner has and may have."""
    held, most = _bytes_of(session, hub, owner_id)
    count, forked, own = session.execute(_REPOSITORIES, {"owner": owner_id}).one()
    most_live = hub.settings.quota_repositories if own is None else own
    return Usage(held, most, count, most_live or None, int(forked))


def _bytes_of(session: Session, hub: Hub, owner_id: str) -> tuple[int, int | None]:
    """Return how many bytes an owner has, and may have."""
    taken, held, own = session.execute(_BYTES, {"owner": owner_id, "now": hub.now()}).one()
    most = hub.settings.quota_bytes if own is None else own
    return int(taken) + int(held), most or None


def _own(select_: Select[Any], of_repository: InstrumentedAttribute[str]) -> ScalarSelect[Any]:
    """Return what is summed up over the repositories of an owner, as a part of a question."""
    joined = select_.join(RepositoryRow, RepositoryRow.id == of_repository)
    return joined.where(RepositoryRow.owner_id == _OWNER).scalar_subquery()


def _sum(column: InstrumentedAttribute[int]) -> Select[int]:
    return select(func.coalesce(func.sum(column), 0))


_OWNER, _NOW = bindparam("owner", type_=String), bindparam("now", type_=BigInteger)
_WAITING = _sum(UploadPlace.size).where(UploadPlace.used.is_(False), UploadPlace.expires > _NOW)
_FORKED = _sum(StoredBytes.bytes).join(Fork, Fork.repository_id == StoredBytes.repository_id)
_LIVE = select(func.count(RepositoryRow.id)).where(
    RepositoryRow.owner_id == _OWNER, RepositoryRow.deleted_at.is_(None)
)
_BYTES = select(
    _own(_sum(StoredBytes.bytes), StoredBytes.repository_id),
    _own(_WAITING, UploadPlace.repository_id),
    select(Quota.bytes).where(Quota.account_id == _OWNER).scalar_subquery(),
)
_REPOSITORIES = select(
    _LIVE.scalar_subquery(),
    _own(_FORKED, StoredBytes.repository_id),
    select(Quota.repositories).where(Quota.account_id == _OWNER).scalar_subquery(),
)
"""Made once, each one for all that is asked together: a push asks it for each pack."""


def show(session: Session, hub: Hub, principal: Principal, owner: str) -> Usage:
    """Return what an owner has, for the owner, members of it and administrators.

    Raises:
        Unauthenticated, Forbidden: Somebody else asks, or there is no such owner.
        NotFound: An administrator asks, and there is no such owner.
    """
    account = find_account(session, owner)
    if not principal.administers:
        user = require_user(principal)
        key = ("" if account is None else account.id, user.id)
        if account is None or (account.id != user.id and session.get(Membership, key) is None):
            raise Forbidden(f"{user.name} may not see the quota of {owner}")
    if account is None:
        raise NotFound(f"no account named {owner}")
    return usage_of(session, hub, account.id)


def set_quota(act: Act, owner: str, max_bytes: int | None, max_repositories: int | None) -> Usage:
    """Say how much an owner may keep: None is what the settings say, 0 is without end.

    Raises:
        Unauthenticated, Forbidden: Not an administrator asks.
        NotFound: There is no such owner.
    """
    require_administrator(act.actor)
    account = find_account(act.session, owner)
    if account is None:
        raise NotFound(f"no account named {owner}")
    act.session.merge(Quota(account_id=account.id, bytes=max_bytes, repositories=max_repositories))
    act.session.flush()
    act.record("quota.set", account.name, bytes=max_bytes, repositories=max_repositories)
    return usage_of(act.session, act.hub, account.id)


def require_room(session: Session, hub: Hub, owner: Account, more: int = 0) -> None:
    """Let pass if what an owner has, and `more` bytes, is not above the quota.

    Raises:
        QuotaExceeded: It is.
    """
    held, most = _bytes_of(session, hub, owner.id)
    if most is not None and held + more > most:
        told = f"{held} of {most} bytes are used"
        raise QuotaExceeded(f"the repositories of {owner.name} are at their quota: {told}", hint=_HINT)


def require_place(session: Session, hub: Hub, owner: Account, row: RepositoryRow | None = None) -> None:
    """Let pass if an owner may have one more repository; `row` is one that comes with its bytes.

    Raises:
        QuotaExceeded: There are too many, or too many bytes with this one.
    """
    lock_owner(session, owner.id)
    usage = usage_of(session, hub, owner.id)
    if usage.max_repositories is not None and usage.repositories >= usage.max_repositories:
        told = f"{usage.repositories} of {usage.max_repositories}"
        raise QuotaExceeded(f"{owner.name} has {told} repositories already", hint=_HINT)
    stored = None if row is None else session.get(StoredBytes, row.id)
    if stored is not None and row is not None and row.owner_id != owner.id:
        require_room(session, hub, owner, stored.bytes)


@contextmanager
def charging(hub: Hub, row: RepositoryRow, size: int, place: str | None = None) -> Iterator[None]:
    """Add `size` bytes to what a repository takes, for a block that stores them; not if it raises.

    Args:
        hub: Has the repository.
        row: The repository.
        size: Bytes that are new.
        place: The id of a place that was given away for them, which is used up and does not count any more.

    Raises:
        QuotaExceeded: The owner would have more than they may; the block does not run then.
        Conflict: The place is used up already.
    """
    if not size and place is None:
        yield
        return
    _add(hub, row, size, place)
    try:
        yield
    except BaseException:
        _add(hub, row, -size)
        raise


def _add(hub: Hub, row: RepositoryRow, size: int, place: str | None = None) -> None:
    with hub.database.session() as session:
        current = session.get(RepositoryRow, row.id)
        if current is None:  # purged in the meantime, with its files
            return
        lock_owner(session, current.owner_id)
        if place is not None:
            _use_up(session, place)
        if size > 0:
            require_room(session, hub, current.owner, size)
        stored = session.get(StoredBytes, row.id)
        if stored is None:
            stored = StoredBytes(repository_id=row.id, bytes=0)
            session.add(stored)
        stored.bytes, stored.changed = max(0, stored.bytes + size), hub.now()


def _use_up(session: Session, place: str) -> None:
    found = session.get(UploadPlace, place, populate_existing=True)
    if found is None or found.used:
        raise Conflict("the place of this pack is used up already", hint="push again")
    found.used = True
    session.flush()


def lock_owner(session: Session, owner_id: str) -> None:
    """Let what changes the usage of an owner happen one after the other."""
    session.get_one(Account, owner_id, with_for_update=True)
