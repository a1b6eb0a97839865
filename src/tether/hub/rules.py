"""The rules of a repository's branches and tags: kept, listed, changed."""

from collections.abc import Sequence

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from tether.errors import Conflict, Forbidden, NotFound
from tether.hub.access import SIGN_IN, Principal, Role, role_of
from tether.hub.accounts import find_user
from tether.hub.acting import Act
from tether.hub.branchrules import Grant, Rule, of_default_branch
from tether.hub.database.models import Account, RepositoryRow
from tether.hub.database.rights import BranchRule, Team, hold_rights
from tether.hub.naming import key_of, rule_name
from tether.hub.teams import find_team

MOST = 100
"""Rules of one repository: each push looks at all of them."""


def rules_of(session: Session, row: RepositoryRow) -> list[Rule]:
    """Return the rules of a repository by name; grants are by id."""
    query = select(BranchRule).where(BranchRule.repository_id == row.id).order_by(BranchRule.key)
    return [Rule.read(each.name, each.branches, each.content) for each in session.scalars(query)]


def list_rules(session: Session, principal: Principal, row: RepositoryRow) -> Sequence[Rule]:
    """Return the rules of a repository for somebody who may push there; grants are by name.

    Raises:
        Forbidden: They may only read.
    """
    role = role_of(session, principal, row)
    if role is None or role < Role.WRITE:
        raise Forbidden(f"to see the rules of {row.full_name}, be able to push", hint=SIGN_IN)
    return [rule.with_grants(lambda grant: _named(session, grant)) for rule in rules_of(session, row)]


def set_rule(act: Act, row: RepositoryRow, rule: Rule) -> None:
    """Add a rule, or put it in the place of the one of that name; whether the actor may was asked before.

    Raises:
        InvalidInput: The name, the pattern or a path is not allowed.
        NotFound: The rule names a user or a team that is not there.
        Conflict: There are too many rules.
    """
    name = rule_name(rule.name)
    rule.check()
    kept = rule.with_grants(lambda grant: _resolved(act.session, row, grant))
    hold_rights(act.session, row.id)
    found = act.session.get(BranchRule, (row.id, key_of(name)))
    if found is None:
        found = BranchRule(repository_id=row.id, key=key_of(name))
        _refuse_more(act.session, row)
    found.name, found.branches, found.content = name, rule.branches, kept.as_json()
    act.session.add(found)
    details = {"branches": rule.branches or None, **rule.as_json()}
    act.record("rule.set", f"{row.full_name} {name}", repository=row, **details)


def add_default_rule(session: Session, row: RepositoryRow) -> None:
    """Let a new repository begin with the rule that protects its default branch."""
    rule = of_default_branch()
    kept = BranchRule(repository_id=row.id, key=key_of(rule.name), name=rule.name)
    kept.branches, kept.content = rule.branches, rule.as_json()
    session.add(kept)


def remove_rule(act: Act, row: RepositoryRow, name: str) -> None:
    """Remove a rule.

    Raises:
        NotFound: There is none of that name.
    """
    found = act.session.get(BranchRule, (row.id, key_of(name)))
    if found is None:
        raise NotFound(f"{row.full_name} has no rule {name}")
    act.session.delete(found)
    act.record("rule.remove", f"{row.full_name} {found.name}", repository=row)


def _refuse_more(session: Session, row: RepositoryRow) -> None:
    count = session.scalar(select(func.count()).where(BranchRule.repository_id == row.id)) or 0
    if count >= MOST:
        raise Conflict(f"{row.full_name} has {count} rules already", hint="remove one, or change one")


def _resolved(session: Session, row: RepositoryRow, grant: Grant) -> Grant:
    """Return a grant with ids for names."""
    users = tuple(find_user(session, name).id for name in grant.users)
    return Grant(grant.role, users, tuple(find_team(session, row.owner, name).id for name in grant.teams))


def _named(session: Session, grant: Grant) -> Grant:
    """Return a grant with names for ids; what is gone is left out."""
    users = session.scalars(select(Account.name).where(Account.id.in_(grant.users)).order_by(Account.key))
    teams = session.scalars(select(Team.name).where(Team.id.in_(grant.teams)).order_by(Team.key))
    return Grant(grant.role, tuple(users), tuple(teams))
