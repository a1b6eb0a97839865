"""What a pull request lacks before it can be merged, by the rules of the branch that it goes into."""

from collections.abc import Iterator
from typing import NamedTuple

from sqlalchemy.orm import Session

from tether.hub.access import Principal, Role, Scope, role_of
from tether.hub.branchrules import Rule
from tether.hub.database.models import RepositoryRow
from tether.hub.database.pulls import Pull
from tether.hub.guarding import standing_of
from tether.hub.pulls.checks import SUCCESS, list_checks
from tether.hub.pulls.reviewing import APPROVE, CHANGES, verdicts
from tether.hub.rules import rules_of


class Lack(NamedTuple):
    """Something that is lacking.

    Attributes:
        kind: `draft`, `approvals`, `changes` or `check`.
        rule: The name of the rule that asks for it, if one does.
        message: What is lacking, in words.
    """

    kind: str
    rule: str | None
    message: str


def lacking(
    session: Session, row: RepositoryRow, pull: Pull, principal: Principal, default_branch: str | None
) -> list[Lack]:
    """Return what a pull request lacks for somebody to merge it; rules that exempt them ask for nothing."""
    found = [Lack("draft", None, "it is a draft")] if pull.draft else []
    who = standing_of(session, principal, row)
    rules = [
        rule
        for rule in rules_of(session, row)
        if rule.review and rule.matches(pull.target_branch, default_branch) and not rule.exempt.includes(who)
    ]
    for rule in rules:
        found += _of_reviews(session, row, pull, rule)
        found += _of_checks(session, row, pull, rule)
    return found


def _of_reviews(session: Session, row: RepositoryRow, pull: Pull, rule: Rule) -> Iterator[Lack]:
    given = [each for each in verdicts(session, pull) if each.account_id != pull.conversation.account_id]
    counting = []
    for each in given:
        role = None
        if each.account is not None and not each.account.disabled:
            role = role_of(session, Principal(user=each.account, scope=Scope.ADMIN), row)
        if role is not None and role >= Role.WRITE:
            counting.append(each)
    approvals = [
        each
        for each in counting
        if each.verdict == APPROVE and (not rule.fresh or each.commit_id == pull.head)
    ]
    if len(approvals) < rule.approvals:
        of_head = " of its head as it is" if rule.fresh else ""
        told = f"it has {len(approvals)} of {rule.approvals} approvals{of_head}"
        yield Lack("approvals", rule.name, told)
    for each in counting:
        if each.verdict == CHANGES and each.account is not None:
            yield Lack("changes", rule.name, f"{each.account.name} asks for changes")


def _of_checks(session: Session, row: RepositoryRow, pull: Pull, rule: Rule) -> Iterator[Lack]:
    states = {each.name: each.state for each in list_checks(session, row, pull.head)} if rule.checks else {}
    for name in rule.checks:
        state = states.get(name, "not there")
        if state != SUCCESS:
            yield Lack("check", rule.name, f"the check {name} is {state}")
