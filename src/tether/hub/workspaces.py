"""Workspaces: made, found, shared and given up. What is staged in them: `tether.hub.staging`."""

from collections.abc import Sequence
from typing import NamedTuple

from sqlalchemy import Text, cast, delete, func, or_, select
from sqlalchemy.orm import Session

from tether.core.digest import Digest
from tether.core.names import BRANCHES, branch_ref, short_ref
from tether.errors import AlreadyExists, Conflict, Forbidden, InvalidInput, NotFound
from tether.hub.access import Principal, Role, require_user, role_of
from tether.hub.accounts import find_user
from tether.hub.acting import Act
from tether.hub.database.models import RepositoryRow
from tether.hub.database.rights import BRANCH
from tether.hub.database.workspaces import Workspace, WorkspaceEntry, WorkspaceMember
from tether.hub.hub import Hub
from tether.hub.secret import new_id
from tether.repo.root import Root

MOST = 100
"""Workspaces that somebody may have in one repository and has not committed."""
DAY = 86_400_000_000


class Asking(NamedTuple):
    """Somebody in a repository."""

    hub: Hub
    principal: Principal
    row: RepositoryRow


def create(act: Act, row: RepositoryRow, root: Root, branch: str, name: str = "") -> Workspace:
    """Make a workspace against a branch as it is now; without a name it is the default branch.

    Raises:
        InvalidInput: It cannot be a branch, or HEAD names none.
        NotFound: There is no such branch, and the repository is not empty.
        Conflict: The actor has too many workspaces here.
    """
    base = tip_of(root, branch)
    return _create(act, row, branch or default_branch(root), base, name)


def create_for_new(act: Act, row: RepositoryRow, root: Root, branch: str, start: str) -> Workspace:
    """Make a workspace whose commit is to make a branch; it begins where another branch is now.

    Raises:
        AlreadyExists: The branch that is to be made is there.
        InvalidInput, NotFound, Conflict: As for `create`, of both branches.
    """
    require_new(root, branch)
    return _create(act, row, branch, tip_of(root, start), "")


def _create(act: Act, row: RepositoryRow, branch: str, base: Digest | None, name: str) -> Workspace:
    user = require_user(act.actor)
    own = select(func.count()).select_from(Workspace)
    own = own.where(Workspace.repository_id == row.id, Workspace.account_id == user.id)
    own = own.where(Workspace.committed.is_(None))
    if (act.session.scalar(own) or 0) >= MOST:
        raise Conflict(f"{user.name} has {MOST} workspaces in {row.full_name}", hint="discard some")
    made = Workspace(id=new_id(), repository_id=row.id, branch=branch, name=name)
    made.base, made.version = None if base is None else base.hex(), 0
    made.created = made.changed = act.now
    made.account_id, made.account = user.id, act.session.merge(user, load=False)
    act.session.add(made)
    act.session.flush()
    act.record("workspace.create", f"{row.full_name} {made.id}", repository=row, branch=made.branch)
    return made


def require_new(root: Root, branch: str) -> str:
    """Return the ref of a branch that is to be made.

    Raises:
        InvalidInput: It cannot be a branch here.
        AlreadyExists: It is there.
    """
    ref = branch_ref(branch)
    if len(branch) > BRANCH:
        raise InvalidInput(f"the name of a branch has at most {BRANCH} characters here")
    if ref in root.refs:
        raise AlreadyExists(f"the branch {branch} is there already", hint="choose another name")
    return ref


def default_branch(root: Root) -> str:
    """Return the branch that HEAD names.

    Raises:
        InvalidInput: It names none.
    """
    if root.head.ref is None or not root.head.ref.startswith(BRANCHES):
        raise InvalidInput("the repository is on no branch", hint="name one")
    return short_ref(root.head.ref)


def tip_of(root: Root, branch: str) -> Digest | None:
    """Return where a branch is; None in an empty repository.

    Raises:
        InvalidInput: It cannot be a branch.
        NotFound: There is no such branch.
    """
    ref = branch_ref(branch or default_branch(root))
    tip = root.refs.get(ref)
    if tip is None and root.refs:
        raise NotFound(f"no branch {short_ref(ref)}", hint="make it with a push")
    return tip


