"""Fetch and push: objects first, then the refs, each side in one transaction."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum

from tether.core.digest import Digest
from tether.core.names import (
    ATTESTATIONS,
    BRANCHES,
    FIXED,
    RELEASES,
    RUNS,
    TAGS,
    branch_ref,
    check_fixed_ref,
    fixed_kind,
    remote_ref,
    short_ref,
    tag_ref,
)
from tether.core.progress import SILENT, Progress
from tether.errors import Conflict, NotFound, Unavailable
from tether.repo.history import History, shallow_in
from tether.repo.repository import Repository
from tether.repo.transaction import Transaction
from tether.sync.bundlefile import prerequisites, require_prerequisites
from tether.sync.negotiate import Missing, find_missing
from tether.sync.partialwork import ReadTags, note, reads_tags, scope_of, tags_with_commits
from tether.sync.peel import peel
from tether.sync.scope import Asked
from tether.sync.transfer import copy_objects

_TRIES = 8
"""How often refs that only follow another repository are moved anew when someone else moves them too."""


class RefState(StrEnum):
    """What happened to a ref."""

    NEW = "new"
    FORWARD = "forward"
    FORCED = "forced"
    DELETED = "deleted"
    SAME = "same"
    REJECTED = "rejected"


@dataclass(frozen=True, slots=True)
class RefUpdate:
    """One ref of a fetch or push."""

    name: str
    """On the side that changes."""
    old: Digest | None
    new: Digest | None
    state: RefState
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Exchange:
    """What a fetch or push did."""

    updates: tuple[RefUpdate, ...]
    objects: int
    bytes: int

    @property
    def rejected(self) -> list[RefUpdate]:
        """The updates that were refused."""
        return [update for update in self.updates if update.state == RefState.REJECTED]


@dataclass(frozen=True, slots=True)
class FetchOptions:
    """What is fetched.

    Attributes:
        prune: Forget branches that the remote no longer has.
        depth: How many commits of each branch shall be here; None for those that are new.
    """

    prune: bool = False
    depth: int | None = None


FETCH = FetchOptions()


@dataclass(frozen=True, slots=True)
class PushOptions:
    """What is pushed and how refs of the other side may move.

    Attributes:
        branches: Names of branches.
        lease: Overwrite branches that still are what this side last saw of them.
        tags: Send tags as well.
        delete: Remove the branches instead.
        runs: Send the runs that the other side lacks.
    """

    branches: tuple[str, ...]
    lease: bool = False
    tags: bool = False
    delete: bool = False
    runs: bool = True


def fetch(
    local: Repository,
    other: Repository,
    remote: str,
    options: FetchOptions = FETCH,
    *,
    progress: Progress = SILENT,
) -> Exchange:
    """Bring branches of `other` to `refs/remotes/REMOTE/`, and its tags, runs and releases.

    Nothing local is overwritten.

    Raises:
        Corrupt: An object of the other side is damaged; nothing has changed here then.
    """
    require_prerequisites(other, local.objects)
    return tried_again(lambda: _fetch(local, other, remote, options, progress))


def tried_again(fetch: Callable[[], Exchange]) -> Exchange:
    """Fetch, again where another process did so at the same time; what it brought is here then."""
    for _ in range(_TRIES):
        with suppress(Conflict):
            return fetch()
    return fetch()


def _fetch(
    local: Repository, other: Repository, remote: str, options: FetchOptions, progress: Progress
) -> Exchange:
    there = other.root()
    with local.transaction(f"fetch {remote}") as transaction:
        plan = plan_fetch(transaction.root.refs, there.refs, remote, prune=options.prune)
        updates = [judged(update, lambda old, new: _follows(other, local, old, new)) for update in plan]
        cut = options.depth is not None or bool(shallow_in(transaction.extra))
        wants = wanted(updates, cut=cut, again=options.depth is not None)
        asked = Asked(tuple(wants), scope_of(transaction, options.depth))
        missing = find_missing(other.objects, local.objects.has_many, asked, there, local.objects)
        count, size = len(missing), copy_objects(other.objects, transaction.objects, missing, progress)
        note(transaction, local, remote, boundary=missing.boundary, left=missing.left)
        if cut:
            updates = with_tags_here(transaction, updates, reads_tags(other.objects))
        for update in moving(updates):
            transaction.set_ref(update.name, update.new, expected=update.old)
    return Exchange(tuple(updates), count, size)


def wanted(updates: Iterable[RefUpdate], *, cut: bool, again: bool) -> list[Digest]:
    """Return the commits and tags that a fetch asks for.

    Args:
        updates: What the refs become.
        cut: The history ends somewhere here: tags are taken only where their commits come with branches, and
            runs and releases not at all.
        again: Ask for what is here too, since it may come deeper.
    """
    left = (TAGS, *FIXED) if cut else ()
    return [
        update.new
        for update in (updates if again else moving(updates))
        if update.new and update.state != RefState.REJECTED and not update.name.startswith(left)
    ]


def with_tags_here(transaction: Transaction, updates: Sequence[RefUpdate], read: ReadTags) -> list[RefUpdate]:
    """Leave out new tags whose commits are not here, and new runs and releases."""
    tags = {each.name: each.new for each in moving(updates) if each.new and each.name.startswith(TAGS)}
    here = tags_with_commits(transaction, tags, read) if tags else {}
    fixed = {each.name for each in moving(updates) if each.name.startswith(FIXED)}
    left = fixed | {name for name in tags if name not in here}
    return [each for each in updates if each.name not in left]


def known_in(transaction: Transaction) -> Callable[[Sequence[Digest]], list[bool]]:
    """Return what says which objects are here or came in a transaction."""
    return lambda digests: [*map(transaction.objects.known, digests)]


def push(
    local: Repository,
    other: Repository,
    remote: str,
    options: PushOptions,
    *,
    progress: Progress = SILENT,
) -> Exchange:
    """Send branches to `other` and remember here what it has now.

    Raises:
        NotFound: A branch is not here.
        Unavailable: Contents or history that the other side lacks are not here either.
        Conflict: A ref was moved there in the meantime.
    """
    with other.transaction(f"push to {remote}") as transaction:
        there = other.root()
        busy = there.head.ref if other.worktree is not None else None
        updates = plan_push(local, there.refs, remote, options, busy=busy)
        moves = moving(updates)
        wants = [update.new for update in moves if update.new]
        missing = find_missing(local.objects, other.objects.has_many, wants, local.root(), other.objects)
        require_whole(missing)
        count, size = len(missing), copy_objects(local.objects, transaction.objects, missing, progress)
        for update in moves:
            transaction.set_ref(update.name, update.new, expected=update.old)
    remember_push(local, remote, [u for u in updates if u.state != RefState.REJECTED])
    return Exchange(tuple(updates), count, size)


def require_whole(missing: Missing) -> None:
    """Refuse to make a repository shallow that others fetch from."""
    if missing.boundary:
        raise Unavailable(
            f"history ends here at commit {missing.boundary[0].hex()[:12]}, and its parents are not there",
            hint="push what came before from a repository that has it, then push again",
        )


def plan_fetch(
    ours: Mapping[str, Digest], theirs: Mapping[str, Digest], remote: str, *, prune: bool
) -> list[RefUpdate]:
    """Say which refs here follow those of another side; whether a branch goes forward is not known yet."""
    updates = []
    for name, new in sorted(theirs.items()):
        if name.startswith(BRANCHES):
            local = remote_ref(remote, name.removeprefix(BRANCHES))
            updates.append(RefUpdate(local, ours.get(local), new, RefState.FORWARD))
        elif name.startswith(TAGS):
            tag_ref(name.removeprefix(TAGS))
            updates.append(_taken(name, ours.get(name), new, "another tag of that name is here"))
        elif name.startswith(FIXED):
            updates.append(_fixed(check_fixed_ref(name), ours.get(name), new, "here"))
    if prune:
        prefix = remote_ref(remote, "x")[:-1]
        kept = {update.name for update in updates}
        gone = [name for name in ours if name.startswith(prefix) and name not in kept]
        updates += [RefUpdate(name, ours[name], None, RefState.DELETED) for name in sorted(gone)]
    return updates


def _taken(name: str, old: Digest | None, new: Digest, clash: str) -> RefUpdate:
    """Return the update of a ref that never moves."""
    if old is None or old == new:
        return RefUpdate(name, old, new, RefState.NEW if old is None else RefState.SAME)
    return RefUpdate(name, old, new, RefState.REJECTED, clash)


def _fixed(name: str, old: Digest | None, new: Digest, where: str) -> RefUpdate:
    """Return the update of a run, a release or an attestation; one that is named by its content is equal."""
    if old is not None and name.startswith(ATTESTATIONS):
        return RefUpdate(name, old, old, RefState.SAME)
    kind = fixed_kind(name)
    return _taken(name, old, new, f"another {kind} of that {'id' if kind == 'run' else 'name'} is {where}")


def judged(update: RefUpdate, follows: Callable[[Digest, Digest], bool]) -> RefUpdate:
    """Return a fetched ref's update with its true state; a remote branch may have been rewritten.

    Args:
        update: As planned.
        follows: Says whether the new value goes on from the old one.
    """
    if update.state in (RefState.REJECTED, RefState.DELETED):
        return update
    state = RefState.FORWARD
    if update.old == update.new:
        state = RefState.SAME
    elif update.old is None:
        state = RefState.NEW
    elif update.new is None or not follows(update.old, update.new):
        state = RefState.FORCED
    return RefUpdate(update.name, update.old, update.new, state)


def moving(updates: Iterable[RefUpdate]) -> list[RefUpdate]:
    """Return the updates that change something."""
    return [update for update in updates if update.state not in (RefState.SAME, RefState.REJECTED)]


def _follows(other: Repository, local: Repository, old: Digest, new: Digest) -> bool:
    """Say whether a branch of the other side goes on from what it was; a bundle has only newer commits."""
    if any(_forward(local, old, before) for before in prerequisites(other)):
        return True
    history = History.of(other)
    return other.objects.has(old) and history.is_ancestor(peel(other.objects, old), peel(other.objects, new))


def plan_push(
    local: Repository,
    theirs: Mapping[str, Digest],
    remote: str,
    options: PushOptions,
    *,
    busy: str | None = None,
) -> list[RefUpdate]:
    """Say how the refs of another side move.

    Args:
        local: Has what is pushed.
        theirs: The refs of the other side.
        remote: Its name here.
        options: What is pushed.
        busy: The ref that is checked out there.

    Raises:
        NotFound: A branch is not here, or to be removed and not there.
    """
    ours = local.root().refs
    updates = []
    for branch in options.branches:
        name = branch_ref(branch)
        old, new = theirs.get(name), None if options.delete else ours.get(name)
        if options.delete and old is None:
            raise NotFound(f"{remote} has no branch {branch}")
        if not options.delete and new is None:
            raise NotFound(f"no branch {branch} here", hint="commit first, or name another branch")
        seen = ours.get(remote_ref(remote, branch))
        state, reason = _push_state(local, old, new, lease=options.lease and old == seen)
        if busy == name and state != RefState.SAME:
            state, reason = RefState.REJECTED, "it is checked out there"
        updates.append(RefUpdate(name, old, new, state, reason))
    for name in sorted(ours):
        if options.tags and name.startswith(TAGS):
            clash = "another tag of that name is there"
            updates.append(_taken(name, theirs.get(name), ours[name], clash))
        elif name.startswith(FIXED) and _is_sent(name, ours[name], theirs.get(name), options):
            updates.append(_fixed(name, theirs.get(name), ours[name], "there"))
    return updates


def _is_sent(name: str, new: Digest, old: Digest | None, options: PushOptions) -> bool:
    """Return whether a push tells of a ref that is made once: one that is not there, or another release."""
    if options.delete or (name.startswith(RUNS) and not options.runs):
        return False
    return old is None or (name.startswith(RELEASES) and old != new)


def _push_state(
    local: Repository, old: Digest | None, new: Digest | None, *, lease: bool
) -> tuple[RefState, str]:
    if old == new:
        return RefState.SAME, ""
    if new is None:
        return RefState.DELETED, ""
    if old is None:
        return RefState.NEW, ""
    if _forward(local, old, new):
        return RefState.FORWARD, ""
    if lease:
        return RefState.FORCED, ""
    return RefState.REJECTED, "it has commits that are not here"


def _forward(local: Repository, old: Digest, new: Digest | None) -> bool:
    objects = local.objects
    if new is None or not objects.has(old):
        return False
    return History.of(local).is_ancestor(peel(objects, old), peel(objects, new))


def remember_push(local: Repository, remote: str, updates: Sequence[RefUpdate]) -> None:
    """Move the remote branches here; the push itself is done, whoever else does so at the same time."""
    branches = [update for update in updates if update.name.startswith(BRANCHES)]
    for _ in range(_TRIES):
        with suppress(Conflict), local.transaction(f"push to {remote}") as transaction:
            for update in branches:
                transaction.set_ref(remote_ref(remote, update.name.removeprefix(BRANCHES)), update.new)
            return


def refuse(exchange: Exchange, remote: str) -> None:
    """Raise for refs that a push could not move.

    Raises:
        Conflict: There are some.
    """
    if exchange.rejected:
        first = exchange.rejected[0]
        hint = "run 'tether pull' first, then push again"
        if first.name.startswith(RELEASES):
            hint = "a release is never changed: make one of another version"
        elif "checked out" in first.reason:
            hint = "push to another branch, or to a bare repository ('tether init --bare')"
        raise Conflict(f"{remote} refused {short_ref(first.name)}: {first.reason}", hint=hint)
