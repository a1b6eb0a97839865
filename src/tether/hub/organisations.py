"""Organisations: owners of repositories that several people share."""

from collections.abc import Sequence

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from tether.errors import Conflict, Forbidden, InvalidInput, NotFound
from tether.hub.access import Principal, Scope, require_user
from tether.hub.accounts import ORGANISATION, find_account, find_user, insert_account, new_account
from tether.hub.acting import Act
from tether.hub.database.models import Account, Membership
from tether.hub.database.rights import Team, TeamMember

OWNER, MEMBER = "owner", "member"


def create_organisation(act: Act, name: str) -> Account:
    """Make an organisation; who asks is its first owner.

    Raises:
        Unauthenticated, Forbidden: Nobody is signed in, or the token does not go that far.
        InvalidInput: The name is not allowed.
        AlreadyExists: The name is taken.
    """
    user = require_user(act.actor, Scope.ADMIN)
    account = new_account(name, ORGANISATION, act.now)
    insert_account(act.session, account)
    act.session.add(Membership(organisation_id=account.id, account_id=user.id, role=OWNER))
    act.record("organisation.create", name)
    return account


def members(session: Session, principal: Principal, name: str) -> Sequence[tuple[str, str]]:
    """Return the names of the members with their roles; for members and administrators.

    Raises:
        NotFound: There is no organisation of that name.
        Unauthenticated, Forbidden: It is none of the asker's.
    """
    organisation = find_organisation(session, name)
    user = require_user(principal)
    if not user.admin and session.get(Membership, (organisation.id, user.id)) is None:
        raise Forbidden(f"{user.name} is not a member of {organisation.name}")
    query = select(Account.name, Membership.role).join(Account, Account.id == Membership.account_id)
    rows = session.execute(query.where(Membership.organisation_id == organisation.id).order_by(Account.key))
    return [(member, role) for member, role in rows]


def of_user(session: Session, principal: Principal) -> Sequence[tuple[str, str]]:
    """Return the names of the organisations that the asker is in, with their role there.

    Raises:
        Unauthenticated: Nobody is signed in.
    """
    user = require_user(principal)
    query = select(Account.name, Membership.role).join(Account, Account.id == Membership.organisation_id)
    rows = session.execute(query.where(Membership.account_id == user.id).order_by(Account.key))
    return [(name, role) for name, role in rows]


def set_member(act: Act, name: str, user: str, role: str) -> None:
    """Make a user a member, or change the role of one.

    Raises:
        InvalidInput: There is no such role.
        NotFound: There is no such organisation or user.
        Forbidden: Not an owner asks.
        Conflict: The last owner would go.
    """
    if role not in (OWNER, MEMBER):
        raise InvalidInput(f"no such role: {role!r}", hint=f"choose {OWNER} or {MEMBER}")
    organisation = owned(act, name)
    account = find_user(act.session, user)
    membership = act.session.get(Membership, (organisation.id, account.id))
    if membership is None:
        act.session.add(Membership(organisation_id=organisation.id, account_id=account.id, role=role))
    else:
        _keep_an_owner(act, membership, role)
        membership.role = role
    act.record_for([organisation.id], "organisation.member", organisation.name, user=account.name, role=role)


def remove_member(act: Act, name: str, user: str) -> None:
    """Take a user out of an organisation and of its teams; errors as for `set_member`."""
    organisation = owned(act, name)
    account = find_user(act.session, user)
    membership = act.session.get(Membership, (organisation.id, account.id))
    if membership is None:
        raise NotFound(f"{account.name} is not a member of {organisation.name}")
    _keep_an_owner(act, membership, None)
    act.session.delete(membership)
    teams = select(Team.id).where(Team.organisation_id == organisation.id)
    of_user = TeamMember.account_id == account.id
    act.session.execute(delete(TeamMember).where(of_user, TeamMember.team_id.in_(teams)))
    act.record_for([organisation.id], "organisation.member", organisation.name, user=account.name, role=None)


def find_organisation(session: Session, name: str) -> Account:
    """Return an organisation.

    Raises:
        NotFound: There is none of that name.
    """
    account = find_account(session, name)
    if account is None or account.kind != ORGANISATION:
        raise NotFound(f"no organisation named {name}")
    return account


def owned(act: Act, name: str) -> Account:
    """Return an organisation that the actor may change.

    Raises:
        NotFound: There is none of that name.
        Unauthenticated, Forbidden: Not an owner asks.
    """
    organisation = find_organisation(act.session, name)
    if act.actor.administers:
        return organisation
    user = require_user(act.actor, Scope.ADMIN)
    membership = act.session.get(Membership, (organisation.id, user.id))
    if membership is None or membership.role != OWNER:
        raise Forbidden(f"{user.name} is not an owner of {organisation.name}")
    return organisation


def _keep_an_owner(act: Act, membership: Membership, role: str | None) -> None:
    if membership.role != OWNER or role == OWNER:
        return
    act.session.get_one(Account, membership.organisation_id, with_for_update=True)
    owners = select(func.count()).where(
        Membership.organisation_id == membership.organisation_id, Membership.role == OWNER
    )
    if act.session.scalar(owners) == 1:
        raise Conflict("an organisation needs an owner", hint="make somebody else an owner first")
