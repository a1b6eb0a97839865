"""Repositories as hosted things: found by address, made, listed, changed, deleted and restored."""

import shutil
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, closing, contextmanager, nullcontext, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import ColumnElement, Select, String, bindparam, or_, select, tuple_, union_all
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from tether.errors import AlreadyExists, Corrupt, Forbidden, InvalidInput, NotFound, TetherError, Unavailable
from tether.hub.access import GRANTED, Principal, Scope, require_user
from tether.hub.accounts import ORGANISATION, find_account
from tether.hub.acting import Act
from tether.hub.database.jobs import ask_for, job_id
from tether.hub.database.locks import ServerLocks
from tether.hub.database.models import Account, Collaborator, Membership, Redirect, RepositoryRow
from tether.hub.database.pulls import ask_to_follow
from tether.hub.database.roots import Beside, Sessions, SqlRoot
from tether.hub.database.sharing import AccessRequest, Gate
from tether.hub.hub import Hub
from tether.hub.naming import key_of, repository_name
from tether.hub.placed import Placed
from tether.hub.quotas import require_place
from tether.hub.rules import add_default_rule
from tether.hub.search.words import checked_about, checked_topics
from tether.hub.search.writing import index_name
from tether.hub.secret import new_id
from tether.hub.traces.backends import Traced
from tether.repo.bucket import UNCHANGING
from tether.repo.repository import FORMAT_KEY, ROOT_ELSEWHERE, Repository, Storage
from tether.storage.backend import Backend
from tether.storage.local import LocalBackend
from tether.storage.locks import FolderLocks
from tether.storage.oserrors import translated
from tether.storage.readcache import Cached

if TYPE_CHECKING:
    from tether.storage.objectstore import ObjectBackend

KINDS = ("data", "model")
FACTS = "facts"
"""The job that each move of a root asks for."""
PAGE = 100


def find(session: Session, owner: str, name: str) -> RepositoryRow | None:
    """Return the repository at an address, also at one that it had before; None where there is none.

    Both are always looked for, by one question, so that the time tells nothing.
    """
    asked = {"owner": key_of(owner), "name": key_of(name)}
    found = session.scalars(_ADDRESSED, asked).all()
    current = (row for row in found if (row.owner.key, row.key) == (asked["owner"], asked["name"]))
    return next(current, found[0] if found else None)


def _addressed() -> Select[RepositoryRow]:
    owner, name = Account.key == bindparam("owner", type_=String), bindparam("name", type_=String)
    current = select(RepositoryRow.id).join(Account, RepositoryRow.owner_id == Account.id)
    earlier = select(Redirect.repository_id).join(Account, Redirect.owner_id == Account.id)
    ids = union_all(
        current.where(owner, RepositoryRow.key == name), earlier.where(owner, Redirect.key == name)
    )
    return select(RepositoryRow).where(RepositoryRow.id.in_(ids), RepositoryRow.deleted_at.is_(None))


