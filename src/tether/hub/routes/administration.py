"""Routes for administrators of the hub: users, invitations, the audit log."""

from typing import Annotated

from fastapi import APIRouter, Query

from tether.hub import accounts, audit, signin
from tether.hub.access import require_administrator
from tether.hub.acting import acting
from tether.hub.routes import documents as doc
from tether.hub.routes.dependencies import TheHub, ThePrincipal

router = APIRouter(tags=["administration"])


@router.get("/users")
def list_users(hub: TheHub, principal: ThePrincipal, after: str = "") -> list[doc.UserDocument]:
    """List users by name, a page behind the name `after`."""
    require_administrator(principal)
    with hub.database.session(reads_only=True) as session:
        return [doc.UserDocument.of(row) for row in accounts.list_users(session, after)]


@router.patch("/users/{name}")
def change_user(hub: TheHub, principal: ThePrincipal, name: str, body: doc.UserChanges) -> doc.UserDocument:
    """Disable a user or let them in again; make them an administrator or not."""
    require_administrator(principal)
    with acting(hub, principal) as act:
        return doc.UserDocument.of(accounts.change_user(act, name, accounts.UserChanges(**body.model_dump())))


@router.post("/invitations", status_code=201)
def invite(hub: TheHub, principal: ThePrincipal) -> doc.Invitation:
    """Make a code with which one person may make an account within two weeks."""
    with acting(hub, principal) as act:
        return doc.Invitation(invitation=signin.invite(act))


@router.get("/audit")
def read_audit(
    hub: TheHub,
    principal: ThePrincipal,
    before: doc.Serial | None = None,
    limit: Annotated[int, Query(ge=1, le=audit.LIMIT)] = 100,
) -> list[doc.AuditDocument]:
    """Read the audit log, the newest entries first; the next page is before the last one's id."""
    require_administrator(principal)
    with hub.database.session(reads_only=True) as session:
        return [doc.AuditDocument.of(row) for row in audit.entries(session, before=before, limit=limit)]
