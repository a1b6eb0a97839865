"""Locks of files: while somebody holds one, pushes of others leave the path as it is."""

from collections.abc import Sequence
from typing import NamedTuple

from sqlalchemy import select
from sqlalchemy.orm import Session

from tether.core.names import branch_ref
from tether.errors import Conflict, Forbidden, NotFound
from tether.hub.access import Principal, Role, require_user, role_of
from tether.hub.acting import Act
from tether.hub.branchrules import tree_path
from tether.hub.database.models import RepositoryRow
from tether.hub.database.rights import FileLock, hold_rights
from tether.hub.secret import new_id

MOST = 1000
"""Locks of one repository: each push looks at all of them."""


def list_locks(session: Session, row: RepositoryRow) -> Sequence[FileLock]:
    """Return the locks of a repository by path."""
    query = select(FileLock).where(FileLock.repository_id == row.id)
    return session.scalars(query.order_by(FileLock.path, FileLock.branch)).all()


def lock(act: Act, row: RepositoryRow, path: str, branch: str) -> FileLock:
    """Lock a file or folder for the actor, who may write, on one branch or with an empty name on all.

    One that the actor holds already is returned as it is.

    Raises:
        InvalidInput: Path or branch cannot be there.
        Unauthenticated: Nobody is signed in.
        Conflict: Somebody else has locked it, something below it, or a folder that it is in; or there are
            too many locks.
    """
    tree_path(path)
    if branch:
        branch_ref(branch)
    user = require_user(act.actor)
    hold_rights(act.session, row.id)
    there = list_locks(act.session, row)
    for each in there:
        if each.account_id != user.id and _meet(each, path, branch):
            hint = f"ask {each.account.name} to unlock it, or a maintainer to take the lock away"
            raise Conflict(f"{each.account.name} has locked {_shown(each)}", hint=hint)
        if each.account_id == user.id and (each.path, each.branch) == (path, branch):
            return each
    if len(there) >= MOST:
        raise Conflict(f"{row.full_name} has {MOST} locks already", hint="unlock what nobody works on")
    made = FileLock(id=new_id(), repository_id=row.id, path=path, branch=branch, created=act.now)
    made.account_id, made.account = user.id, act.session.merge(user, load=False)
    act.session.add(made)
    act.session.flush()
    act.record("lock.create", f"{row.full_name} {path}", repository=row, branch=branch or None)
    return made


def unlock(act: Act, row: RepositoryRow, lock_id: str, *, force: bool) -> FileLock:
    """Give a lock back, or take one of somebody else away.

    Raises:
        NotFound: There is no such lock.
        Forbidden: It is somebody else's, and the actor does not maintain the repository.
        Conflict: It is somebody else's, and `force` is not given.
    """
    found = act.session.get(FileLock, lock_id) if lock_id.isascii() and lock_id.isalnum() else None
    if found is None or found.repository_id != row.id:
        raise NotFound(f"no lock {lock_id} in {row.full_name}")
    if found.account_id != require_user(act.actor).id:
        held = f"{found.account.name} has locked {_shown(found)}"
        role = role_of(act.session, act.actor, row)
        if role is None or role < Role.MAINTAIN:
            raise Forbidden(held, hint=f"ask {found.account.name}, or a maintainer of {row.full_name}")
        if not force:
            raise Conflict(held, hint="to take the lock away, add ?force=true")
    act.session.delete(found)
    details = {"user": found.account.name, "branch": found.branch or None}
    act.record("lock.delete", f"{row.full_name} {found.path}", repository=row, **details)
    return found


class Held(NamedTuple):
    """A lock as pushes of others meet it."""

    id: str
    path: str
    branch: str
    holder: str


def locks_of_others(session: Session, row: RepositoryRow, principal: Principal) -> list[Held]:
    """Return the locks that somebody must respect."""
    own = principal.user.id if principal.user is not None else None
    there = (each for each in list_locks(session, row) if each.account_id != own)
    return [Held(each.id, each.path, each.branch, each.account.name) for each in there]


def covering(locks: Sequence[Held], path: bytes) -> Held:
    """Return the lock that is on a path, which is at or below one of them."""
    return next(each for each in locks if _within(path.decode(errors="surrogateescape"), each.path))


def _meet(held: FileLock, path: str, branch: str) -> bool:
    """Say whether a lock and another path on a branch have a file in common."""
    if held.branch and branch and held.branch != branch:
        return False
    return _within(path, held.path) or _within(held.path, path)


def _within(path: str, folder: str) -> bool:
    return path == folder or path.startswith(f"{folder}/")


def _shown(each: FileLock) -> str:
    return f"{each.path} on {each.branch}" if each.branch else each.path
