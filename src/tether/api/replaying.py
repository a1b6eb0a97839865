"""Replaying commits on the current branch: cherry-pick, revert and rebase, and going on after a conflict."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from tether.api.merging import (
    is_taken,
    plan_stop,
    refuse_busy,
    refuse_staged,
    required_state,
    shown,
    stopped,
)
from tether.api.opened import Opened
from tether.api.working import Change, branch_of, changing
from tether.core.digest import Digest
from tether.core.treediff import diff_trees
from tether.errors import InvalidInput, NotFound
from tether.repo.history import History
from tether.repo.merge import Merger
from tether.repo.mergestate import (
    CHERRY_PICK,
    REBASE,
    REVERT,
    ConflictRow,
    MergeState,
    put_state,
    refuse_unresolved,
)
from tether.repo.operations import Head
from tether.repo.replay import Made, Replay, Replayed, commits_to_replay
from tether.repo.revision import resolve, split_range
from tether.worktree.plan import CheckoutPlan, plan_checkout


@dataclass(frozen=True, slots=True)
class ReplayResult:
    """What came of a cherry-pick, revert or rebase.

    Attributes:
        id: The commit that is checked out now.
        branch: The branch that is checked out; None for none, as in a rebase that stopped.
        made: The new commits with those they were made from.
        skipped: Commits whose change was there already.
        conflicts: What is left to decide.
        stopped_at: The commit whose change is in conflict.
        fast_forward: The branch just followed.
        up_to_date: There was nothing to do.
    """

    id: Digest | None
    branch: str | None
    made: tuple[Made, ...] = ()
    skipped: tuple[Digest, ...] = ()
    conflicts: tuple[ConflictRow, ...] = ()
    stopped_at: Digest | None = None
    fast_forward: bool = False
    up_to_date: bool = False


@dataclass(slots=True)
class _Work:
    """One replay in one transaction."""

    repo: Opened
    change: Change
    activity: str
    mainline: int = 0
    replay: Replay = field(init=False)

    def __post_init__(self) -> None:
        transaction = self.change.transaction
        merger = Merger.of(self.repo.repository, transaction, is_taken(self.repo))
        self.replay = Replay(
            merger,
            self.repo.author,
            self.repo.clock,
            branch_of(transaction.root) or "HEAD",
            self.mainline,
            backwards=self.activity == REVERT,
        )

    def end(self, state: MergeState, replayed: Replayed, plan: CheckoutPlan | None = None) -> None:
        """Record what was replayed: the end of it, or where it stopped.

        Args:
            state: Where everything was before it began.
            replayed: What came of it.
            plan: How the working files follow; None where they come from the stage.
        """
        transaction, stop = self.change.transaction, replayed.stop
        tree, files = self.trees(replayed)
        if plan is None and stop is not None:
            plan = plan_stop(self.change, stop.outcome)
        elif plan is None:
            before = transaction.root.stage
            plan = plan_checkout(self.change.worktree, transaction.objects, before, files)
        self.change.follow(plan)
        transaction.set_stage(tree)
        if self.activity == REBASE and stop is not None:
            transaction.set_head(Head(None, replayed.tip))
        else:
            transaction.set_head(state.head)
            transaction.advance(replayed.tip)
        if stop is None:
            transaction.set_state(None)
            return
        rest = replace(state, other=stop.commit, message=stop.message, todo=replayed.todo)
        put_state(transaction, replace(rest, conflicts=stop.outcome.conflicts, files=files))

    def trees(self, replayed: Replayed) -> tuple[Digest, Digest]:
        """Return the stage and the working files after a replay."""
        if replayed.stop is not None:
            return replayed.stop.outcome.tree, replayed.stop.outcome.files
        tree = self.replay.merger.tree(replayed.tip)
        return tree, tree


def cherry_pick(repo: Opened, revs: Sequence[str], *, mainline: int = 0) -> ReplayResult:
    """Apply the changes of commits here, each as a commit of its own; `A..B` stands for a range.

    Args:
        repo: Where.
        revs: The commits.
        mainline: For a merge, the number of the parent that its change is against.

    Raises:
        NotFound: There is no such revision, or no commit to apply it to.
        InvalidInput: One is a merge and there is no `mainline`.
        Conflict: Local changes are in the way, or something else is under way.
    """
    return _pick(repo, CHERRY_PICK, revs, mainline)


def revert(repo: Opened, revs: Sequence[str], *, mainline: int = 0) -> ReplayResult:
    """Make commits that undo others; see `cherry_pick`."""
    return _pick(repo, REVERT, revs, mainline)


def _pick(repo: Opened, activity: str, revs: Sequence[str], mainline: int) -> ReplayResult:
    with changing(repo, f"{activity} {' '.join(revs)}") as change:
        transaction = change.transaction
        refuse_busy(repo, transaction.root)
        refuse_staged(repo, transaction)
        head = _head(change)
        todo = _commits(repo, revs, backwards=activity == REVERT)
        if mainline and len(todo) > 1:
            raise InvalidInput("-m goes with one commit")
        work = _Work(repo, change, activity, mainline)
        replayed = work.replay.run(head, todo)
        work.end(stopped(transaction.root, activity, head, ""), replayed)
    return _result(repo, replayed)


def rebase(repo: Opened, rev: str, *, onto: str | None = None) -> ReplayResult:
    """Replay the commits that only the current branch has on top of `rev`, or of `onto`.

    Merges are left out, and so are commits whose change the other side has already.

    Raises:
        NotFound: There is no such revision.
        Conflict: Local changes are in the way, or something else is under way.
    """
    with changing(repo, f"rebase {rev}") as change:
        transaction = change.transaction
        refuse_busy(repo, transaction.root)
        refuse_staged(repo, transaction)
        head, upstream = _head(change), resolve(repo.repository, rev)
        base = resolve(repo.repository, onto) if onto is not None else upstream
        work = _Work(repo, change, REBASE)
        history = work.replay.merger.history
        todo = commits_to_replay(transaction.objects, history, upstream, head)
        if _stands_on(history, todo, base, head):
            return ReplayResult(head, branch_of(transaction.root), up_to_date=True)
        replayed = work.replay.run(base, todo)
        state = stopped(transaction.root, REBASE, head, "")
        work.end(replace(state, onto=base), replayed)
    result = _result(repo, replayed)
    return replace(result, fast_forward=not todo)


def _stands_on(history: History, todo: Sequence[Digest], base: Digest, head: Digest) -> bool:
    """Say whether the commits lie in one line on top of `base` already."""
    below = base
    for digest in todo:
        if history.parents(digest) != (below,):
            return False
        below = digest
    return below == head


def go_on(repo: Opened, activity: str, message: str | None = None) -> ReplayResult:
    """Commit what was settled and replay the rest.

    Raises:
        NotFound: It is not under way.
        Conflict: Some paths are left to decide.
    """
    with changing(repo, f"{activity} --continue") as change:
        transaction = change.transaction
        state = required_state(repo, transaction.root, activity)
        refuse_unresolved(state)
        head, source = _head(change), state.other
        work = _Work(repo, change, activity)
        first = Replayed(head)
        if transaction.root.stage == work.replay.merger.tree(head):
            first.skipped += [source] if source is not None else []
        elif source is not None:
            text = message.strip() + "\n" if message else state.message
            first.tip = work.replay.make(source, transaction.root.stage, head, text)
            first.made.append(Made(source, first.tip, text.partition("\n")[0]))
        replayed = work.replay.run(first.tip, state.todo)
        replayed.made[:0], replayed.skipped[:0] = first.made, first.skipped
        work.end(state, replayed)
    return _result(repo, replayed)


def skip(repo: Opened, activity: str) -> ReplayResult:
    """Leave out the commit that is in conflict and replay the rest.

    Files that the commit did not touch keep what they are.

    Raises:
        NotFound: It is not under way.
        Conflict: Local changes are in the way of the rest; nothing has changed.
    """
    with changing(repo, f"{activity} --skip") as change:
        transaction = change.transaction
        state = required_state(repo, transaction.root, activity)
        work = _Work(repo, change, activity)
        replayed = work.replay.run(_head(change), state.todo)
        replayed.skipped[:0] = [state.other] if state.other is not None else []
        work.end(state, replayed, _plan_back(work, state, replayed))
    return _result(repo, replayed)


def _plan_back(work: _Work, state: MergeState, replayed: Replayed) -> CheckoutPlan:
    """Plan from what a stop left in the working copy; only what it touched may be overwritten."""
    transaction, worktree = work.change.transaction, work.change.worktree
    objects, target = transaction.objects, work.trees(replayed)[1]
    before = shown(transaction, state.conflicts, state.files)
    here = work.replay.merger.tree(_head(work.change))
    touched = {each.path for tree in (before, state.files) for each in diff_trees(objects, tree, here)}
    careful = plan_checkout(worktree, objects, before, target)
    careful.conflicts = [each for each in careful.conflicts if each.path not in touched]
    careful.check()
    touched |= {each.path for each in diff_trees(objects, before, target)}
    if not touched:
        return careful
    return plan_checkout(worktree, objects, before, target, paths=sorted(touched), force=True)


def _commits(repo: Opened, revs: Sequence[str], *, backwards: bool) -> list[Digest]:
    """Return the commits that are named, in the order in which to replay them."""
    history = History.of(repo.repository)
    todo: list[Digest] = []
    for rev in revs:
        ends = split_range(rev)
        if ends is None:
            todo.append(resolve(repo.repository, rev))
            continue
        old, new = resolve(repo.repository, ends.old), resolve(repo.repository, ends.new)
        found = [each for each in history.walk([new], [old], order="topo") if len(history.parents(each)) < 2]
        todo += found if backwards else reversed(found)
    if not todo:
        raise InvalidInput("no commits are named")
    return todo


def _head(change: Change) -> Digest:
    head = change.transaction.root.head_commit()
    if head is None:
        raise NotFound("the branch has no commits yet", hint="run 'tether commit' to make the first")
    return head


def _result(repo: Opened, replayed: Replayed) -> ReplayResult:
    root, stop = repo.repository.root(), replayed.stop
    return ReplayResult(
        root.head_commit(),
        branch_of(root),
        tuple(replayed.made),
        tuple(replayed.skipped),
        stop.outcome.conflicts if stop else (),
        stop.commit if stop else None,
    )
