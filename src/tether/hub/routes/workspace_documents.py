"""The JSON bodies of workspaces; see `tether.hub.routes.documents`."""

from typing import Annotated, Any

from pydantic import Field

from tether.core.names import display
from tether.core.tree import Entry
from tether.core.treediff import TreeChange
from tether.core.treemerge import MergeConflict
from tether.hub.database.workspaces import Workspace
from tether.hub.routes.documents import Document
from tether.hub.routes.rights_documents import BranchPattern, FilePath


class NewWorkspace(Document):
    """A wish for a workspace; without a branch it is against the default branch."""

    branch: BranchPattern | None = None
    name: Annotated[str, Field(max_length=100)] = ""


class WorkspaceDocument(Document):
    """A workspace: against which commit of which branch, whose, and until when.

    `commit` is the commit that it became. Times are microseconds since 1970.
    """

    id: str
    name: str
    branch: str
    base: str | None
    user: str
    members: list[str]
    created: int
    changed: int
    expires: int
    commit: str | None

    @classmethod
    def of(cls, row: Workspace, members: list[str], expires: int) -> "WorkspaceDocument":
        """Return the document of a row."""
        return cls(
            id=row.id,
            name=row.name,
            branch=row.branch,
            base=row.base,
            user=row.account.name,
            members=members,
            created=row.created,
            changed=row.changed,
            expires=expires,
            commit=row.committed,
        )


class StagedDocument(Document):
    """A file that was staged: what came, so that the sender can compare."""

    path: str
    size: int
    digest: str


class RenameBody(Document):
    """A file or folder that gets another path."""

    path: FilePath
    target: FilePath


class CommitBody(Document):
    """Why, and who it is by; without an author it is the user."""

    message: Annotated[str, Field(min_length=1, max_length=100_000)]
    author: Annotated[str, Field(min_length=1, max_length=200)] | None = None
    email: Annotated[str, Field(max_length=200)] = ""


class SideDocument(Document):
    """What one side has at a path."""

    kind: str
    size: int
    digest: str


class ChangeDocument(Document):
    """A path that differs: `added`, `changed` or `removed`."""

    path: str
    change: str
    old: SideDocument | None
    new: SideDocument | None

    @classmethod
    def of(cls, change: TreeChange) -> "ChangeDocument":
        """Return the document of a change."""
        word = "added" if change.old is None else "removed" if change.new is None else "changed"
        return cls(path=display(change.path), change=word, old=_side(change.old), new=_side(change.new))


class ConflictDocument(Document):
    """A path that the branch and the workspace changed in different ways since the base."""

    path: str
    reason: str
    base: SideDocument | None
    branch: SideDocument | None
    workspace: SideDocument | None

    @classmethod
    def of(cls, conflict: MergeConflict) -> "ConflictDocument":
        """Return the document of a conflict."""
        sides: dict[str, Any] = {
            "base": _side(conflict.base),
            "branch": _side(conflict.ours),
            "workspace": _side(conflict.theirs),
        }
        return cls(path=display(conflict.path), reason=conflict.reason, **sides)


class CommitDocument(Document):
    """The commit that the branch is at, or the workspace is against, now; null in an empty repository."""

    commit: str | None


def _side(entry: Entry | None) -> SideDocument | None:
    if entry is None:
        return None
    return SideDocument(kind=entry.kind.name.lower(), size=entry.size, digest=entry.digest.hex())
