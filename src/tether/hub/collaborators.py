"""Roles that single users have in single repositories."""

from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session

from tether.errors import NotFound
from tether.hub.access import Role
from tether.hub.accounts import find_user
from tether.hub.acting import Act
from tether.hub.database.models import Account, Collaborator, RepositoryRow


def list_collaborators(session: Session, row: RepositoryRow) -> Sequence[tuple[str, Role]]:
    """Return the names of the users who were given a role, with it."""
    query = select(Account.name, Collaborator.role).join(Account, Account.id == Collaborator.account_id)
    rows = session.execute(query.where(Collaborator.repository_id == row.id).order_by(Account.key))
    return [(name, Role[role.upper()]) for name, role in rows]


def set_collaborator(act: Act, row: RepositoryRow, user: str, role: Role) -> None:
    """Give a user a role in a repository, in place of the one before.

    Raises:
        NotFound: There is no such user.
    """
    account = find_user(act.session, user)
    found = act.session.get(Collaborator, (row.id, account.id))
    if found is None:
        found = Collaborator(repository_id=row.id, account_id=account.id, role="")
        act.session.add(found)
    found.role = role.name.lower()
    act.record("repository.role", row.full_name, repository=row, user=account.name, role=found.role)


def remove_collaborator(act: Act, row: RepositoryRow, user: str) -> None:
    """Take the role of a user away.

    Raises:
        NotFound: They have none.
    """
    account = find_user(act.session, user)
    found = act.session.get(Collaborator, (row.id, account.id))
    if found is None:
        raise NotFound(f"{account.name} was given no role in {row.full_name}")
    act.session.delete(found)
    act.record("repository.role", row.full_name, repository=row, user=account.name, role=None)
