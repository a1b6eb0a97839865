"""Joining another line of work into this one, and settling what is in conflict."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from tether.api.joined import MergeResult
from tether.api.opened import Opened
from tether.api.working import Change, branch_of, carry, changing, refuse, tree_of
from tether.core.digest import Digest
from tether.core.kinds import ObjectKind
from tether.core.names import BRANCHES, REMOTES, TAGS
from tether.core.objects import Commit
from tether.core.pathfilter import literal
from tether.core.tree import EntryKind
from tether.core.treediff import diff_trees
from tether.core.treeedit import edit_tree
from tether.core.treeread import find_many
from tether.errors import Conflict, InvalidInput, NotFound
from tether.repo.history import History, shallow_commits
from tether.repo.mergestate import (
    MERGE,
    STASH,
    ConflictRow,
    MergeState,
    current_state,
    put_state,
    refuse_unresolved,
)
from tether.repo.partial import partial_of, set_partial
from tether.repo.revision import find_ref, resolve
from tether.repo.root import DEFAULT_BRANCH, Root
from tether.repo.transaction import Transaction
from tether.worktree.compare import compare
from tether.worktree.folders import Folders, lstat_record, split
from tether.worktree.plan import CheckoutPlan, local_change, plan_checkout

if TYPE_CHECKING:
    from tether.repo.merge import MergeOutcome


@dataclass(frozen=True, slots=True)
class MergeOptions:
    """How to merge.

    Attributes:
        message: What the commit says; None for a line that names both sides.
        ff_only: Only follow the other side, never make a commit.
        no_ff: Make a commit even where following would do.
        allow_unrelated: Join histories that have nothing in common.
    """

    message: str | None = None
    ff_only: bool = False
    no_ff: bool = False
    allow_unrelated: bool = False


MERGE_DEFAULT = MergeOptions()


def merge(repo: Opened, rev: str, options: MergeOptions = MERGE_DEFAULT) -> MergeResult:
    """Join a revision into what is checked out.

    Raises:
        Conflict: Local changes are in the way, something else is under way, or it cannot be followed
            and `ff_only` is set; nothing has changed.
        InvalidInput: The histories have nothing in common.
        NotFound: There is no such revision.
    """
    with changing(repo, f"merge {rev}") as change:
        root = change.transaction.root
        refuse_busy(repo, root)
        theirs = resolve(repo.repository, rev)
        result = _Merging(repo, change, rev, options).run(theirs)
    return result._replace(id=repo.repository.root().head_commit(), files=change.files)


class _Merging:
    """One merge."""

    def __init__(self, repo: Opened, change: Change, rev: str, options: MergeOptions) -> None:
        self._repo, self._change, self._rev, self._options = repo, change, rev, options
        self._transaction, self._root = change.transaction, change.transaction.root
        self._branch = branch_of(self._root)

    def run(self, theirs: Digest) -> MergeResult:
        head = self._root.head_commit()
        if head is None:
            return self._follow(theirs)
        history = History(self._transaction.objects, shallow_commits(self._root))
        if history.is_ancestor(theirs, head):
            return MergeResult(head, self._branch, up_to_date=True)
        follows = history.is_ancestor(head, theirs)
        if follows and not self._options.no_ff:
            return self._follow(theirs)
        if self._options.ff_only:
            raise Conflict(
                f"cannot follow {self._rev}: both sides have commits of their own",
                hint="merge without --ff-only, or 'tether rebase' first",
            )
        return self._join(history, head, theirs)

    def _follow(self, theirs: Digest) -> MergeResult:
        tree = tree_of(self._repo, theirs)
        stage = carry(self._transaction, tree_of(self._repo, self._root.head_commit()), tree)
        self._transaction.advance(theirs)
        self._change.show(stage)
        return MergeResult(theirs, self._branch, fast_forward=True)

    def _join(self, history: History, head: Digest, theirs: Digest) -> MergeResult:
        from tether.repo.merge import Labels, MergeOutcome, Merger

        refuse_staged(self._repo, self._transaction)
        merger = Merger.of(self._repo.repository, self._transaction, is_taken(self._repo), history)
        labels = Labels(self._branch or "HEAD", self._rev)
        outcome = merger.merge_commits(head, theirs, labels)
        if outcome.base is None and not self._options.allow_unrelated:
            raise InvalidInput(
                f"{self._rev} has no history in common with this branch",
                hint="--allow-unrelated-histories joins them anyway",
            )
        message = self._options.message or merge_message(self._root, self._rev)
        if outcome.fast_forward:  # --no-ff
            outcome = MergeOutcome(merger.tree(theirs), merger.tree(theirs), base=head)
        if outcome.conflicts:
            state = stopped(self._root, MERGE, theirs, message)
            stop(self._change, state, outcome)
            return MergeResult(head, self._branch, conflicts=outcome.conflicts)
        commit = make_commit(self._repo, self._transaction, outcome.tree, (head, theirs), message)
        self._transaction.advance(commit)
        self._change.show(outcome.tree)
        return MergeResult(commit, self._branch)


def merge_message(root: Root, rev: str) -> str:
    """Return the line that says what was joined into what."""
    ref = find_ref(root, rev) or ""
    if ref.startswith(BRANCHES):
        what = f"branch '{ref.removeprefix(BRANCHES)}'"
    elif ref.startswith(REMOTES):
        what = f"remote branch '{ref.removeprefix(REMOTES)}'"
    elif ref.startswith(TAGS):
        what = f"tag '{ref.removeprefix(TAGS)}'"
    else:
        what = f"commit '{rev}'"
    branch = branch_of(root)
    into = f" into {branch}" if branch not in (None, DEFAULT_BRANCH) else ""
    return f"Merge {what}{into}\n"


# -- what stops, goes on and goes back ------------------------------------------------------


def stopped(root: Root, activity: str, other: Digest, message: str) -> MergeState:
    """Return the state of something that stops at conflicts, with where everything is now."""
    return MergeState(
        activity=activity,
        conflicts=(),
        other=other,
        message=message,
        head=root.head,
        start=root.head_commit(),
        stage=root.stage,
        files=root.stage,
    )


def stop(change: Change, state: MergeState, outcome: "MergeOutcome") -> None:
    """Leave conflicts in the working copy, and record what is under way.

    Raises:
        Conflict: Local changes would be lost; nothing has changed.
    """
    transaction = change.transaction
    change.follow(plan_stop(change, outcome))
    transaction.set_stage(outcome.tree)
    put_state(transaction, replace(state, conflicts=outcome.conflicts, files=outcome.files))


def plan_stop(change: Change, outcome: "MergeOutcome") -> CheckoutPlan:
    """Plan what a stop at conflicts writes.

    Local changes at any path that it is about are in the way: a conflict shows what both sides have, and
    `abort` leads back to exactly what was there.
    """
    objects, before = change.transaction.objects, change.transaction.root.stage
    fresh = show_conflicts(change, outcome.conflicts)
    if fresh:
        before = edit_tree(objects, before, dict.fromkeys(fresh)).digest
    plan = plan_checkout(change.worktree, objects, before, outcome.files, exact=True)
    files = [row.path for row in outcome.conflicts if row.ours and row.ours.kind != EntryKind.DIRECTORY]
    if files:
        local = compare(change.worktree, objects, before, paths=files).changes()
        plan.conflicts = sorted({*plan.conflicts, *map(local_change, local)})
    return plan


def show_conflicts(change: Change, rows: Sequence[ConflictRow]) -> list[bytes]:
    """Let the working copy show from now on the files that are in conflict: they are to be resolved there.

    Returns:
        Those of them that are not there yet.
    """
    transaction, worktree = change.transaction, change.worktree
    hidden = [name for row in rows for name in row.names() if not worktree.shown.covers(name)]
    if hidden:
        worktree.shown = worktree.shown.with_more(map(literal, hidden))
        set_partial(transaction, replace(partial_of(transaction.root), shown=worktree.shown))
    taken = is_taken(change.repo)
    return [name for name in hidden if not taken(name)]


def make_commit(
    repo: Opened, transaction: Transaction, tree: Digest, parents: tuple[Digest, ...], message: str
) -> Digest:
    """Store a commit of a tree by the one who works here."""
    now, author = repo.clock(), repo.author
    commit = Commit(tree, parents, author, now, author, now, message.strip() + "\n")
    return transaction.objects.put(ObjectKind.COMMIT, commit.encode())


def abort(repo: Opened, *activities: str) -> MergeResult:
    """Go back to where everything was before what is under way began.

    Files that it did not touch keep what they are; what was done to the others since is stored with
    the operation.

    Args:
        repo: Where.
        activities: What must be under way: one of these, or anything.

    Raises:
        NotFound: It is not.
    """
    with changing(repo, f"{activities[0] if activities else MERGE} --abort") as change:
        transaction = change.transaction
        state = required_state(repo, transaction.root, *activities)
        transaction.set_head(state.head)
        if state.head.ref is not None:
            transaction.set_ref(state.head.ref, state.start)
        objects, before = transaction.objects, shown(transaction, state.conflicts, state.files)
        touched = {c.path for c in diff_trees(objects, before, state.stage)}
        touched |= {c.path for c in diff_trees(objects, state.files, state.stage)}
        if touched:
            paths = sorted(touched)
            plan = plan_checkout(change.worktree, objects, before, state.stage, paths=paths, force=True)
            change.follow(plan)
        transaction.set_stage(state.stage)
        transaction.set_state(None)
    root = repo.repository.root()
    return MergeResult(root.head_commit(), branch_of(root), files=change.files)


def shown(transaction: Transaction, rows: Sequence[ConflictRow], files: Digest) -> Digest:
    """Return the stage with what a merge wrote in the working copy at the paths of some conflicts."""
    names = sorted({name for row in rows for name in row.names()})
    written = find_many(transaction.objects, files, names)
    changes = {name: written.get(name) for name in names}
    return edit_tree(transaction.objects, transaction.root.stage, changes).digest


def finish(repo: Opened, message: str | None = None) -> MergeResult:
    """Make the commit of a merge whose conflicts are all settled.

    Raises:
        NotFound: No merge is under way.
        Conflict: Some paths are left to decide.
    """
    with changing(repo, "merge --continue") as change:
        transaction = change.transaction
        root = transaction.root
        state = required_state(repo, root, MERGE)
        refuse_unresolved(state)
        parents = tuple(commit for commit in (root.head_commit(), state.other) if commit is not None)
        commit = make_commit(repo, transaction, root.stage, parents, message or state.message)
        transaction.advance(commit)
        transaction.set_state(None)
    return MergeResult(commit, branch_of(root))


def required_state(repo: Opened, root: Root, *activities: str) -> MergeState:
    """Return what is under way: one of these activities, or any.

    Raises:
        NotFound: Nothing is, or something else.
    """
    state = current_state(repo.repository.objects, root.state)
    wanted = activities[0] if activities else MERGE
    if state is None:
        raise NotFound(f"no {wanted} is under way")
    if activities and state.activity not in activities:
        raise NotFound(
            f"no {wanted} is under way, but a {state.activity}",
            hint=f"'tether {state.activity} --abort' goes back to where it began",
        )
    return state


def refuse_busy(repo: Opened, root: Root) -> None:
    """Refuse to begin while something else is under way.

    Raises:
        Conflict: It is.
    """
    state = current_state(repo.repository.objects, root.state)
    if state is not None:
        verb = MERGE if state.activity == STASH else state.activity
        raise Conflict(
            f"a {state.activity} is under way",
            hint=f"finish it with 'tether {verb} --continue', or go back with 'tether {verb} --abort'",
        )


def refuse_staged(repo: Opened, transaction: Transaction) -> None:
    """Refuse while something is staged, which a commit made now would take in.

    Raises:
        Conflict: Something is.
    """
    root = transaction.root
    head = tree_of(repo, root.head_commit())
    if head != root.stage:
        refuse(
            [change.path for change in diff_trees(transaction.objects, head, root.stage)], "staged changes"
        )


def is_taken(repo: Opened) -> Callable[[bytes], bool]:
    """Return what says whether something is at a path of the working copy."""

    def is_there(path: bytes) -> bool:
        folder, name = split(path)
        with Folders(repo.root) as folders:
            try:
                return lstat_record(name, folders.open(folder)) is not None
            except OSError:
                return False

    return is_there
