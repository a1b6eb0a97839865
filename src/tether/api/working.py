"""The working copy and what writes it: checkout of a commit, with stage and HEAD in one operation.

What writes files is imported when files are written: commands that only store some need not wait for it.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from tether.api.opened import Opened
from tether.core.digest import Digest
from tether.core.kinds import ObjectReader
from tether.core.names import BRANCHES, display
from tether.core.tree import EMPTY_TREE, Entry
from tether.core.treediff import diff_trees
from tether.core.treeedit import edit_tree
from tether.core.treeread import walk
from tether.errors import Conflict, InvalidInput, TetherError, Unavailable
from tether.repo.history import History
from tether.repo.mergestate import MERGE, STASH, current_state
from tether.repo.operations import Head, Operation
from tether.repo.oplog import apply_goal, read_operations, undo_goal
from tether.repo.partial import partial_of
from tether.repo.repository import Repository
from tether.repo.root import Root
from tether.repo.transaction import Transaction
from tether.worktree.journal import PendingCheckout, pending, remove_journal, write_journal
from tether.worktree.worktree import WorkTree

if TYPE_CHECKING:
    from tether.worktree.landing import Landing
    from tether.worktree.plan import CheckoutPlan

_NAMED = 10
_KEEP = "commit them, or put them aside with 'tether stash'"


class Moved(NamedTuple):
    """What a command that writes working files did."""

    branch: str | None
    """The branch that is checked out now; None when HEAD is detached."""
    commit: Digest | None
    files: int
    """Files written or removed."""


@dataclass(frozen=True, slots=True)
class Move:
    """Where a command takes the working copy.

    Attributes:
        command: For the operation log.
        target: Tells, when it has its turn, which commit the files shall be like; None for no files.
        ref: The ref that HEAD names from then on; None leaves HEAD as it is.
        detach: Let HEAD name the commit itself.
        advance: Move the branch of HEAD to the commit as well, as `reset` does.
        force: Overwrite local changes; they are kept in the operation for `undo`.
        durable: Make the files durable before the command ends, as `clone` does.
        landing: Has files that came already.
    """

    command: str
    target: Callable[[Root], Digest | None]
    ref: str | None = None
    detach: bool = False
    advance: bool = False
    force: bool = False
    durable: bool = False
    landing: "Landing | None" = None


class Change:
    """One command that changes root and working files together; see `changing`.

    Attributes:
        repo: Whose.
        transaction: Where objects, refs and the stage are changed.
        worktree: Whose files, held alone.
        command: For the operation log.
        files: How many were written or removed, when it is over.
        landing: Has files that came already.
    """

    def __init__(self, repo: Opened, worktree: WorkTree, transaction: Transaction, command: str) -> None:
        self.repo, self.worktree, self.transaction = repo, worktree, transaction
        self.command = command
        self._plan: CheckoutPlan | None = None
        self._durable = False
        self.files = 0
        self.landing: Landing | None = None

    def show(
        self, stage: Digest, *, paths: Sequence[bytes] = (), force: bool = False, durable: bool = False
    ) -> None:
        """Set the stage, and let the working files follow when the block ends.

        Args:
            stage: The new stage, of which contents may be new in the transaction.
            paths: Let only these files and folders follow; everything if empty.
            force: Overwrite local changes; they are stored and named in the operation first.
            durable: Make the files durable.

        Raises:
            Conflict: Local changes would be lost and `force` is not set; nothing has changed.
        """
        from tether.worktree.plan import plan_checkout

        transaction = self.transaction
        before = transaction.root.stage
        plan = plan_checkout(
            self.worktree, transaction.objects, before, stage, paths=tuple(paths), force=force
        )
        self.follow(plan, durable=durable)
        transaction.set_stage(stage)

    def follow(self, plan: "CheckoutPlan", *, durable: bool = False) -> None:
        """Let the working files follow a plan when the block ends; the stage is left to the caller.

        Raises:
            Conflict: The plan would lose local changes; nothing has changed.
        """
        plan.check()
        if plan.writes and self.repo.repository.absent.record():
            from tether.api.supplying import supply

            supply(self.repo, {write.entry.digest: write.path for write in plan.writes}, self.command)
        if plan.rescues:
            from tether.worktree.rescue import keep_files

            kept: dict[bytes, Entry | None] = dict(keep_files(self.worktree, self.transaction, plan.rescues))
            self.transaction.rescue(edit_tree(self.transaction.objects, EMPTY_TREE, kept).digest)
        if not plan.is_empty:
            self.transaction.record()
        self._plan, self._durable = plan, durable

    def announce(self) -> None:
        """Record the checkout durably, before the root moves."""
        plan = self._plan
        if plan is not None and not plan.is_empty:
            operation = self.transaction.write_id
            write_journal(
                self.worktree, PendingCheckout(plan.from_tree, plan.to_tree, plan.scope(), operation)
            )

    def carry_out(self) -> None:
        """Write the files, after the root has moved."""
        from tether.worktree.checkout import execute_checkout

        plan, repository = self._plan, self.repo.repository
        if plan is None or plan.is_empty:
            return
        plan.objects = repository.objects
        done = execute_checkout(
            self.worktree,
            repository.contents,
            plan,
            progress=self.repo.progress,
            sync=self._durable,
            announced=True,
            landing=self.landing,
        )
        done.finish()
        self.files = done.written + done.deleted


def refuse_hidden(worktree: WorkTree, paths: Sequence[bytes]) -> None:
    """Refuse to write files that the working copy does not show.

    Raises:
        InvalidInput: A path is not part of it, nor is anything below it.
    """
    shown = worktree.shown
    for path in paths:
        if not (shown.covers(path) or shown.leads(path)):
            named = display(path)
            raise InvalidInput(
                f"not part of this working copy: {named}", hint=f"run 'tether fetch --path {named}' first"
            )


def open_worktree(repo: Opened, command: str = "") -> WorkTree:
    """Return the working copy of `repo`.

    Raises:
        InvalidInput: The repository is bare.
    """
    repository = repo.repository
    worktree = WorkTree.open(repo.root, repository.directory, command=command, started=repo.clock().micros)
    worktree.shown = partial_of(repository.root()).shown
    return worktree


@contextmanager
def writing(repo: Opened, command: str) -> Iterator[WorkTree]:
    """Hold the working copy alone, after bringing to an end what a stopped command left half-way.

    Raises:
        Unavailable: Another process holds it for too long.
    """
    worktree, repository = open_worktree(repo, command), repo.repository
    with worktree.exclusive(repository.wait):
        if pending(worktree):
            _recover(repo, worktree)
        yield worktree


def _operation_of(repository: Repository, begun: PendingCheckout) -> Operation | None:
    """Return the operation of a checkout that is under way; None where no file is to follow it.

    The root moves before any file is written: without its operation in the log the command wrote none.
    Where the stage or a merge went on since, the files have been followed already, and a power cut
    brought the journal back.
    """
    made = (each for each in read_operations(repository) if each.write_id == begun.operation)
    operation, now = next(made, None), repository.root().pointers()
    if operation is None or (operation.after.stage, operation.after.state) != (now.stage, now.state):
        return None
    return operation


@contextmanager
def changing(repo: Opened, command: str) -> Iterator[Change]:
    """Change root and working files as one operation.

    The root moves when the block ends, and then the files are written from what it names. Where that
    fails, both go back. A process that is stopped in between leaves a journal, and the next command
    that writes finishes the work.

    Args:
        repo: Whose root and files.
        command: For the operation log.
    """
    with writing(repo, command) as worktree:
        with repo.repository.transaction(command) as transaction:
            change = Change(repo, worktree, transaction, command)
            yield change
            change.announce()
        try:
            change.carry_out()
        except (TetherError, OSError):
            with suppress(TetherError, OSError):  # then the journal stays for the next command
                _take_back(repo, worktree)
            raise


def _take_back(repo: Opened, worktree: WorkTree) -> None:
    """Return files and root to what they were before an operation whose files could not be written.

    The files go first: that frees the disk, and until the root follows the journal leads forwards again.
    """
    repository, begun = repo.repository, pending(worktree)
    operation = _operation_of(repository, begun) if begun is not None else None
    if begun is None or operation is None:
        return
    from tether.worktree.checkout import resume

    goal = undo_goal(repository.root(), operation)
    with repository.transaction(goal.command) as transaction:
        objects = transaction.objects
        kept = {} if operation.rescued is None else dict(walk(objects, operation.rescued))
        target = edit_tree(objects, begun.from_tree, kept).digest
        done = resume(worktree, objects, repository.contents, target, progress=repo.progress)
        apply_goal(transaction, goal)
        transaction.record()
    done.finish()
    remove_journal(worktree)


def _recover(repo: Opened, worktree: WorkTree) -> None:
    """Finish a checkout that was cut short, or take it back where that is not possible.

    What a user changed since then is kept first.

    Raises:
        Unavailable: It could not be finished, and root and files are what they were before it.
    """
    repository, begun = repo.repository, pending(worktree)
    operation = _operation_of(repository, begun) if begun is not None else None
    if begun is None or operation is None:
        remove_journal(worktree)
        return
    from tether.worktree.checkout import resume
    from tether.worktree.rescue import keep_files

    def rescue(paths: Sequence[bytes]) -> None:
        with repository.transaction("recover") as transaction:
            kept: dict[bytes, Entry | None] = dict(keep_files(worktree, transaction, paths))
            if kept:
                transaction.rescue(edit_tree(transaction.objects, EMPTY_TREE, kept).digest)

    objects, contents = repository.objects, repository.contents
    try:
        resume(worktree, objects, contents, begun.to_tree, progress=repo.progress, rescue=rescue).finish()
    except (TetherError, OSError) as error:
        _take_back(repo, worktree)
        raise Unavailable(
            f"'{operation.command}' was cut short, could not be finished and was taken back: {error}",
            hint="nothing else was done; run your command again",
        ) from error


def command_line(command: str, paths: Sequence[bytes]) -> str:
    """Return the line for the operation log, in which a name that is no text is escaped."""
    shown = " ".join(display(path) or "." for path in paths[:3])
    shown = shown.encode(errors="backslashreplace").decode()
    return f"{command} {shown}".strip() + (" ..." if len(paths) > 3 else "")


def branch_of(root: Root) -> str | None:
    """Return the branch that is checked out, or None when HEAD is detached."""
    return root.head.ref.removeprefix(BRANCHES) if root.head.ref is not None else None


def tree_of(repo: Opened, commit: Digest | None) -> Digest:
    """Return the tree of a commit; the empty tree where there is none."""
    return EMPTY_TREE if commit is None else History.of(repo.repository).commit(commit).tree


def move_to(repo: Opened, move: Move) -> Moved:
    """Check out a commit: working files, stage and HEAD in one operation.

    Staged changes of paths that do not differ between the two commits are carried along, as git does.

    Raises:
        Conflict: Local changes would be lost and `force` is not set; nothing has changed.
    """
    with changing(repo, move.command) as change:
        transaction = change.transaction
        root = transaction.root
        commit = move.target(root)
        tree = tree_of(repo, commit)
        if not move.force:
            refuse_under_way(transaction.objects, root, move.command)
        stage = tree if move.force else carry(transaction, tree_of(repo, root.head_commit()), tree)
        if move.ref is not None or move.detach:
            transaction.set_head(Head(move.ref, commit if move.detach else None))
        if move.advance and commit is not None:
            transaction.advance(commit)
        if move.force:
            transaction.set_state(None)
        change.landing = move.landing
        change.show(stage, force=move.force, durable=move.durable)
    root = repo.repository.root()
    return Moved(branch_of(root), root.head_commit(), change.files)


def carry(transaction: Transaction, old: Digest, new: Digest) -> Digest:
    """Return tree `new` with what is staged on top of `old`.

    Raises:
        Conflict: A staged path differs between the two.
    """
    stage, objects = transaction.root.stage, transaction.objects
    if stage == old:
        return new
    staged = {change.path: change.new for change in diff_trees(objects, old, stage)}
    moved = {change.path: change.new for change in diff_trees(objects, old, new)}
    clashes = [path for path, entry in staged.items() if path in moved and moved[path] != entry]
    if clashes:
        refuse(clashes, "staged changes")
    return edit_tree(objects, new, staged).digest


def refuse(paths: Sequence[bytes], what: str, hint: str = _KEEP) -> None:
    """Raise for paths whose local changes would be lost.

    Raises:
        Conflict: Always.
    """
    names = ", ".join(display(path) for path in paths[:_NAMED])
    more = f" and {len(paths) - _NAMED} more" if len(paths) > _NAMED else ""
    raise Conflict(f"{what} would be lost: {names}{more}", hint=hint)


def refuse_under_way(objects: ObjectReader, root: Root, command: str) -> None:
    """Refuse a command while a merge or the like is under way.

    Raises:
        Conflict: One is.
    """
    state = current_state(objects, root.state)
    if state is not None:
        verb = MERGE if state.activity == STASH else state.activity
        raise Conflict(
            f"cannot {command.split(maxsplit=1)[0]} while a {state.activity} is under way",
            hint=f"finish it, or go back with 'tether {verb} --abort'",
        )
