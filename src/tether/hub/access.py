"""Who may do what: principals, roles, and the one place where a right is asked for."""

from dataclasses import dataclass
from enum import IntEnum, StrEnum

from sqlalchemy import CompoundSelect, String, bindparam, literal, select, union_all
from sqlalchemy.orm import Session

from tether.errors import Conflict, Forbidden, NotFound, Unauthenticated
from tether.hub.database.models import Account, Collaborator, Membership, RepositoryRow
from tether.hub.database.rights import Team, TeamMember, TeamRole
from tether.hub.database.sharing import AccessRequest, Gate

SIGN_IN = "run 'tether login URL', or set TETHER_TOKEN"
GRANTED = "granted"
"""The state of a request for access that lets its user pass the gate."""


class Role(IntEnum):
    """What somebody is to a repository; each role includes those before it."""

    READ = 1
    TRIAGE = 2
    WRITE = 3
    MAINTAIN = 4
    ADMIN = 5


class Scope(StrEnum):
    """How much of its owner's rights a token carries."""

    READ = "read"
    WRITE = "write"
    ADMIN = "admin"


_HIGHEST = {Scope.READ: Role.READ, Scope.WRITE: Role.WRITE, Scope.ADMIN: Role.ADMIN}
_OF_MEMBERS = {"owner": Role.ADMIN, "member": Role.READ}


@dataclass(frozen=True, slots=True)
class Principal:
    """Who asks: a user with a token, nobody, or the one who runs the hub.

    Attributes:
        user: The user; None for nobody and for the command line of the hub.
        scope: How far the token goes.
        token_id: The token that was shown.
        operator: Whether this is the command line on the machine of the hub.
    """

    user: Account | None = None
    scope: Scope = Scope.READ
    token_id: str | None = None
    operator: bool = False

    @property
    def name(self) -> str:
        """The name for records."""
        if self.user is not None:
            return self.user.name
        return "(command line)" if self.operator else "(nobody)"

    @property
    def administers(self) -> bool:
        """Whether everything on the hub may be changed."""
        return self.operator or (self.user is not None and self.user.admin and self.scope is Scope.ADMIN)


ANONYMOUS = Principal()
OPERATOR = Principal(scope=Scope.ADMIN, operator=True)


def require_user(principal: Principal, scope: Scope = Scope.READ) -> Account:
    """Return the user who asks.

    Raises:
        Unauthenticated: Nobody is signed in.
        Forbidden: The token does not go that far.
    """
    if principal.user is None:
        raise Unauthenticated("nobody is signed in", hint=SIGN_IN)
    if _HIGHEST[principal.scope] < _HIGHEST[scope]:
        raise Forbidden(
            f"this token has the scope {principal.scope}, and {scope} is needed",
            hint=f"make a token with the scope {scope}",
        )
    return principal.user


def require_administrator(principal: Principal) -> None:
    """Let pass who administers the hub; errors as for `require_user`."""
    if principal.operator:
        return
    if not require_user(principal, Scope.ADMIN).admin:
        raise Forbidden("only administrators of the hub may do this")


def role_of(session: Session, principal: Principal, row: RepositoryRow | None) -> Role | None:
    """Return the highest role that somebody has in a repository, or None: then it is not there for them.

    A public repository with a gate is read by those alone who have a role in it or were granted access.
    Where there is no repository the same is looked up, so that the time tells nothing.
    """
    user = principal.user
    found, closed = (list[Role](), False) if user is None else _looked_up(session, user.id, row)
    if row is None:
        return None
    if user is None and not row.private:
        closed = session.get(Gate, row.id) is not None
    if not row.private and not closed:
        found.append(Role.READ)
    if principal.operator or (user is not None and (user.admin or row.owner_id == user.id)):
        found.append(Role.ADMIN)
    return min(max(found), _HIGHEST[principal.scope]) if found else None


def _looked_up(session: Session, account_id: str, row: RepositoryRow | None) -> tuple[list[Role], bool]:
    """Return the roles of a collaborator, and a member of the owner or its teams; and if a gate is closed."""
    repository_id, owner_id = ("", "") if row is None else (row.id, row.owner_id)
    asked = {"repository": repository_id, "owner": owner_id, "account": account_id}
    found = [(what, word) for what, word in session.execute(_HELD, asked)]
    roles = [_OF_MEMBERS[word] for what, word in found if what == _MEMBER]
    roles += [Role[word.upper()] for what, word in found if what == _GIVEN]
    return roles, (_GATE, "") in found and (_ASKED, GRANTED) not in found


