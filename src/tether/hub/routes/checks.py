"""Routes of checks of commits."""

from typing import Annotated

from fastapi import APIRouter, Depends
from fastapi import Path as InPath

from tether.core.digest import Digest, parse_digest
from tether.hub.access import Role
from tether.hub.acting import acting
from tether.hub.pulls import checks
from tether.hub.routes import review_documents as doc
from tether.hub.routes.dependencies import OPEN, Hosted, repository_for
from tether.repo.history import History

router = APIRouter(prefix="/repos/{owner}/{name}/commits/{commit}/checks", tags=["checks"])
Readable = Annotated[Hosted, Depends(repository_for(Role.READ))]
Writable = Annotated[Hosted, Depends(repository_for(Role.WRITE))]
CommitPath = Annotated[str, InPath(pattern="^[0-9a-f]{64}$")]
CheckPath = Annotated[str, InPath(min_length=1, max_length=100)]


@router.get("", openapi_extra=OPEN)
def list_checks(found: Readable, commit: CommitPath) -> list[doc.CheckDocument]:
    """List what machines found of a commit, by name."""
    with found.hub.database.session(reads_only=True) as session:
        return [doc.CheckDocument.of(row) for row in checks.list_checks(session, found.row, commit)]


@router.put("/{check:path}")
def set_check(
    found: Writable, commit: CommitPath, check: CheckPath, body: doc.CheckBody
) -> doc.CheckDocument:
    """Tell what a machine found of a commit, in the place of what it told before."""
    digest = _require_commit(found, commit)
    with acting(found.hub, found.principal) as act:
        checks.set_check(act, found.row, digest, check, checks.WantedCheck(**body.model_dump()))
    with found.hub.database.session(reads_only=True) as session:
        rows = checks.list_checks(session, found.row, commit)
        return next(doc.CheckDocument.of(row) for row in rows if row.name == check)


def _require_commit(found: Hosted, commit: str) -> Digest:
    digest = parse_digest(commit)
    with found.open() as repository:
        History.of(repository).commit(digest)
    return digest
