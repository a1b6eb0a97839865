"""Forks on the hub: made, listed, and kept from showing what their source does not.

The row of a fork is there before its packs, as one of a deleted repository that nobody can restore. So a hub
that is stopped in the middle leaves nothing but what the purge removes.
"""

from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass

from sqlalchemy import select, tuple_
from sqlalchemy.orm import Session

from tether.core.digest import hash_bytes
from tether.errors import AlreadyExists, Forbidden, InvalidInput, NotFound, Unavailable
from tether.hub.access import Principal, Role, require, require_sight, role_of
from tether.hub.acting import Act, acting
from tether.hub.database.models import Account, RepositoryRow, RootRow
from tether.hub.database.rights import StoredBytes
from tether.hub.database.sharing import Fork, Gate
from tether.hub.hub import Hub
from tether.hub.naming import key_of, repository_name
from tether.hub.quotas import charging, require_place
from tether.hub.repositories import (
    PAGE,
    find,
    folder_of,
    future_owner,
    only_visible,
    open_repository,
    remove_files,
    storage_of,
    take_name,
)
from tether.hub.rules import add_default_rule
from tether.hub.secret import new_id
from tether.hub.tokens import DAY
from tether.repo.forking import execute_fork, plan_fork
from tether.repo.repository import FORMAT_KEY
from tether.repo.root import Root
from tether.storage.oserrors import translated


@dataclass(frozen=True, slots=True)
class WantedFork:
    """A fork that somebody asks for; `private` None is as the source is."""

    owner: str
    name: str
    private: bool | None = None


def make_fork(hub: Hub, principal: Principal, source: RepositoryRow, wanted: WantedFork) -> RepositoryRow:
    """Make a repository of what the refs of another one reach; it shares the packs of that one.

    Args:
        hub: Has both.
        principal: Who asks; that they may read the source was asked before, and is again at the end.
        source: Of what.
        wanted: Where.

    Raises:
        InvalidInput: The name is not allowed, or it would show to all what the source does not.
        Unauthenticated, Forbidden, NotFound: The one who asks may not, or not any more.
        AlreadyExists: The address is taken.
        QuotaExceeded: The owner has no room for it.
        Corrupt: The source is damaged.
        Unavailable: The disk is full.
    """
    with acting(hub, principal) as act:
        row = _begin(act, source, wanted)
    try:
        root = _share(hub, source, row)
        with acting(hub, principal) as act:
            return _end(act, source, row, root)
    except BaseException:
        _give_up(hub, row)
        raise


def _begin(act: Act, source: RepositoryRow, wanted: WantedFork) -> RepositoryRow:
    owner, name = future_owner(act, wanted.owner), repository_name(wanted.name)
    closed = is_closed(act.session, source)
    if closed and wanted.private is False:
        hint = "ask for a private fork, or say nothing of it"
        raise InvalidInput(f"not everybody may read {source.full_name}, so its fork is private", hint=hint)
    there = find(act.session, owner.name, name)
    if there is not None and (there.owner_id, there.key) == (owner.id, key_of(name)):
        raise AlreadyExists(f"there is a repository {owner.name}/{name} already", hint="choose another name")
    require_place(act.session, act.hub, owner)
    row = RepositoryRow(
        id=new_id(), owner_id=owner.id, owner=owner, name=name, key=key_of(name), kind=source.kind
    )
    row.private = closed if wanted.private is None else wanted.private
    row.archived, row.created, row.deleted_at = False, act.now, act.now + DAY
    act.session.add(row)
    act.session.flush()
    act.session.add(Fork(repository_id=row.id, source_id=source.id, closed=closed, ready=False))
    act.session.add(StoredBytes(repository_id=row.id, bytes=0, changed=act.now))
    return row


