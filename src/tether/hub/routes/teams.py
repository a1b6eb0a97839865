"""Routes of teams, and of their roles in repositories."""

from typing import Annotated

from fastapi import APIRouter, Depends

from tether.hub import teams
from tether.hub.access import Role
from tether.hub.acting import acting
from tether.hub.routes import rights_documents as doc
from tether.hub.routes.dependencies import Hosted, TheHub, ThePrincipal, repository_for
from tether.hub.routes.documents import RoleChange

router = APIRouter(tags=["teams"])
Administered = Annotated[Hosted, Depends(repository_for(Role.ADMIN))]
_TEAMS = "/organisations/{name}/teams"
_OF_REPOSITORY = "/repos/{owner}/{name}/teams"


@router.get(_TEAMS)
def list_teams(hub: TheHub, principal: ThePrincipal, name: str) -> list[doc.TeamDocument]:
    """List the teams of an organisation."""
    with hub.database.session(reads_only=True) as session:
        return [doc.TeamDocument(name=team) for team in teams.list_teams(session, principal, name)]


@router.post(_TEAMS, status_code=201)
def create(hub: TheHub, principal: ThePrincipal, name: str, body: doc.NewTeam) -> doc.TeamDocument:
    """Make a team without members."""
    with acting(hub, principal) as act:
        return doc.TeamDocument(name=teams.create_team(act, name, body.name).name)


@router.delete(_TEAMS + "/{team}", status_code=204)
def delete(hub: TheHub, principal: ThePrincipal, name: str, team: str) -> None:
    """Remove a team and the roles that it gave."""
    with acting(hub, principal) as act:
        teams.delete_team(act, name, team)


@router.get(_TEAMS + "/{team}/members")
def list_members(hub: TheHub, principal: ThePrincipal, name: str, team: str) -> list[doc.TeamMemberDocument]:
    """List the members of a team."""
    with hub.database.session(reads_only=True) as session:
        found = teams.list_members(session, principal, name, team)
        return [doc.TeamMemberDocument(user=user) for user in found]


@router.put(_TEAMS + "/{team}/members/{user}", status_code=204)
def add_member(hub: TheHub, principal: ThePrincipal, name: str, team: str, user: str) -> None:
    """Take a member of the organisation into a team."""
    with acting(hub, principal) as act:
        teams.add_member(act, name, team, user)


@router.delete(_TEAMS + "/{team}/members/{user}", status_code=204)
def remove_member(hub: TheHub, principal: ThePrincipal, name: str, team: str, user: str) -> None:
    """Take a user out of a team."""
    with acting(hub, principal) as act:
        teams.remove_member(act, name, team, user)


@router.get(_OF_REPOSITORY)
def list_roles(found: Administered) -> list[doc.TeamRoleDocument]:
    """List the teams that were given a role in a repository."""
    with found.hub.database.session(reads_only=True) as session:
        return [doc.TeamRoleDocument.of(*each) for each in teams.list_roles(session, found.row)]


@router.put(_OF_REPOSITORY + "/{team}", status_code=204)
def set_role(found: Administered, team: str, body: RoleChange) -> None:
    """Give a team of the owner a role in a repository."""
    with acting(found.hub, found.principal) as act:
        teams.set_role(act, found.row, team, Role[body.role.upper()])


@router.delete(_OF_REPOSITORY + "/{team}", status_code=204)
def remove_role(found: Administered, team: str) -> None:
    """Take the role of a team away."""
    with acting(found.hub, found.principal) as act:
        teams.remove_role(act, found.row, team)
