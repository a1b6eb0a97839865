"""Routes of pull requests: opened, looked at, resolved, merged."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query
from starlette.responses import JSONResponse, Response

from tether.core.digest import parse_digest
from tether.core.names import path_bytes
from tether.hub.access import Role
from tether.hub.database.pulls import Pull
from tether.hub.pulls import changes, merging, opening, resolving
from tether.hub.pulls.heads import find_pull, glance, tip
from tether.hub.pulls.requirements import lacking
from tether.hub.pulls.trials import tried
from tether.hub.routes import pull_documents as doc
from tether.hub.routes.dependencies import OPEN, Hosted, repository_for

router = APIRouter(prefix="/repos/{owner}/{name}/pulls", tags=["pulls"])
Readable = Annotated[Hosted, Depends(repository_for(Role.READ))]
Writable = Annotated[Hosted, Depends(repository_for(Role.WRITE))]
PAGE = 1000
Limit = Annotated[int, Query(ge=1, le=PAGE)]
FewLimit = Annotated[int, Query(ge=1, le=100)]
Path = Annotated[str, Query(max_length=10_000)]
_REFUSED: dict[int | str, dict[str, Any]] = {409: {"model": doc.RefusedDocument}}


@router.post("", status_code=201)
def open_pull(found: Readable, body: doc.NewPull) -> doc.PullDocument:
    """Ask for a branch to be merged; who brings one of a fork must be able to write there."""
    wanted = opening.WantedPull(**body.model_dump())
    return _shown(found, opening.open_pull(found.hub, found.principal, found.row, wanted))


@router.get("", openapi_extra=OPEN)
def list_pulls(found: Readable, asked: Annotated[doc.AskedPulls, Query()]) -> list[doc.PullDocument]:
    """List pull requests, the newest first; the next page is before the last number."""
    wanted = opening.AskedPulls(**asked.model_dump(exclude={"limit"}))
    with found.hub.database.session(reads_only=True) as session:
        rows = opening.list_pulls(session, found.row, wanted, asked.limit)
        return [doc.PullDocument.of(each) for each in opening.shown(session, found.row, rows)]


@router.get("/{number}", openapi_extra=OPEN)
def show(found: Readable, number: int) -> doc.PullDocument:
    """Show a pull request, of the newest commits of its branches."""
    glance(found.hub, found.row, number)
    return _shown(found, number)


@router.patch("/{number}")
def change(found: Readable, number: int, body: doc.PullChangesBody) -> doc.PullDocument:
    """Change what it says, who is asked to review, whether it is a draft; close or reopen it."""
    wanted = opening.PullChanges(**body.model_dump())
    opening.change_pull(found.hub, found.principal, found.row, number, wanted)
    return _shown(found, number)


@router.get("/{number}/mergeability", openapi_extra=OPEN)
def mergeability(found: Readable, number: int) -> doc.MergeabilityDocument:
    """Say whether it can be merged: conflicts, and what is lacking; tried once for each pair of commits."""
    glance(found.hub, found.row, number)
    with found.open() as repository:
        with found.hub.database.session(reads_only=True) as session:
            pull = find_pull(session, found.row, number)
            default = merging.default_of(repository.root())
            lacks = lacking(session, found.row, pull, found.principal, default)
        into = tip(repository, pull.target_branch) if pull.conversation.state == "open" else None
        trial = None
        if into is not None:
            trial = tried(found.hub, found.row, repository, into, parse_digest(pull.head))
    return doc.MergeabilityDocument.of(pull, trial, lacks)


@router.post("/{number}/merge", response_model=doc.MergedDocument, responses=_REFUSED)
def merge(found: Writable, number: int, body: doc.MergeBody) -> Response:
    """Merge the head that was looked at; asked again, it answers with the same commit."""
    wanted = merging.WantedMerge(**body.model_dump())
    merged = merging.merge(found.hub, found.principal, found.row, number, wanted)
    if merged.commit is None:
        return JSONResponse(doc.RefusedDocument.of(merged).model_dump(), 409)
    return JSONResponse({"commit": merged.commit, "branch_deleted": merged.deleted})


@router.post("/{number}/resolve", response_model=doc.HeadDocument, responses=_REFUSED)
def resolve(found: Readable, number: int, body: doc.ResolveBody) -> Response:
    """Merge the target into the branch, with what is to be at paths in conflict; for who may push to it."""
    choices = {each.path: each.choice() for each in body.choices}
    wanted = resolving.WantedJoin(body.head, body.target, choices, body.message)
    resolved = resolving.resolve(found.hub, found.principal, found.row, number, wanted)
    if resolved.commit is None:
        refused = doc.RefusedDocument.of_conflicts(resolved.left[:PAGE], len(resolved.left))
        return JSONResponse(refused.model_dump(), 409)
    return JSONResponse({"head": resolved.commit})


@router.get("/{number}/changes", openapi_extra=OPEN)
def list_level(
    found: Readable, number: int, path: Path = "", after: Path = "", limit: FewLimit = 100
) -> doc.LevelDocument:
    """Sum up what it changes in a folder, with counts; the next page is behind the last name."""
    folder = path_bytes(path.strip("/"))
    with found.open() as repository:
        trees = changes.Trees.of(repository, _pull(found, number))
        counts, entries = changes.list_level(trees, folder, path_bytes(after), limit)
    listed = [doc.ChangedDocument.of(each) for each in entries]
    return doc.LevelDocument(path=path, counts=doc.CountsDocument.of(counts), entries=listed)


@router.get("/{number}/files", openapi_extra=OPEN)
def list_files(
    found: Readable, number: int, path: Path = "", after: Path = "", limit: Limit = PAGE
) -> list[doc.FileChangeDocument]:
    """List the paths that it changes, at and below one; the next page is behind the last path."""
    folder = path_bytes(path.strip("/"))
    with found.open() as repository:
        trees = changes.Trees.of(repository, _pull(found, number))
        return [doc.FileChangeDocument.of(each) for each in changes.list_files(trees, folder, after, limit)]


@router.get("/{number}/commits", openapi_extra=OPEN)
def list_commits(found: Readable, number: int, limit: Limit = 100) -> list[doc.PullCommitDocument]:
    """List the commits that it brings, the newest first."""
    with found.open() as repository:
        pull = _pull(found, number)
        rows = changes.list_commits(repository, pull, limit)
        return [doc.PullCommitDocument.of(digest.hex(), commit) for digest, commit in rows]


def _pull(found: Hosted, number: int) -> Pull:
    with found.hub.database.session(reads_only=True) as session:
        return find_pull(session, found.row, number)


def _shown(found: Hosted, number: int) -> doc.PullDocument:
    with found.hub.database.session(reads_only=True) as session:
        pull = find_pull(session, found.row, number)
        [shown] = opening.shown(session, found.row, [pull])
    return doc.PullDocument.of(shown)