def _held() -> CompoundSelect[str, str]:
    """Return the question for all that says what an account may do in a repository."""
    repository, owner, account = (
        bindparam(name, type_=String) for name in ("repository", "owner", "account")
    )
    given = select(literal(_GIVEN), Collaborator.role)
    given = given.where(Collaborator.repository_id == repository, Collaborator.account_id == account)
    member = select(literal(_MEMBER), Membership.role)
    member = member.where(Membership.organisation_id == owner, Membership.account_id == account)
    of_teams = select(literal(_GIVEN), TeamRole.role).join(Team, Team.id == TeamRole.team_id)
    of_teams = of_teams.join(TeamMember, TeamMember.team_id == Team.id)
    of_teams = of_teams.where(TeamRole.repository_id == repository, Team.organisation_id == owner)
    of_teams = of_teams.where(TeamMember.account_id == account)
    gate = select(literal(_GATE), literal("")).where(Gate.repository_id == repository)
    asked = select(literal(_ASKED), AccessRequest.state)
    asked = asked.where(AccessRequest.repository_id == repository, AccessRequest.account_id == account)
    return union_all(given, member, of_teams, gate, asked)


_GIVEN, _MEMBER, _GATE, _ASKED = "given", "member", "gate", "asked"
_HELD = _held()
"""Made once, and one for all: nearly every request asks it, and to ask is more work than to answer."""


def teams_of(session: Session, account_id: str, organisation_id: str) -> frozenset[str]:
    """Return the ids of the teams of an organisation that a user is in."""
    query = select(Team.id).join(TeamMember, TeamMember.team_id == Team.id)
    query = query.where(Team.organisation_id == organisation_id, TeamMember.account_id == account_id)
    return frozenset(session.scalars(query))


def require(
    session: Session, principal: Principal, row: RepositoryRow | None, role: Role, address: str
) -> RepositoryRow:
    """Return `row` if it is there for the one who asks, and they have `role` in it.

    A repository that may not be read and one that does not exist end in the same line of this function.

    Args:
        session: The transaction.
        principal: Who asks.
        row: The repository, or None where there is none at the address.
        role: The least role that is needed.
        address: What was asked for, as it was written.

    Raises:
        NotFound: It does not exist, or not for the one who asks.
        Unauthenticated: Nobody is signed in, and the role needs somebody.
        Forbidden: The role or the scope of the token is not enough, or the gate is closed.
        Conflict: It is archived, and the role is one that changes it.
    """
    return require_held(session, principal, row, role, address)[0]


def require_held(
    session: Session, principal: Principal, row: RepositoryRow | None, role: Role, address: str
) -> tuple[RepositoryRow, Role]:
    """Return what `require` does, and the highest role that they have; arguments and errors are the same."""
    held = role_of(session, principal, row)
    if held is None and row is not None and not row.private:
        hint = "run 'tether repo ask URL' to see the agreement and to ask for access"
        raise Forbidden(f"the contents of {address} are read on request", hint=hint)
    if row is None or held is None:
        raise NotFound(f"no repository {address} for you here", hint=f"check the address; {SIGN_IN}")
    if held < role and principal.user is None:
        raise Unauthenticated(f"to change {address}, sign in", hint=SIGN_IN)
    if held < role:
        raise Forbidden(
            f"{principal.name} has the role {held.name.lower()} in {address} with this token, "
            f"and {role.name.lower()} is needed",
            hint=f"ask an administrator of {row.owner.name} for the role, or use a token of a wider scope",
        )
    if row.archived and Role.READ < role < Role.ADMIN:
        raise Conflict(f"{address} is archived", hint="an administrator of the repository can take it back")
    return row, held


def require_sight(
    session: Session, principal: Principal, row: RepositoryRow | None, address: str
) -> RepositoryRow:
    """Return `row` if the one who asks may know that it is there, also before its gate.

    Raises:
        NotFound: It does not exist, or not for them.
    """
    if row is not None and not row.private and role_of(session, principal, row) is None:
        return row
    return require(session, principal, row, Role.READ, address)