_ADDRESSED = _addressed()
"""Made once: nearly every request asks these, and to put them together takes longer than to answer them."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """A repository that somebody asks for."""

    owner: str
    name: str
    private: bool = False
    kind: str = "data"
    about: str = ""
    topics: Sequence[str] = ()


def create(act: Act, wanted: Wanted) -> RepositoryRow:
    """Make an empty repository.

    Raises:
        InvalidInput: The name, the kind or what it is about is not allowed.
        Unauthenticated, Forbidden: The one who asks may not make one there.
        AlreadyExists: The name is taken.
        QuotaExceeded: The owner has as many as they may.
        Unavailable: The files could not be made.
    """
    owner = future_owner(act, wanted.owner)
    if wanted.kind not in KINDS:
        raise InvalidInput(f"no such kind: {wanted.kind!r}", hint=f"choose one of {', '.join(KINDS)}")
    require_place(act.session, act.hub, owner)
    row = RepositoryRow(
        id=new_id(),
        kind=wanted.kind,
        private=wanted.private,
        archived=False,
        created=act.now,
        about=checked_about(wanted.about),
        topics=checked_topics(wanted.topics),
    )
    take_name(act.session, row, owner, repository_name(wanted.name))
    act.record("repository.create", row.full_name, repository=row, private=row.private, kind=row.kind)
    add_default_rule(act.session, row)
    act.session.flush()
    index_name(act.session, row)
    _make_files(act, row)
    return row


def _make_files(act: Act, row: RepositoryRow) -> None:
    """Make the folder, and the root in the transaction of the row."""
    folder = folder_of(act.hub, row)

    def here(*, reads_only: bool = False) -> AbstractContextManager[Session]:
        return nullcontext(act.session)

    try:
        with translated(str(folder)):
            (folder / "locks").mkdir(parents=True, exist_ok=True)
        storage = storage_of(act.hub, row, here)
        storage.create()
        storage.backend.close()
    except TetherError as error:
        shutil.rmtree(folder, ignore_errors=True)
        hint = "tell the operator of the hub"
        raise Unavailable(f"the hub cannot make the files of {row.full_name}", hint=hint) from error


def future_owner(act: Act, name: str) -> Account:
    """Return an account in whose name the actor may make repositories.

    Raises:
        NotFound: There is none of that name.
        Unauthenticated, Forbidden: The actor may not.
    """
    account = find_account(act.session, name)
    if act.actor.administers:
        if account is None:
            raise NotFound(f"no account named {name}")
        return account
    user = require_user(act.actor, Scope.WRITE)
    if account is not None and account.id == user.id:
        return account
    if account is not None and account.kind == ORGANISATION:
        membership = act.session.get(Membership, (account.id, user.id))
        if membership is not None and membership.role == "owner":
            return account
    raise Forbidden(
        f"{user.name} cannot make repositories of {name}", hint=f"use the address {user.name}/NAME"
    )


def take_name(session: Session, row: RepositoryRow, owner: Account, name: str) -> None:
    """Write a row with a new address; an old address of another repository gives way.

    Raises:
        AlreadyExists: Another repository has the address.
    """
    address = f"{owner.name}/{name}"
    try:
        with session.begin_nested():
            row.owner_id, row.owner, row.name, row.key = owner.id, owner, name, key_of(name)
            session.add(row)
    except IntegrityError:
        raise AlreadyExists(f"there is a repository {address} already", hint="choose another name") from None
    redirect = session.get(Redirect, (owner.id, key_of(name)))
    if redirect is not None:
        session.delete(redirect)
        session.flush()


def list_visible(
    session: Session,
    principal: Principal,
    *,
    owner: str | None = None,
    after: str = "",
    limit: int = PAGE,
) -> Sequence[RepositoryRow]:
    """Return the repositories that somebody may know of, by address; at most `limit` behind `after`."""
    query = only_visible(_live(), principal)
    if owner is not None:
        query = query.where(Account.key == key_of(owner))
    return session.scalars(_paged(query, after, limit)).all()


def list_own(session: Session, user: Account, after: str = "") -> Sequence[RepositoryRow]:
    """Return the repositories that a user has to do with, by address; a page behind `after`."""
    query = _live().where(RepositoryRow.id.in_(ids_of(user)))
    return session.scalars(_paged(query, after, PAGE)).all()


def _live() -> Select[RepositoryRow]:
    return select(RepositoryRow).join(RepositoryRow.owner).where(RepositoryRow.deleted_at.is_(None))


def _paged(query: Select[RepositoryRow], after: str, limit: int) -> Select[RepositoryRow]:
    if after:
        place = [key_of(name) for name in after.split("/", 1)] + [""]
        query = query.where(tuple_(Account.key, RepositoryRow.key) > tuple_(place[0], place[1]))
    ordered = query.order_by(Account.key, RepositoryRow.key)
    return ordered.limit(max(1, min(limit, PAGE)))


def only_visible(query: Select[RepositoryRow], principal: Principal) -> Select[RepositoryRow]:
    """Return a query of those repositories alone that somebody may know of."""
    if principal.operator or (principal.user is not None and principal.user.admin):
        return query
    return query.where(or_(RepositoryRow.private.is_(False), *_readable(principal.user)))


def readable_ids(principal: Principal) -> Select[str]:
    """Return the ids of those whose contents somebody may read: as `access.role_of` says it of one."""
    query = select(RepositoryRow.id).where(RepositoryRow.deleted_at.is_(None))
    user = principal.user
    if principal.operator or (user is not None and user.admin):
        return query
    ungated: ColumnElement[bool] = RepositoryRow.id.not_in(select(Gate.repository_id))
    if user is not None:
        granted = select(AccessRequest.repository_id).where(
            AccessRequest.account_id == user.id, AccessRequest.state == GRANTED
        )
        ungated = or_(ungated, RepositoryRow.id.in_(granted))
    return query.where(or_(RepositoryRow.private.is_(False) & ungated, *_readable(user)))


def ids_of(user: Account) -> Select[str]:
    """Return the ids of what somebody has to do with: own, of their organisations, or given a role in."""
    mine = or_(*_readable(user))
    return select(RepositoryRow.id).where(RepositoryRow.deleted_at.is_(None), mine)


def _readable(user: Account | None) -> list[ColumnElement[bool]]:
    """Return what makes a private repository readable for a user."""
    if user is None:
        return []
    member = select(Membership.organisation_id).where(Membership.account_id == user.id)
    collaborator = select(Collaborator.repository_id).where(Collaborator.account_id == user.id)
    return [
        RepositoryRow.owner_id == user.id,
        RepositoryRow.owner_id.in_(member),
        RepositoryRow.id.in_(collaborator),
    ]


def folder_of(hub: Hub, row: RepositoryRow) -> Path:
    """Return the folder of a repository's objects and refs."""
    return hub.settings.repositories / row.id


