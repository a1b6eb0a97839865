"""Holds pushes to the rules of their branches and to locks of files, in the moment before refs move."""

from collections.abc import Sequence

from sqlalchemy.orm import Session

from tether.core.names import display, short_ref
from tether.errors import Conflict, Forbidden
from tether.hub.access import Principal, Role, require, role_of, teams_of
from tether.hub.branchrules import Rule, Standing, tree_path
from tether.hub.database.models import RepositoryRow
from tether.hub.database.rights import FileLock
from tether.hub.hub import Hub
from tether.hub.locks import covering, locks_of_others
from tether.hub.quotas import require_room
from tether.hub.rules import rules_of
from tether.hub.tokens import require_live
from tether.sync.guarding import Guard, PushView
from tether.sync.wire import RefMove

_ELSEWHERE = "push to another branch, or ask an administrator of the repository"


def guard_for(hub: Hub, principal: Principal, row: RepositoryRow) -> Guard:
    """Return what refuses pushes of somebody to a repository.

    It raises what `check_push` raises, QuotaExceeded where the owner is above the quota, and the errors
    of `access.require` where the right to push went away since the request began.
    """

    def guard(push: PushView) -> None:
        with hub.database.session(reads_only=True) as session:
            found = _still(session, hub.now(), principal, row)
            if push.brings_packs:
                require_room(session, hub, found.owner)
            check_push(session, principal, found, push)

    return guard


def _still(session: Session, now: int, principal: Principal, row: RepositoryRow) -> RepositoryRow:
    """Return a repository as it is now; who began a long push may not be allowed to end it any more."""
    require_live(session, now, principal)
    current = session.get(RepositoryRow, row.id)
    live = current if current is not None and current.deleted_at is None else None
    return require(session, principal, live, Role.WRITE, row.full_name)


def check_push(session: Session, principal: Principal, row: RepositoryRow, push: PushView) -> None:
    """Let a push of somebody who may write pass, if rules and locks allow it.

    Raises:
        Conflict: Somebody else has locked what the push changes.
        Forbidden: A rule does not allow it.
    """
    who = standing_of(session, principal, row)
    rules = [rule for rule in rules_of(session, row) if not rule.exempt.includes(who)]
    locks = locks_of_others(session, row, principal)
    for move in push.branch_moves:
        branch = short_ref(move.name)
        _check_locks(push, move, [lock for lock in locks if lock.branch in ("", branch)])
        for rule in rules:
            if rule.matches(branch, push.default_branch):
                _Check(rule, branch, who, principal.name).run(push, move)


def standing_of(session: Session, principal: Principal, row: RepositoryRow) -> Standing:
    """Return what somebody is in a repository that they may read."""
    role = role_of(session, principal, row)
    account_id = principal.user.id if principal.user is not None else None
    teams = frozenset[str]() if account_id is None else teams_of(session, account_id, row.owner_id)
    return Standing(Role.READ if role is None else role, account_id, teams)


def _check_locks(push: PushView, move: RefMove, locks: Sequence[FileLock]) -> None:
    paths = [tree_path(lock.path) for lock in locks]
    changed = push.first_change(move, paths) if paths else None
    if changed is not None:
        lock = covering(locks, changed)
        holder, where = lock.account.name, f"{display(changed)} on {short_ref(move.name)}"
        hint = f"ask {holder} to unlock {lock.path}, or a maintainer to take the lock away"
        raise Conflict(f"the push changes {where}, which {holder} has locked", hint=hint)


class _Check:
    """One rule beside one move."""

    def __init__(self, rule: Rule, branch: str, who: Standing, name: str) -> None:
        self._rule, self._branch, self._who, self._name = rule, branch, who, name

    def run(self, push: PushView, move: RefMove) -> None:
        """Raise Forbidden where the rule does not allow the move."""
        rule, branch = self._rule, self._branch
        if move.old == move.new:
            return
        if rule.push is not None and not rule.push.includes(self._who):
            self._refuse(f"{self._name} may not push to {branch} with this token", _ELSEWHERE)
        if move.new is None and not rule.delete:
            self._refuse(f"{branch} may not be deleted", "ask a maintainer of the repository")
        if rule.review and move.new is not None:
            hint = "push to another branch, and ask somebody whom the rule exempts to bring it in"
            self._refuse(f"{branch} is for reviewed changes, and this hub has no reviews yet", hint)
        if not rule.force and push.rewinds(move):
            hint = "run 'tether pull' and push again, or push to another branch"
            self._refuse(f"{branch} may not lose commits", hint)
        self._check_paths(push, move)

    def _check_paths(self, push: PushView, move: RefMove) -> None:
        closed = [each for each in self._rule.paths if not each.who.includes(self._who)]
        paths = [tree_path(each.path) for each in closed]
        changed = push.first_change(move, paths) if paths else None
        if changed is not None:
            hint = "take that change back in another commit, or ask somebody who may make it to push"
            self._refuse(f"{self._name} may not change {display(changed)} on {self._branch}", hint)

    def _refuse(self, reason: str, hint: str) -> None:
        raise Forbidden(f"rule {self._rule.name}: {reason}", hint=hint)
