"""Holds pushes to the rules of branches and tags and to locks of files, in the moment before refs move."""

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple, Protocol

from sqlalchemy.orm import Session

from tether.core.digest import Digest
from tether.core.names import branch_ref, display, short_ref
from tether.errors import Conflict, Forbidden, Unavailable
from tether.hub.access import Principal, Role, require, role_of, teams_of
from tether.hub.branchrules import Rule, Standing, tree_path
from tether.hub.database.models import RepositoryRow
from tether.hub.database.rights import hold_rights
from tether.hub.hub import Hub
from tether.hub.locks import Held, covering, locks_of_others
from tether.hub.quotas import require_room
from tether.hub.rules import rules_of
from tether.hub.tokens import require_live
from tether.sync.guarding import PushView
from tether.sync.wire import RefMove

_NO_TAG = "ask somebody who may, or an administrator of the repository"
_ELSEWHERE = "push to another branch, or ask an administrator of the repository"


class Basis(NamedTuple):
    """What decides about pushes of somebody to a repository; rules that exempt them are left out."""

    who: Standing
    name: str
    rules: tuple[Rule, ...]
    locks: tuple[Held, ...]


class Changes(Protocol):
    """What rules and locks ask of a push; see `tether.sync.guarding.PushView`."""

    @property
    def branch_moves(self) -> tuple[RefMove, ...]:
        """The branches that move."""
        ...

    @property
    def tag_moves(self) -> tuple[RefMove, ...]:
        """The tags that move."""
        ...

    @property
    def default_branch(self) -> str | None:
        """The branch that a clone checks out."""
        ...

    def rewinds(self, move: RefMove) -> bool:
        """Say whether a branch loses commits."""
        ...

    def first_change(self, move: RefMove, paths: Sequence[bytes]) -> bytes | None:
        """Return the first path at or below one of `paths` that changes."""
        ...


class StagedChanges:
    """Paths of a branch that somebody stages, as a push that changes them would be seen.

    Args:
        branch: The branch.
        default_branch: The one that a clone checks out.
        paths: Files, or folders with all below them.
    """

    def __init__(self, branch: str, default_branch: str | None, paths: Sequence[bytes]) -> None:
        self.default_branch, self._paths = default_branch, paths
        self.branch_moves = (RefMove(branch_ref(branch), None, Digest(bytes(32))),)
        self.tag_moves: tuple[RefMove, ...] = ()

    def rewinds(self, move: RefMove) -> bool:
        """Say no: a commit is added."""
        del move
        return False

    def first_change(self, move: RefMove, paths: Sequence[bytes]) -> bytes | None:
        """Return the first path that is at or below one of `paths`, or one of `paths` that is below."""
        del move
        for path in self._paths:
            for each in paths:
                if path == each or path.startswith(each + b"/"):
                    return path
                if each.startswith(path + b"/"):
                    return each
        return None


class PushGuard:
    """Decides about one push; see `tether.sync.guarding.Guard`.

    Args:
        hub: Has the repository.
        principal: Who pushes.
        row: The repository, as it was when the request began.
        reviewed: Whether it merges a pull request, for which what rules say of reviews was asked before.
    """

    def __init__(self, hub: Hub, principal: Principal, row: RepositoryRow, *, reviewed: bool = False) -> None:
        self._hub, self._principal, self._row, self._reviewed = hub, principal, row, reviewed
        self._basis: Basis | None = None

    def __call__(self, push: PushView) -> None:
        """Let a push pass if it may be done.

        Raises:
            Unauthenticated, NotFound, Conflict, Forbidden: The right to push went away in the meantime.
            QuotaExceeded: The owner has more than they may, and the push brings packs.
            Conflict: Somebody else has locked what the push changes.
            Forbidden: A rule does not allow it.
        """
        with self._hub.database.session(reads_only=True) as session:
            row, self._basis = self._read(session)
            if push.brings_packs:
                require_room(session, self._hub, row.owner)
        check_push(self._basis, push)

    def check_staged(self, changes: StagedChanges) -> None:
        """Let somebody stage what they might push; errors as for the call."""
        with self._hub.database.session(reads_only=True) as session:
            row, basis = self._read(session)
            require_room(session, self._hub, row.owner)
        check_push(basis, changes)

    def require_writable(self) -> None:
        """Let pass who may write and has room, before something large is made; errors as for the call."""
        with self._hub.database.session(reads_only=True) as session:
            row, _ = self._read(session)
            require_room(session, self._hub, row.owner)

    def confirm(self, session: Session) -> None:
        """Make sure, in the transaction in which the root moves, that the push was judged by what holds now.

        Until its end nobody changes rules or gives locks.

        Raises:
            Unavailable: A right, a rule or a lock changed while the push was judged.
            Unauthenticated, NotFound, Forbidden: As for the call.
        """
        try:
            hold_rights(session, self._row.id, shared=True)
            same = self._read(session)[1] == self._basis
        except Conflict:  # would be taken for one of the root, which is tried again
            same = False
        if not same:
            raise Unavailable(f"rights in {self._row.full_name} changed just now", hint="push again")

    def _read(self, session: Session) -> tuple[RepositoryRow, Basis]:
        require_live(session, self._hub.now(), self._principal)
        current = session.get(RepositoryRow, self._row.id)
        live = current if current is not None and current.deleted_at is None else None
        row = require(session, self._principal, live, Role.WRITE, self._row.full_name)
        who = standing_of(session, self._principal, row)
        rules = [rule for rule in rules_of(session, row) if not rule.exempt.includes(who)]
        if self._reviewed:
            rules = [replace(rule, review=False) for rule in rules]
        locks = locks_of_others(session, row, self._principal)
        return row, Basis(who, self._principal.name, tuple(rules), tuple(locks))