def backend_of(hub: Hub, repository_id: str) -> Backend:
    """Return what keeps the packs of a repository: its folder, or the bucket of the hub.

    A repository that was made before the hub had a bucket stays in its folder.
    """
    if bucket_of(hub, repository_id) is None:
        return _traced(hub, LocalBackend(hub.settings.repositories / repository_id), "folder")
    assert hub.bucket is not None
    bucket = _traced(hub, placed(hub, hub.bucket, repository_id), "bucket")
    return Cached(bucket, UNCHANGING, hub.kept, repository_id)


def bucket_of(hub: Hub, repository_id: str) -> "ObjectBackend | None":
    """Return the part of the bucket in which a repository lies; None where it lies in its folder."""
    if hub.bucket is None or (hub.settings.repositories / repository_id / FORMAT_KEY).exists():
        return None
    return hub.bucket.below(repository_id)


def placed(hub: Hub, bucket: "ObjectBackend", repository_id: str) -> Placed:
    """Return what keeps the packs of a repository in the bucket of the hub."""
    return Placed(bucket, repository_id, hub.database, hub.now)


def _traced(hub: Hub, backend: Backend, storage: str) -> Backend:
    """Return a backend that tells of itself, if somebody hears; its threads work for who opened it."""
    return backend if hub.tracer.is_silent else Traced(backend, hub.tracer.below(), storage)


def storage_of(hub: Hub, row: RepositoryRow, sessions: Sessions | None = None) -> Storage:
    """Return where a repository is kept: its packs in a folder or a bucket, its root in the database.

    Args:
        hub: Has the repository.
        row: Of the repository.
        sessions: Runs the transactions of the root; None takes connections of the database.
    """
    folder = folder_of(hub, row)
    backend = backend_of(hub, row.id)
    features, facts = (ROOT_ELSEWHERE,), job_id(FACTS, row.id)

    def moved(session: Session) -> None:
        ask_for(session, facts, hub.now())
        ask_to_follow(session, row.id, hub.now())

    if hub.database.is_sqlite:
        roots = SqlRoot(sessions or hub.database.session, row.id, backend, moved)
        return Storage(backend, roots, FolderLocks(folder / "locks"), features)
    locks = ServerLocks(hub.database, row.id)
    return Storage(backend, SqlRoot(sessions or locks.sessions, row.id, backend, moved), locks, features)


def remove_files(hub: Hub, row: RepositoryRow) -> None:
    """Remove all that is kept of a repository outside of the database, for good; forks keep theirs."""
    folder = folder_of(hub, row)
    if hub.bucket is not None and not (folder / FORMAT_KEY).exists():
        placed(hub, hub.bucket, row.id).remove_all()
    while folder.exists():
        with suppress(FileNotFoundError):  # another hub removes the same files
            shutil.rmtree(folder)


def open_repository(hub: Hub, row: RepositoryRow, *, beside: Beside | None = None) -> Repository:
    """Open what a row stands for; close it after use.

    Args:
        hub: Has the repository.
        row: Of the repository.
        beside: Called in each transaction that moves the root.

    Raises:
        Corrupt: Its files are not there, though its row is.
    """
    storage = storage_of(hub, row)
    if beside is not None:
        assert isinstance(storage.roots, SqlRoot)
        storage.roots.beside = beside
    try:
        return Repository.open(folder_of(hub, row), clock=hub.clock, storage=storage)
    except NotFound as error:
        raise Corrupt(f"the hub has lost the files of {row.full_name}", hint="tell its operator") from error


@contextmanager
def reading(hub: Hub, row: RepositoryRow) -> Iterator[Repository]:
    """Give what a row stands for to a page, as it is now, in a block; errors as for `open_repository`.

    Where somebody hears what the hub does it is opened for this page alone, so that reads are told of it.
    """
    if not hub.tracer.is_silent:
        with closing(open_repository(hub, row)) as repository:
            yield repository.as_now()
        return
    with hub.opened.reading(row.id, hub.now(), lambda: open_repository(hub, row)) as repository:
        yield repository
