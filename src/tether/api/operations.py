"""Undo, the log of operations, and returning to one of them, with the working files brought along."""

from collections.abc import Sequence
from itertools import islice
from typing import NamedTuple

from tether.api.opened import Opened
from tether.api.working import Change, branch_of, changing
from tether.core.digest import Digest
from tether.core.kinds import ObjectReader, ObjectWriter
from tether.core.tree import Entry
from tether.core.treediff import diff_trees
from tether.core.treeedit import edit_tree
from tether.core.treeread import walk
from tether.errors import Conflict
from tether.repo.mergestate import current_state
from tether.repo.operations import Operation, Pointers
from tether.repo.oplog import (
    Goal,
    apply_goal,
    find_operation,
    moves_files,
    next_undo,
    operations_after,
    read_operations,
    restore_goal,
    undo_goal,
)
from tether.repo.root import Root
from tether.repo.transaction import Transaction
from tether.worktree.plan import plan_checkout


class Undone(NamedTuple):
    """What an undo or a return did."""

    operation: Operation
    """What was taken back, or returned to."""
    branch: str | None
    """What is checked out now; None when HEAD is detached."""
    commit: Digest | None
    files: int
    """Working files written or removed."""


def list_operations(repo: Opened, limit: int | None = None) -> list[Operation]:
    """Return the operations in the log, newest first."""
    return list(islice(read_operations(repo.repository), limit))


def undo(repo: Opened, *, force: bool = False) -> Undone:
    """Take back the newest operation that was not taken back yet.

    Files that the operation overwrote are brought back; files that it only staged stay as they are.

    Raises:
        NotFound: There is nothing to undo.
        Conflict: Local changes would be lost and `force` is not set.
    """
    root = repo.repository.root()
    operation = next_undo(repo.repository)
    goal = undo_goal(root, operation)
    return _reach(repo, _Way(root, goal, operation, [operation]), force=force)


def restore(repo: Opened, prefix: str, *, force: bool = False) -> Undone:
    """Make refs, HEAD, stage and files what they were right after an operation.

    Raises:
        NotFound: It is not in the log.
        InvalidInput: Several operations begin with `prefix`.
        Conflict: Local changes would be lost and `force` is not set.
    """
    root = repo.repository.root()
    operation = find_operation(repo.repository, prefix)
    later = operations_after(repo.repository, operation)
    goal = restore_goal(repo.repository, operation, later)
    return _reach(repo, _Way(root, goal, operation, later), force=force)


class _Way(NamedTuple):
    """How to take operations back."""

    root: Root
    """What it was worked out from."""
    goal: Goal
    operation: Operation
    """What is taken back, or returned to."""
    back: Sequence[Operation]
    """All that is taken back, newest first."""


def _reach(repo: Opened, way: _Way, *, force: bool) -> Undone:
    """Apply a goal.

    Raises:
        Conflict: Something else was done since it was worked out, or local changes would be lost.
    """
    repository, goal, files = repo.repository, way.goal, 0
    if repository.worktree is None:
        with repository.transaction(goal.command) as transaction:
            _refuse_others(way, transaction)
            apply_goal(transaction, goal)
    else:
        with changing(repo, goal.command) as change:
            _refuse_others(way, change.transaction)
            apply_goal(change.transaction, goal)
            _bring_files(change, goal, way.back, force=force)
        files = change.files
    root = repository.root()
    return Undone(way.operation, branch_of(root), root.head_commit(), files)


def _refuse_others(way: _Way, transaction: Transaction) -> None:
    if transaction.root.write_id != way.root.write_id:
        raise Conflict("another process changed the repository meanwhile", hint="look at 'tether op log'")


def _bring_files(change: Change, goal: Goal, back: Sequence[Operation], *, force: bool) -> None:
    """Let the working files follow backwards through the operations that wrote files."""
    objects = change.transaction.objects
    now = target = _files_of(objects, change.transaction.root.pointers())
    for operation in back:
        target = _before(objects, operation, target)
    if target == now:
        return
    paths = [each.path for each in diff_trees(objects, now, target)]
    plan = plan_checkout(change.worktree, objects, now, target, paths=tuple(paths), force=force)
    change.follow(plan)
    change.transaction.set_stage(goal.pointers.stage)


def _before(objects: ObjectWriter, operation: Operation, files: Digest) -> Digest:
    """Return the tree `files` with what an operation did to working files taken back."""
    edits: dict[bytes, Entry | None] = {}
    if moves_files(operation.command):
        old, new = _files_of(objects, operation.before), _files_of(objects, operation.after)
        edits = {each.path: each.new for each in diff_trees(objects, new, old)}
    if operation.rescued is not None:
        edits.update(walk(objects, operation.rescued))
    return edit_tree(objects, files, edits).digest if edits else files


def _files_of(objects: ObjectReader, pointers: Pointers) -> Digest:
    """Return the tree of the working files: the stage, or what a merge that stopped has written."""
    state = current_state(objects, pointers.state)
    return pointers.stage if state is None else state.files