def find(session: Session, asking: Asking, workspace_id: str, *, own: bool = False) -> Workspace:
    """Return a workspace for its owner and those who were let in.

    One that is not there, one that is over and one of somebody else are the same to who asks.

    Args:
        session: The transaction.
        asking: Who asks, and where.
        workspace_id: Of the workspace.
        own: Only its owner, and those who maintain the repository.

    Raises:
        Unauthenticated: Nobody is signed in.
        NotFound: There is none for who asks.
    """
    hub, principal, row = asking
    user = require_user(principal)
    plain = workspace_id.isascii() and workspace_id.isalnum()
    found = session.get(Workspace, workspace_id) if plain else None
    member = session.get(WorkspaceMember, (workspace_id if plain else "", user.id))
    role = role_of(session, principal, row)
    live = found is not None and found.repository_id == row.id and found.changed > _oldest(hub)
    if found is not None and live:
        mine = found.account_id == user.id
        if mine or (member is not None and not own) or (own and role is not None and role >= Role.MAINTAIN):
            return found
    raise NotFound(f"no workspace {workspace_id} for you in {row.full_name}")


def list_visible(session: Session, asking: Asking) -> Sequence[Workspace]:
    """Return the workspaces of a repository that somebody is in; of those who maintain it all, oldest first.

    Raises:
        Unauthenticated: Nobody is signed in.
    """
    hub, principal, row = asking
    user = require_user(principal)
    query = select(Workspace).where(Workspace.repository_id == row.id, Workspace.changed > _oldest(hub))
    role = role_of(session, principal, row)
    if role is None or role < Role.MAINTAIN:
        inside = select(WorkspaceMember.workspace_id).where(WorkspaceMember.account_id == user.id)
        query = query.where(or_(Workspace.account_id == user.id, Workspace.id.in_(inside)))
    return session.scalars(query.order_by(Workspace.created, Workspace.id)).all()


def members(session: Session, workspace: Workspace) -> list[str]:
    """Return the names of those who were let in."""
    query = select(WorkspaceMember).where(WorkspaceMember.workspace_id == workspace.id)
    return sorted(each.account.name for each in session.scalars(query))


def let_in(act: Act, row: RepositoryRow, workspace: Workspace, name: str) -> None:
    """Let somebody else who may write into a workspace.

    Raises:
        NotFound: There is no such user.
        Forbidden: They may not write here.
    """
    user = find_user(act.session, name)
    role = role_of(act.session, Principal(user, scope=act.actor.scope), row)
    if role is None or role < Role.WRITE:
        raise Forbidden(f"{name} may not write in {row.full_name}", hint="give them a role first")
    if user.id != workspace.account_id:
        act.session.merge(WorkspaceMember(workspace_id=workspace.id, account_id=user.id))
        act.record("workspace.share", f"{row.full_name} {workspace.id}", repository=row, user=user.name)


def shut_out(act: Act, row: RepositoryRow, workspace: Workspace, name: str) -> None:
    """Take somebody's access to a workspace away."""
    user = find_user(act.session, name)
    of_user = WorkspaceMember.account_id == user.id
    act.session.execute(delete(WorkspaceMember).where(WorkspaceMember.workspace_id == workspace.id, of_user))
    act.record("workspace.unshare", f"{row.full_name} {workspace.id}", repository=row, user=user.name)


def discard(act: Act, row: RepositoryRow, workspace: Workspace) -> None:
    """Give up a workspace with all that is staged; garbage collection frees the contents."""
    act.record("workspace.discard", f"{row.full_name} {workspace.id}", repository=row)
    remove(act.session, workspace)


def remove(session: Session, workspace: Workspace) -> None:
    """Delete the rows of a workspace."""
    for table in (WorkspaceEntry, WorkspaceMember):
        session.execute(delete(table).where(table.workspace_id == workspace.id))
    session.delete(workspace)


def remove_expired(hub: Hub) -> int:
    """Remove the workspaces in which nobody worked for long; return how many there were."""
    with hub.database.session() as session:
        old = session.scalars(select(Workspace).where(Workspace.changed <= _oldest(hub))).all()
        for each in old:
            remove(session, each)
        return len(old)


def is_staged(hub: Hub, row: RepositoryRow, pack: str) -> bool:
    """Say whether an entry of a workspace needs a pack, by its name in hexadecimal."""
    query = select(WorkspaceEntry.path).join(Workspace, Workspace.id == WorkspaceEntry.workspace_id)
    query = query.where(Workspace.repository_id == row.id, cast(WorkspaceEntry.packs, Text).contains(pack))
    with hub.database.session(reads_only=True) as session:
        return session.scalars(query.limit(1)).first() is not None


def expiry(hub: Hub, workspace: Workspace) -> int:
    """Return when a workspace ends if nobody works in it until then."""
    return workspace.changed + hub.settings.workspace_days * DAY


def _oldest(hub: Hub) -> int:
    return hub.now() - hub.settings.workspace_days * DAY
