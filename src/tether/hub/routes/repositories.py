"""Routes of repositories: make, list, look at, change, delete, restore, and who has which role."""

import json
from typing import Annotated

from fastapi import APIRouter, Depends, Query
from starlette.responses import Response

from tether.hub import audit, collaborators, facts, keeping, repositories
from tether.hub.access import Role, require
from tether.hub.acting import acting
from tether.hub.routes import documents as doc
from tether.hub.routes.dependencies import OPEN, Hosted, TheHub, ThePrincipal, repository_for

router = APIRouter(prefix="/repos", tags=["repositories"])
Found = Annotated[Hosted, Depends(repository_for(None))]
Readable = Annotated[Hosted, Depends(repository_for(Role.READ))]
Administered = Annotated[Hosted, Depends(repository_for(Role.ADMIN))]


@router.post("", status_code=201)
def create(hub: TheHub, principal: ThePrincipal, body: doc.NewRepository) -> doc.RepositoryDocument:
    """Make an empty repository."""
    with acting(hub, principal) as act:
        wanted = repositories.Wanted(**body.model_dump())
        return doc.RepositoryDocument.of(repositories.create(act, wanted))


@router.get("", openapi_extra=OPEN)
def list_repositories(
    hub: TheHub,
    principal: ThePrincipal,
    owner: str | None = None,
    after: str = "",
    limit: Annotated[int, Query(ge=1, le=repositories.PAGE)] = repositories.PAGE,
) -> list[doc.RepositoryDocument]:
    """List the repositories that one may read, by address; the next page is behind the last one's address."""
    with hub.database.session(reads_only=True) as session:
        rows = repositories.list_visible(session, principal, owner=owner, after=after, limit=limit)
        return [doc.RepositoryDocument.of(row) for row in rows]


@router.get("/{owner}/{name}", openapi_extra=OPEN)
def show(found: Found) -> doc.RepositoryDocument:
    """Describe one repository."""
    return doc.RepositoryDocument.of(found.row)


@router.get(
    "/{owner}/{name}/facts",
    response_class=Response,
    responses={200: {"model": doc.FactsDocument}},
    openapi_extra=OPEN,
)
def facts_of(found: Readable) -> Response:
    """Say how much there is, of which kinds, and what is largest, at the newest commit that was counted."""
    document = facts.shown(facts.known(found.hub, found.row))
    # Bytes of a name that are not UTF-8 are half characters here, which JSON can say in ASCII only.
    return Response(json.dumps(document), media_type="application/json")


@router.patch("/{owner}/{name}")
def change(found: Administered, body: doc.RepositoryChanges) -> doc.RepositoryDocument:
    """Give it another address, make it public or private, archive it or take it back."""
    with acting(found.hub, found.principal) as act:
        wanted = keeping.Changes(**body.model_dump())
        return doc.RepositoryDocument.of(keeping.change(act, found.row, wanted))


@router.delete("/{owner}/{name}")
def delete(found: Administered) -> doc.RepositoryDocument:
    """Delete it; it can be restored for some time."""
    with acting(found.hub, found.principal) as act:
        return doc.RepositoryDocument.of(keeping.delete(act, found.row))


@router.post("/{owner}/{name}/restore")
def restore(hub: TheHub, principal: ThePrincipal, owner: str, name: str) -> doc.RepositoryDocument:
    """Bring back the repository that was deleted last at this address."""
    with acting(hub, principal) as act:
        row = keeping.find_deleted(act.session, owner, name, keeping.grace_start(hub))
        row = require(act.session, principal, row, Role.ADMIN, f"{owner}/{name}")
        return doc.RepositoryDocument.of(keeping.restore(act, row))


@router.get("/{owner}/{name}/collaborators")
def list_collaborators(found: Administered) -> list[doc.Collaborator]:
    """List the users who were given a role here."""
    with found.hub.database.session(reads_only=True) as session:
        rows = collaborators.list_collaborators(session, found.row)
        return [doc.Collaborator.of(user, role) for user, role in rows]


@router.put("/{owner}/{name}/collaborators/{user}", status_code=204)
def set_collaborator(found: Administered, user: str, body: doc.RoleChange) -> None:
    """Give a user a role here."""
    with acting(found.hub, found.principal) as act:
        collaborators.set_collaborator(act, found.row, user, Role[body.role.upper()])


@router.delete("/{owner}/{name}/collaborators/{user}", status_code=204)
def remove_collaborator(found: Administered, user: str) -> None:
    """Take a user's role here away."""
    with acting(found.hub, found.principal) as act:
        collaborators.remove_collaborator(act, found.row, user)


@router.get("/{owner}/{name}/audit")
def read_audit(
    found: Administered,
    before: doc.Serial | None = None,
    limit: Annotated[int, Query(ge=1, le=audit.LIMIT)] = 100,
) -> list[doc.AuditDocument]:
    """Read what was changed of this repository, the newest first."""
    with found.hub.database.session(reads_only=True) as session:
        rows = audit.entries(session, repository_id=found.row.id, before=before, limit=limit)
        return [doc.AuditDocument.of(row) for row in rows]
