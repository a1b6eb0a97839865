"""Routes of workspaces: files are staged on the hub against a branch, and committed or discarded."""

from typing import Annotated, NamedTuple

from fastapi import APIRouter, Depends, Query, Request
from sqlalchemy.orm import Session
from starlette.responses import JSONResponse, Response

from tether.core.digest import Digest, parse_digest
from tether.core.identity import Person
from tether.errors import Conflict
from tether.hub import committing, workspaces
from tether.hub.access import Role
from tether.hub.acting import acting
from tether.hub.database.workspaces import Workspace
from tether.hub.routes import workspace_documents as doc
from tether.hub.routes.bodies import upload
from tether.hub.routes.dependencies import TAKES, Hosted, repository_for
from tether.hub.staging import Staging
from tether.hub.storing import Stored
from tether.repo.streams import ReadInto

router = APIRouter(prefix="/repos/{owner}/{name}/workspaces", tags=["workspaces"])
Readable = Annotated[Hosted, Depends(repository_for(Role.READ))]
Writable = Annotated[Hosted, Depends(repository_for(Role.WRITE))]
PAGE = 1000
Limit = Annotated[int, Query(ge=1, le=10_000)]


@router.post("", status_code=201)
def create(found: Writable, body: doc.NewWorkspace) -> doc.WorkspaceDocument:
    """Make a workspace against a branch as it is now."""
    with found.open() as repository:
        root = repository.root()
    with acting(found.hub, found.principal) as act:
        made = workspaces.create(act, found.row, root, body.branch or "", body.name)
        return doc.WorkspaceDocument.of(made, [], workspaces.expiry(found.hub, made))


@router.get("")
def list_workspaces(found: Readable) -> list[doc.WorkspaceDocument]:
    """List the workspaces that one is in, oldest first; those who maintain the repository see all."""
    with found.hub.database.session(reads_only=True) as session:
        rows = workspaces.list_visible(session, _asking(found))
        return [
            doc.WorkspaceDocument.of(row, workspaces.members(session, row), workspaces.expiry(found.hub, row))
            for row in rows
        ]


@router.get("/{workspace}")
def show(found: Readable, workspace: str) -> doc.WorkspaceDocument:
    """Show one workspace."""
    with found.hub.database.session(reads_only=True) as session:
        row = workspaces.find(session, _asking(found), workspace)
        names = workspaces.members(session, row)
        return doc.WorkspaceDocument.of(row, names, workspaces.expiry(found.hub, row))


@router.delete("/{workspace}", status_code=204)
def discard(found: Readable, workspace: str) -> None:
    """Give a workspace up with all that is staged; for its owner and those who maintain the repository."""
    with acting(found.hub, found.principal) as act:
        workspaces.discard(act, found.row, _own(found, act.session, workspace))


@router.put("/{workspace}/members/{user}", status_code=204)
def let_in(found: Writable, workspace: str, user: str) -> None:
    """Let somebody else who may write work in a workspace."""
    with acting(found.hub, found.principal) as act:
        workspaces.let_in(act, found.row, _own(found, act.session, workspace), user)


@router.delete("/{workspace}/members/{user}", status_code=204)
def shut_out(found: Readable, workspace: str, user: str) -> None:
    """Take that away."""
    with acting(found.hub, found.principal) as act:
        workspaces.shut_out(act, found.row, _own(found, act.session, workspace), user)


class _Wanted(NamedTuple):
    executable: bool
    digest: Digest | None


def _wanted_of(executable: bool = False, digest: str | None = None) -> _Wanted:
    """Return what is said of a file beside its contents."""
    return _Wanted(executable, None if digest is None else parse_digest(digest))


@router.put("/{workspace}/files/{path:path}", openapi_extra=TAKES)
async def put(
    found: Writable,
    request: Request,
    workspace: str,
    path: str,
    wanted: Annotated[_Wanted, Depends(_wanted_of)],
) -> doc.StagedDocument:
    """Stage a file: the body is its contents, of any length; `digest` is what they must be."""
    staging = _staging(found, workspace)

    def work(read_into: ReadInto) -> Stored:
        return staging.put(path, read_into, executable=wanted.executable, digest=wanted.digest)

    stored = await upload(request, work)
    return doc.StagedDocument(path=path, size=stored.size, digest=stored.digest.hex())


@router.delete("/{workspace}/files/{path:path}", status_code=204)
def remove(found: Writable, workspace: str, path: str) -> None:
    """Stage that a file or folder goes."""
    _staging(found, workspace).remove(path)


@router.post("/{workspace}/rename", status_code=204)
def rename(found: Writable, workspace: str, body: doc.RenameBody) -> None:
    """Stage that a file or folder gets another path."""
    _staging(found, workspace).rename(body.path, body.target)


@router.get("/{workspace}/diff")
def diff(found: Readable, workspace: str, after: str = "", limit: Limit = PAGE) -> list[doc.ChangeDocument]:
    """List what a workspace changes in its base, by path; the next page is behind the last path."""
    changes = _staging(found, workspace).changes(after, limit)
    return [doc.ChangeDocument.of(change) for change in changes]


@router.get("/{workspace}/conflicts")
def conflicts(found: Readable, workspace: str) -> list[doc.ConflictDocument]:
    """List what both the workspace and the branch have changed since the base."""
    return [doc.ConflictDocument.of(each) for each in committing.conflicts_of(_staging(found, workspace))]


@router.post("/{workspace}/update", response_model=doc.CommitDocument)
def update(found: Writable, workspace: str) -> Response:
    """Let the workspace be against the branch as it is now."""
    return _answer(committing.update(_staging(found, workspace)))


@router.post("/{workspace}/commit", response_model=doc.CommitDocument)
def commit(found: Writable, workspace: str, body: doc.CommitBody) -> Response:
    """Commit on top of what the branch is now; asked again, it answers with the same commit."""
    author = Person(body.author or found.principal.name, body.email)
    return _answer(committing.commit(_staging(found, workspace), body.message, author))


def _staging(found: Hosted, workspace: str) -> Staging:
    return Staging(found.hub, found.principal, found.row, workspace)


def _asking(found: Hosted) -> workspaces.Asking:
    return workspaces.Asking(found.hub, found.principal, found.row)


def _own(found: Hosted, session: Session, workspace: str) -> Workspace:
    return workspaces.find(session, _asking(found), workspace, own=True)


def _answer(outcome: committing.Outcome) -> Response:
    """Answer with the commit, or with 409 and what is in conflict."""
    if not outcome.conflicts:
        return JSONResponse({"commit": None if outcome.commit is None else outcome.commit.hex()})
    listed = [doc.ConflictDocument.of(each).model_dump() for each in outcome.conflicts]
    told = f"the branch has changed {listed[0]['path']} too"
    if len(listed) > 1:
        told += f", and {len(listed) - 1} more"
    error = {"code": Conflict.code, "message": told, "hint": "look at the conflicts, and stage what is right"}
    return JSONResponse({"error": error, "conflicts": listed}, 409)
