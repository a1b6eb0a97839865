"""Teams: members of an organisation who get roles in its repositories together."""

from collections.abc import Sequence

from sqlalchemy import delete, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from tether.errors import AlreadyExists, Conflict, NotFound
from tether.hub.access import Principal, Role
from tether.hub.accounts import ORGANISATION, find_user
from tether.hub.acting import Act
from tether.hub.database.models import Account, Membership, RepositoryRow
from tether.hub.database.rights import Team, TeamMember, TeamRole
from tether.hub.naming import key_of, team_name
from tether.hub.organisations import find_organisation, members, owned
from tether.hub.secret import new_id


def create_team(act: Act, organisation: str, name: str) -> Team:
    """Make a team without members; errors as for `organisations.set_member`.

    Raises:
        InvalidInput: The name is not allowed.
        AlreadyExists: The organisation has a team of that name.
    """
    owner = owned(act, organisation)
    team = Team(id=new_id(), organisation_id=owner.id, name=team_name(name), key=key_of(name))
    team.created = act.now
    try:
        with act.session.begin_nested():
            act.session.add(team)
    except IntegrityError:
        raise AlreadyExists(f"{owner.name} has a team {name} already", hint="choose another name") from None
    act.record("team.create", f"{owner.name}/{name}")
    return team


def list_teams(session: Session, principal: Principal, organisation: str) -> Sequence[str]:
    """Return the names of the teams; errors as for `organisations.members`."""
    members(session, principal, organisation)
    owner = find_organisation(session, organisation)
    return session.scalars(select(Team.name).where(Team.organisation_id == owner.id).order_by(Team.key)).all()


def delete_team(act: Act, organisation: str, name: str) -> None:
    """Remove a team and the roles that it gave; errors as for `create_team`, and NotFound."""
    owner = owned(act, organisation)
    act.session.delete(_find(act.session, owner, name))
    act.record_for([owner.id], "team.delete", f"{owner.name}/{name}")


def list_members(session: Session, principal: Principal, organisation: str, name: str) -> Sequence[str]:
    """Return the names of a team's members; errors as for `list_teams`, and NotFound."""
    members(session, principal, organisation)
    team = _find(session, find_organisation(session, organisation), name)
    query = select(Account.name).join(TeamMember, TeamMember.account_id == Account.id)
    return session.scalars(query.where(TeamMember.team_id == team.id).order_by(Account.key)).all()


def add_member(act: Act, organisation: str, name: str, user: str) -> None:
    """Take a member of the organisation into a team.

    Raises:
        NotFound: There is no such organisation, team or user.
        Conflict: The user is not a member of the organisation.
        Unauthenticated, Forbidden: Not an owner asks.
    """
    owner = owned(act, organisation)
    team, account = _find(act.session, owner, name), find_user(act.session, user)
    if act.session.get(Membership, (owner.id, account.id)) is None:
        hint = "make them a member of the organisation first"
        raise Conflict(f"{account.name} is not a member of {owner.name}", hint=hint)
    if act.session.get(TeamMember, (team.id, account.id)) is None:
        act.session.add(TeamMember(team_id=team.id, account_id=account.id))
        act.record_for([owner.id], "team.member", f"{owner.name}/{team.name}", user=account.name, added=True)


def remove_member(act: Act, organisation: str, name: str, user: str) -> None:
    """Take a user out of a team; errors as for `add_member`."""
    owner = owned(act, organisation)
    team, account = _find(act.session, owner, name), find_user(act.session, user)
    found = act.session.get(TeamMember, (team.id, account.id))
    if found is None:
        raise NotFound(f"{account.name} is not in the team {team.name}")
    act.session.delete(found)
    act.record_for([owner.id], "team.member", f"{owner.name}/{team.name}", user=account.name, added=False)


# -- in repositories ------------------------------------------------------------------------


def list_roles(session: Session, row: RepositoryRow) -> Sequence[tuple[str, Role]]:
    """Return the names of the teams that were given a role in a repository, with it."""
    query = select(Team.name, TeamRole.role).join(Team, Team.id == TeamRole.team_id)
    rows = session.execute(query.where(TeamRole.repository_id == row.id).order_by(Team.key))
    return [(name, Role[role.upper()]) for name, role in rows]


def set_role(act: Act, row: RepositoryRow, name: str, role: Role) -> None:
    """Give a team of the owner a role in a repository, in place of the one before.

    Raises:
        NotFound: The owner has no such team.
    """
    team = find_team(act.session, row.owner, name)
    found = act.session.get(TeamRole, (row.id, team.id))
    if found is None:
        found = TeamRole(repository_id=row.id, team_id=team.id, role="")
        act.session.add(found)
    found.role = role.name.lower()
    act.record("repository.role", row.full_name, repository=row, team=team.name, role=found.role)


def remove_role(act: Act, row: RepositoryRow, name: str) -> None:
    """Take the role of a team away.

    Raises:
        NotFound: It has none.
    """
    team = find_team(act.session, row.owner, name)
    found = act.session.get(TeamRole, (row.id, team.id))
    if found is None:
        raise NotFound(f"the team {team.name} was given no role in {row.full_name}")
    act.session.delete(found)
    act.record("repository.role", row.full_name, repository=row, team=team.name, role=None)


def forget_roles(act: Act, row: RepositoryRow) -> None:
    """Take the roles of all teams away, since the repository goes to another owner."""
    for name, _ in list_roles(act.session, row):
        act.record("repository.role", row.full_name, repository=row, team=name, role=None)
    act.session.execute(delete(TeamRole).where(TeamRole.repository_id == row.id))


def find_team(session: Session, owner: Account, name: str) -> Team:
    """Return a team of the owner of a repository.

    Raises:
        NotFound: There is none; only organisations have teams.
    """
    if owner.kind != ORGANISATION:
        raise NotFound(f"{owner.name} is no organisation and has no teams", hint="name a user instead")
    return _find(session, owner, name)


def _find(session: Session, owner: Account, name: str) -> Team:
    query = select(Team).where(Team.organisation_id == owner.id, Team.key == key_of(name))
    team = session.scalar(query)
    if team is None:
        raise NotFound(f"{owner.name} has no team {name}")
    return team
