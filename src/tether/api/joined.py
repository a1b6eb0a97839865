"""What came of joining another line of work into this one, and where that is nothing, at once.

A pull that finds nothing new is frequent, and what a merge needs takes a fifth of its time to import.
"""

from typing import TYPE_CHECKING, NamedTuple

from tether.api.opened import Opened
from tether.api.working import branch_of, open_worktree
from tether.core.digest import Digest
from tether.worktree.journal import is_unfinished

if TYPE_CHECKING:
    from tether.repo.mergestate import ConflictRow


class MergeResult(NamedTuple):
    """What came of a merge, or of anything else that may end in conflicts."""

    id: Digest | None
    """The commit that is checked out now."""
    branch: str | None
    fast_forward: bool = False
    up_to_date: bool = False
    conflicts: "tuple[ConflictRow, ...]" = ()
    """What is left to decide."""
    files: int = 0
    """Files written or removed."""


def join(repo: Opened, ref: str) -> MergeResult:
    """Join a branch of a remote that was fetched into the current one; see `Repo.merge`."""
    return _is_joined(repo, ref) or _merge(repo, ref)


def _is_joined(repo: Opened, ref: str) -> MergeResult | None:
    """Return the result where the commit of a ref is checked out already, and nothing is half done."""
    root = repo.repository.root()
    head = root.head_commit()
    if head is None or root.refs.get(ref) != head or root.state is not None:
        return None
    if is_unfinished(open_worktree(repo)):
        return None
    return MergeResult(head, branch_of(root), up_to_date=True)


def _merge(repo: Opened, ref: str) -> MergeResult:
    from tether.api.merging import merge
    from tether.core.names import short_ref

    return merge(repo, short_ref(ref))
