"""One change of few paths that becomes a commit at once, as people make it on a page.

It is a workspace that lives for one request, so its checks are those of workspaces and of pushes.
"""

from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass

from tether.core.digest import Digest
from tether.core.identity import Person
from tether.core.names import display
from tether.core.treeread import find
from tether.errors import Conflict, InvalidInput, TetherError
from tether.hub import workspaces
from tether.hub.acting import Act, acting
from tether.hub.branchrules import tree_path
from tether.hub.committing import commit
from tether.hub.database.models import RepositoryRow
from tether.hub.database.rights import PATH
from tether.hub.database.workspaces import Workspace
from tether.hub.guarding import PushGuard, StagedChanges
from tether.hub.repositories import open_repository
from tether.hub.staging import Staging, base_tree
from tether.hub.workspaces import Asking, default_branch
from tether.repo.root import Root

LONGEST_MESSAGE = 100_000
"""Characters of a message; as for programs."""


@dataclass(frozen=True, slots=True)
class Change:
    """What somebody wants to do at once.

    Attributes:
        branch: Where they looked.
        new_branch: Made for the commit; None where it goes to `branch`.
        path: What they looked at.
        seen: The digest of what was there; None for nothing.
        message: Why.
    """

    branch: str
    new_branch: str | None
    path: bytes
    seen: Digest | None
    message: str


def change_at_once(asking: Asking, change: Change, stage: Callable[[Staging], None]) -> Digest:
    """Stage a change and commit it; nothing is left behind where that fails.

    Args:
        asking: Who does it, and where.
        change: What is wanted.
        stage: Puts, removes and renames.

    Returns:
        The commit.

    Raises:
        Conflict: Somebody else has changed the path since it was looked at, or locked it.
        InvalidInput, AlreadyExists, NotFound: It cannot be done like this.
        Forbidden, QuotaExceeded, Unavailable: As for a push.
    """
    hub, principal, row = asking
    require_message(change.message)
    with closing(open_repository(hub, row)) as repository:
        root = repository.root()
    with acting(hub, principal) as act:
        made = begin(act, row, root, change.branch, change.new_branch).id
    staging = Staging(hub, principal, row, made)
    try:
        _require_seen(staging, change)
        stage(staging)
        outcome = commit(staging, change.message, Person(principal.name, ""), change.new_branch)
        if outcome.commit is None:
            raise changed(outcome.conflicts[0].path)
        return outcome.commit
    finally:
        with hub.database.session() as session:
            left = session.get(Workspace, made)
            if left is not None:
                workspaces.remove(session, left)


def begin(act: Act, row: RepositoryRow, root: Root, branch: str, new_branch: str | None) -> Workspace:
    """Make a workspace for a branch, or for a new one that begins there; errors as for both."""
    if new_branch is None:
        return workspaces.create(act, row, root, branch)
    return workspaces.create_for_new(act, row, root, new_branch, branch)


def why_refused(asking: Asking, branch: str, path: bytes) -> TetherError | None:
    """Return why somebody may not change a path of a branch by a push; None where nothing is against it.

    What counts is the answer at the commit; this one saves people from writing in vain.
    """
    hub, principal, row = asking
    with closing(open_repository(hub, row)) as repository:
        root = repository.root()
    head = default_branch(root) if root.head.ref else None
    try:
        PushGuard(hub, principal, row).check_staged(StagedChanges(branch, head, [path] if path else []))
    except TetherError as error:
        return error
    return None


def stageable(path: bytes) -> str:
    """Return a path as workspaces take it.

    Raises:
        InvalidInput: They cannot hold it: it is no UTF-8, does not print, or is too long.
    """
    hint = "change it in a clone, and push"
    try:
        text = path.decode()
        tree_path(text)
    except (UnicodeDecodeError, InvalidInput) as error:
        raise InvalidInput(f"{display(path)} cannot be changed on a page: {_why(error)}", hint=hint) from None
    if len(text) > PATH:
        raise InvalidInput(f"a path here has at most {PATH} characters", hint=hint)
    return text


def changed(path: bytes) -> Conflict:
    """Return the failure for what somebody else has changed meanwhile."""
    hint = "look at it as it is now, and make your change there"
    return Conflict(f"{display(path)} has changed since you opened it", hint=hint)


def require_message(message: str) -> None:
    """Refuse a message that is none, or too long, before anything is done.

    Raises:
        InvalidInput: It is one of those.
    """
    if not message.strip() or len(message) > LONGEST_MESSAGE:
        raise InvalidInput("say in some words why", hint=f"at most {LONGEST_MESSAGE} characters")


def _why(error: Exception) -> str:
    return "its name is not UTF-8" if isinstance(error, UnicodeDecodeError) else str(error)


def _require_seen(staging: Staging, change: Change) -> None:
    """Make sure that the base has at the path what was seen: the rest is for the merge at the commit."""
    opened = closing(open_repository(staging.hub, staging.row))
    with opened as repository, staging.hub.database.session(reads_only=True) as session:
        entry = find(repository.objects, base_tree(repository, staging.open(session)), change.path)
    if (None if entry is None else entry.digest) != change.seen:
        raise changed(change.path)