def check_push(basis: Basis, push: Changes) -> None:
    """Let a push of somebody who may write pass, if rules and locks allow it.

    Raises:
        Conflict: Somebody else has locked what the push changes.
        Forbidden: A rule does not allow it.
    """
    for move in push.branch_moves:
        branch = short_ref(move.name)
        _check_locks(push, move, [lock for lock in basis.locks if lock.branch in ("", branch)])
        for rule in basis.rules:
            if rule.matches(branch, push.default_branch):
                _Check(rule, branch, basis.who, basis.name).run(push, move)
    for move in push.tag_moves:
        tag = short_ref(move.name)
        for rule in basis.rules:
            if rule.matches_tag(tag):
                _Check(rule, tag, basis.who, basis.name).run_tag(move)


def standing_of(session: Session, principal: Principal, row: RepositoryRow) -> Standing:
    """Return what somebody is in a repository that they may read."""
    role = role_of(session, principal, row)
    account_id = principal.user.id if principal.user is not None else None
    teams = frozenset[str]() if account_id is None else teams_of(session, account_id, row.owner_id)
    return Standing(Role.READ if role is None else role, account_id, teams)


def _check_locks(push: Changes, move: RefMove, locks: Sequence[Held]) -> None:
    paths = [tree_path(lock.path) for lock in locks]
    changed = push.first_change(move, paths) if paths else None
    if changed is not None:
        lock = covering(locks, changed)
        holder, where = lock.holder, f"{display(changed)} on {short_ref(move.name)}"
        hint = f"ask {holder} to unlock {lock.path}, or a maintainer to take the lock away"
        raise Conflict(f"the push changes {where}, which {holder} has locked", hint=hint)


class _Check:
    """One rule beside one move of a branch or tag."""

    def __init__(self, rule: Rule, branch: str, who: Standing, name: str) -> None:
        self._rule, self._branch, self._who, self._name = rule, branch, who, name

    def run(self, push: Changes, move: RefMove) -> None:
        """Raise Forbidden where the rule does not allow the move."""
        rule, branch = self._rule, self._branch
        if move.old == move.new:
            return
        if rule.push is not None and not rule.push.includes(self._who):
            self._refuse(f"{self._name} may not push to {branch} with this token", _ELSEWHERE)
        if move.new is None and not rule.delete:
            self._refuse(f"{branch} may not be deleted", "ask a maintainer of the repository")
        if rule.review and move.new is not None:
            hint = "push to another branch, and open a pull request from it"
            self._refuse(f"{branch} is for reviewed changes", hint)
        if not rule.force and push.rewinds(move):
            hint = "run 'tether pull' and push again, or push to another branch"
            self._refuse(f"{branch} may not lose commits", hint)
        self._check_paths(push, move)

    def run_tag(self, move: RefMove) -> None:
        """Raise Forbidden where the rule does not allow to make, move or delete a tag."""
        rule, tag = self._rule, self._branch
        if move.old == move.new:
            return
        if rule.push is not None and not rule.push.includes(self._who):
            self._refuse(f"{self._name} may not push tag {tag} with this token", _NO_TAG)
        if move.new is None and not rule.delete:
            self._refuse(
                f"tag {tag} may not be deleted", "leave it, or ask an administrator of the repository"
            )
        if move.old is not None and move.new is not None and not rule.force:
            self._refuse(f"tag {tag} may not be moved", "make a tag of another name")

    def _check_paths(self, push: Changes, move: RefMove) -> None:
        closed = [each for each in self._rule.paths if not each.who.includes(self._who)]
        paths = [tree_path(each.path) for each in closed]
        changed = push.first_change(move, paths) if paths else None
        if changed is not None:
            hint = "take that change back in another commit, or ask somebody who may make it to push"
            self._refuse(f"{self._name} may not change {display(changed)} on {self._branch}", hint)

    def _refuse(self, reason: str, hint: str) -> None:
        raise Forbidden(f"rule {self._rule.name}: {reason}", hint=hint)