def _share(hub: Hub, source: RepositoryRow, row: RepositoryRow) -> Root:
    """Fill the storage of a fork; garbage collection of the source waits in the meantime."""
    folder = folder_of(hub, row)
    with translated(str(folder)):
        (folder / "locks").mkdir(parents=True, exist_ok=True)
    storage = storage_of(hub, row)
    with closing(open_repository(hub, source)) as there, closing(storage.backend) as here:
        with there.lock("writer", "fork").shared(None):
            plan = plan_fork(there)
            with charging(hub, row, plan.size):
                root = execute_fork(plan, there, here)
        here.write_new(FORMAT_KEY, storage.format)
    return root


def _end(act: Act, source: RepositoryRow, row: RepositoryRow, root: Root) -> RepositoryRow:
    session = act.session
    found = session.get(RepositoryRow, row.id, with_for_update={"of": RepositoryRow})
    current = session.get(RepositoryRow, source.id)
    live = current if current is not None and current.deleted_at is None else None
    current = require(session, act.actor, live, Role.READ, source.full_name)
    fork = session.get(Fork, row.id)
    if found is None or fork is None:
        raise Unavailable(f"the fork {row.full_name} was removed in the meantime", hint="try again")
    if is_closed(session, current):
        fork.closed = found.private = True
    require_place(session, act.hub, found.owner)
    fork.ready, found.deleted_at = True, None
    take_name(session, found, found.owner, found.name)
    add_default_rule(session, found)
    data = root.encode()
    session.add(RootRow(repository_id=found.id, digest=hash_bytes(data), value=data))
    details = {"source": current.full_name, "private": found.private}
    act.record("repository.fork", found.full_name, repository=found, **details)
    return found


def _give_up(hub: Hub, row: RepositoryRow) -> None:
    """Remove what was begun; what a stop here leaves is purged."""
    with hub.database.session() as session:
        fork, found = session.get(Fork, row.id), session.get(RepositoryRow, row.id)
        if found is None or fork is None or fork.ready:
            return
    remove_files(hub, row)
    with hub.database.session() as session:
        found = session.get(RepositoryRow, row.id)
        if found is not None:
            session.delete(found)


def is_closed(session: Session, row: RepositoryRow) -> bool:
    """Say whether not everybody may read a repository."""
    return row.private or session.get(Gate, row.id) is not None


def require_publishable(act: Act, row: RepositoryRow) -> None:
    """Let pass if a repository may become public: not a fork whose source not everybody may read.

    Raises:
        Forbidden: It is one, and the actor does not administer the source.
    """
    fork = act.session.get(Fork, row.id)
    if fork is None:
        return
    source = None if fork.source_id is None else act.session.get(RepositoryRow, fork.source_id)
    closed = fork.closed if source is None else is_closed(act.session, source)
    held = None if source is None else role_of(act.session, act.actor, source)
    if closed and held != Role.ADMIN and not act.actor.administers:
        hint = "ask an administrator of what it was forked from"
        raise Forbidden(f"{row.full_name} is a fork of what not everybody may read", hint=hint)


def source_of(session: Session, principal: Principal, row: RepositoryRow) -> RepositoryRow | None:
    """Return what a repository was forked from, if the one who asks may know of it."""
    fork = session.get(Fork, row.id)
    found = None if fork is None or fork.source_id is None else session.get(RepositoryRow, fork.source_id)
    if found is None or found.deleted_at is not None:
        return None
    try:
        return require_sight(session, principal, found, found.full_name)
    except NotFound:
        return None


def list_forks(
    session: Session, principal: Principal, row: RepositoryRow, after: str = ""
) -> Sequence[RepositoryRow]:
    """Return the forks of a repository that the one who asks may find, a page of them, by address."""
    query = select(RepositoryRow).join(RepositoryRow.owner).join(Fork, Fork.repository_id == RepositoryRow.id)
    query = only_visible(query.where(RepositoryRow.deleted_at.is_(None), Fork.source_id == row.id), principal)
    if after:
        place = [key_of(name) for name in after.split("/", 1)] + [""]
        query = query.where(tuple_(Account.key, RepositoryRow.key) > tuple_(place[0], place[1]))
    return session.scalars(query.order_by(Account.key, RepositoryRow.key).limit(PAGE)).all()
