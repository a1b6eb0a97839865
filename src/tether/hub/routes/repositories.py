"""Routes of repositories: make, list, look at."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query

from tether.hub import repositories
from tether.hub.access import Role
from tether.hub.acting import acting
from tether.hub.routes.dependencies import Hosted, TheHub, ThePrincipal, repository_for
from tether.hub.routes.documents import NewRepository, RepositoryDocument

router = APIRouter(prefix="/repos", tags=["repositories"])
Readable = Annotated[Hosted, Depends(repository_for(Role.READ))]


@router.post("", status_code=201)
def create(hub: TheHub, principal: ThePrincipal, wanted: NewRepository) -> RepositoryDocument:
    """Make an empty repository."""
    with acting(hub, principal) as act:
        return RepositoryDocument.of(repositories.create(act, repositories.Wanted(**wanted.model_dump())))


@router.get("")
def list_repositories(
    hub: TheHub,
    principal: ThePrincipal,
    owner: str | None = None,
    after: str = "",
    limit: Annotated[int, Query(ge=1, le=repositories.PAGE)] = repositories.PAGE,
) -> list[RepositoryDocument]:
    """List the repositories that one may read, by address; the next page is behind the last one's address."""
    with hub.database.session(reads_only=True) as session:
        rows = repositories.list_visible(session, principal, owner=owner, after=after, limit=limit)
        return [RepositoryDocument.of(row) for row in rows]


@router.get("/{owner}/{name}")
def show(found: Readable) -> RepositoryDocument:
    """Describe one repository."""
    return RepositoryDocument.of(found.row)
