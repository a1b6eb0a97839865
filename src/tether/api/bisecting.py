"""Bisection: finding the first bad commit by trying the ones in the middle.

Its state is refs: `refs/bisect/bad`, `refs/bisect/good/<id>`, `refs/bisect/skip/<id>`, and
`refs/bisect/start/<ref>` to the commit where it began, so that `reset` finds the branch again.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

from tether.api.opened import Opened
from tether.api.working import Change, carry, changing, refuse_under_way, tree_of
from tether.core.digest import Digest
from tether.errors import Conflict, InvalidInput, NotFound
from tether.repo.history import History, ParentsOf
from tether.repo.operations import Head, walk_operations
from tether.repo.revision import resolve
from tether.repo.root import Root

PREFIX = "refs/bisect/"

_BAD = PREFIX + "bad"
_GOOD = PREFIX + "good/"
_SKIP = PREFIX + "skip/"
_START = PREFIX + "start/"
_DETACHED = "detached"

Verdict = Literal["good", "bad", "skip"]

_SKIP_CODE = 125
_ABORT_CODE = 128


@dataclass(frozen=True, slots=True)
class Progress:
    """Where a bisection stands.

    Attributes:
        bad: The newest commit known to be bad.
        good: Commits known to be good.
        current: The commit to try now; None when it is over, or when good or bad is not known yet.
        left: How many commits could be the first bad one.
        first_bad: The first bad commit, when it is found.
        suspects: When only skipped commits are left, those that could be the first bad one.
    """

    bad: Digest | None
    good: tuple[Digest, ...]
    current: Digest | None = None
    left: int = 0
    first_bad: Digest | None = None
    suspects: tuple[Digest, ...] = ()

    @property
    def over(self) -> bool:
        """Whether there is nothing left to try."""
        return self.first_bad is not None or bool(self.suspects)


class LogLine(NamedTuple):
    """A step of a bisection, as the operation log has it."""

    command: str
    commit: Digest | None
    """What was checked out after it."""


def start(repo: Opened, bad: str | None = None, good: Sequence[str] = ()) -> Progress:
    """Begin, and check out the commit to try first as soon as a bad and a good one are known.

    Raises:
        Conflict: A bisection or a merge is under way, or local changes are in the way.
        InvalidInput: A good commit does not come before the bad one.
    """
    command = " ".join(["bisect start", *([bad] if bad else []), *good])
    with changing(repo, command) as change:
        transaction = change.transaction
        root = transaction.root
        refuse_under_way(transaction.objects, root, "bisect")
        if _origin(root) is not None:
            raise Conflict("a bisection is under way", hint="'tether bisect reset' ends it")
        head = root.head_commit()
        if head is None:
            raise NotFound("the branch has no commits yet", hint="run 'tether commit' to make the first")
        transaction.set_ref(_START + (root.head.ref or _DETACHED).removeprefix("refs/"), head)
        known = _Known(resolve(repo.repository, bad) if bad else None)
        known.good = {resolve(repo.repository, rev) for rev in good}
        return _step(repo, change, known)


def mark(repo: Opened, verdict: Verdict, revs: Sequence[str] = ()) -> Progress:
    """Say of commits, by default of the one that is checked out, what they are, and go to the next.

    Raises:
        NotFound: No bisection is under way.
        InvalidInput: A good commit does not come before the bad one, or several are called bad.
    """
    with changing(repo, " ".join([f"bisect {verdict}", *revs])) as change:
        root = change.transaction.root
        _require(root)
        known = _known(root)
        commits = [resolve(repo.repository, rev) for rev in revs or ("HEAD",)]
        if verdict == "good":
            known.good.update(commits)
        elif verdict == "skip":
            known.skip.update(commits)
        elif len(commits) > 1:
            raise InvalidInput("only one commit can be the bad one")
        else:
            known.bad = commits[0]
        return _step(repo, change, known)


def reset(repo: Opened, rev: str | None = None) -> Digest | None:
    """End the bisection and go back to where it began, or to `rev`; return what is checked out then.

    Raises:
        NotFound: No bisection is under way.
        Conflict: Local changes are in the way.
    """
    with changing(repo, "bisect reset") as change:
        transaction = change.transaction
        root = transaction.root
        head = _require(root)
        if rev is not None:
            ref = f"refs/heads/{rev}"
            head = Head(ref) if ref in root.refs else Head(None, resolve(repo.repository, rev))
        for name in root.refs:
            if name.startswith(PREFIX):
                transaction.set_ref(name, None)
        commit = root.refs.get(head.ref) if head.ref is not None else head.commit
        transaction.set_head(head)
        _show(repo, change, commit)
    return commit


def log(repo: Opened) -> list[LogLine]:
    """Return the steps of the bisection that is under way, the first one first.

    Raises:
        NotFound: None is.
    """
    root = repo.repository.root()
    _require(root)
    lines: list[LogLine] = []
    for operation in walk_operations(root.operations, root.older_operations, repo.repository.objects):
        if operation.command.startswith("bisect "):
            lines.append(LogLine(operation.command, operation.after.head.commit))
        if operation.command.startswith("bisect start"):
            break
    return lines[::-1]


def status(repo: Opened) -> Progress:
    """Return where the bisection stands.

    Raises:
        NotFound: None is under way.
    """
    root = repo.repository.root()
    _require(root)
    return _next(History.of(repo.repository), _known(root))


def run(repo: Opened, try_it: Callable[[], int], report: Callable[[Progress], None]) -> Progress:
    """Try commit after commit with a command until the first bad one is found.

    Args:
        repo: Where.
        try_it: Runs the command and returns its exit code: 0 is good, 125 skips, others below 128 are bad.
        report: Told where the bisection stands after each trial.

    Raises:
        InvalidInput: The command ended with 128 or more, or by a signal.
        NotFound: No bisection is under way, or no bad and good commits are known yet.
    """
    found = status(repo)
    if found.current is None and not found.over:
        raise NotFound(
            "a bad and a good commit are not known yet", hint="'tether bisect start BAD GOOD' names them"
        )
    while not found.over:
        code = try_it()
        if code < 0 or code >= _ABORT_CODE:
            raise InvalidInput(f"the command ended with {code}, which says neither good nor bad")
        found = mark(repo, "good" if code == 0 else "skip" if code == _SKIP_CODE else "bad")
        report(found)
    return found


class _Known:
    """What has been said of commits."""

    def __init__(self, bad: Digest | None) -> None:
        self.bad = bad
        self.good: set[Digest] = set()
        self.skip: set[Digest] = set()


def _known(root: Root) -> _Known:
    known = _Known(root.refs.get(_BAD))
    known.good = {commit for name, commit in root.refs.items() if name.startswith(_GOOD)}
    known.skip = {commit for name, commit in root.refs.items() if name.startswith(_SKIP)}
    return known


def _origin(root: Root) -> Head | None:
    """Return what was checked out when the bisection began; None when none is under way."""
    for name, commit in root.refs.items():
        if name.startswith(_START):
            rest = name.removeprefix(_START)
            return Head(None, commit) if rest == _DETACHED else Head(f"refs/{rest}")
    return None


def _require(root: Root) -> Head:
    origin = _origin(root)
    if origin is None:
        raise NotFound("no bisection is under way", hint="'tether bisect start BAD GOOD' begins one")
    return origin


def _step(repo: Opened, change: Change, known: _Known) -> Progress:
    """Record what is known and check out the next commit to try."""
    transaction = change.transaction
    history = History.of(repo.repository)
    if known.bad is not None:
        transaction.set_ref(_BAD, known.bad)
        for commit in known.good:
            if commit == known.bad or not history.is_ancestor(commit, known.bad):
                raise InvalidInput(
                    f"the good commit {commit.hex()[:12]} does not come before the bad one",
                    hint="swap them, or name another good one",
                )
    for commit in known.good:
        transaction.set_ref(_GOOD + commit.hex()[:16], commit)
    for commit in known.skip:
        transaction.set_ref(_SKIP + commit.hex()[:16], commit)
    progress = _next(history, known)
    target = progress.first_bad or progress.current
    if target is not None and target != transaction.root.head_commit():
        transaction.set_head(Head(None, target))
        _show(repo, change, target)
    return progress


def _show(repo: Opened, change: Change, commit: Digest | None) -> None:
    transaction = change.transaction
    now = tree_of(repo, transaction.root.head_commit())
    change.show(carry(transaction, now, tree_of(repo, commit)))


def _next(history: History, known: _Known) -> Progress:
    """Find the commit that splits what is left best."""
    good = tuple(sorted(known.good))
    if known.bad is None or not known.good:
        return Progress(known.bad, good)
    candidates = history.between(known.good, [known.bad])
    if candidates == {known.bad}:
        return Progress(known.bad, good, left=1, first_bad=known.bad)
    ranked = _by_split(history, candidates)
    current = next((each for each in ranked if each not in known.skip and each != known.bad), None)
    if current is None:
        suspects = tuple(sorted(candidates, key=history.time))
        return Progress(known.bad, good, left=len(candidates), suspects=suspects)
    return Progress(known.bad, good, current, len(candidates))


def _by_split(history: History, candidates: set[Digest]) -> list[Digest]:
    """Return commits from the one that tells most: the smaller of the two parts it makes is largest.

    In a line each commit has one more below it than its parent; only for a merge is it counted anew.
    """
    order = list(history.walk(_tips(history, candidates), order="topo", parents=_within(candidates)))
    age = {digest: number for number, digest in enumerate(reversed(order))}
    below: dict[Digest, int] = {}
    for digest in reversed(order):
        parents = [parent for parent in history.parents(digest) if parent in candidates]
        if len(parents) > 1:
            below[digest] = _count_below(history, candidates, digest)
        else:
            below[digest] = 1 + sum(below[parent] for parent in parents)
    return sorted(order, key=lambda digest: (-min(below[digest], len(order) - below[digest]), age[digest]))


def _count_below(history: History, candidates: set[Digest], start: Digest) -> int:
    seen, waiting = {start}, [start]
    while waiting:
        for parent in history.parents(waiting.pop()):
            if parent in candidates and parent not in seen:
                seen.add(parent)
                waiting.append(parent)
    return len(seen)


def _tips(history: History, candidates: Iterable[Digest]) -> list[Digest]:
    members = set(candidates)
    return sorted(members - {parent for digest in members for parent in history.parents(digest)})


def _within(candidates: set[Digest]) -> ParentsOf:
    return lambda _, commit: tuple(parent for parent in commit.parents if parent in candidates)
