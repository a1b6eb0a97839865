"""Routes of organisations and their members."""

from fastapi import APIRouter

from tether.hub import organisations
from tether.hub.acting import acting
from tether.hub.routes import documents as doc
from tether.hub.routes.dependencies import TheHub, ThePrincipal

router = APIRouter(prefix="/organisations", tags=["organisations"])


@router.post("", status_code=201)
def create(hub: TheHub, principal: ThePrincipal, body: doc.NewOrganisation) -> doc.Organisation:
    """Make an organisation and be its owner."""
    with acting(hub, principal) as act:
        return doc.Organisation(name=organisations.create_organisation(act, body.name).name)


@router.get("/{name}/members")
def list_members(hub: TheHub, principal: ThePrincipal, name: str) -> list[doc.Member]:
    """List the members."""
    with hub.database.session(reads_only=True) as session:
        found = organisations.members(session, principal, name)
        return [doc.Member.model_validate({"user": user, "role": role}) for user, role in found]


@router.put("/{name}/members/{user}", status_code=204)
def set_member(hub: TheHub, principal: ThePrincipal, name: str, user: str, body: doc.MemberChange) -> None:
    """Make a user a member or an owner."""
    with acting(hub, principal) as act:
        organisations.set_member(act, name, user, body.role)


@router.delete("/{name}/members/{user}", status_code=204)
def remove_member(hub: TheHub, principal: ThePrincipal, name: str, user: str) -> None:
    """Take a user out."""
    with acting(hub, principal) as act:
        organisations.remove_member(act, name, user)
