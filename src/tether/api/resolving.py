"""Settling conflicts: taking a side, or what the working files are now."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Literal, NamedTuple

from tether.api.merging import is_taken, required_state, shown
from tether.api.opened import Opened
from tether.api.working import Change, changing, command_line
from tether.core.digest import Digest
from tether.core.names import display
from tether.core.tree import Entry
from tether.core.treeedit import edit_tree
from tether.core.treeread import find_many
from tether.errors import NotFound
from tether.repo.mergestate import STASH, ConflictRow, MergeState, put_state
from tether.worktree.plan import plan_checkout
from tether.worktree.staging import StageResult, stage_paths

Decision = Literal["ours", "theirs", "mark"]


class Resolution(NamedTuple):
    """What `resolve` did."""

    resolved: list[bytes]
    left: list[bytes]
    """Paths that are still to be decided."""
    activity: str
    """What is under way."""


def resolve_conflicts(repo: Opened, paths: Sequence[bytes], decision: Decision) -> Resolution:
    """Settle conflicts at some paths, or below these folders, by taking a side or what the files are now.

    The other version that a merge put beside a file goes, unless it was changed since. Edits of a file
    for which a side is taken are stored with the operation.

    Raises:
        NotFound: Nothing is under way, or a path is not in conflict.
    """
    with changing(repo, command_line("resolve", paths)) as change:
        state = required_state(repo, change.transaction.root)
        chosen = _chosen(state, paths)
        staged: StageResult | None = None
        if decision == "mark":
            staged = _mark(repo, change, state, chosen)
            stage = staged.tree if staged is not None else change.transaction.root.stage
        else:
            stage = _take(change, state, chosen, ours=decision == "ours")
        left = tuple(row for row in state.conflicts if row not in chosen)
        if not left and state.activity == STASH:
            change.transaction.set_state(None)
        else:
            files = _files_now(change, state, chosen, stage)
            put_state(change.transaction, replace(state, conflicts=left, files=files))
    if staged is not None and not change.files:
        staged.remember()
    return Resolution([row.path for row in chosen], [row.path for row in left], state.activity)


def _chosen(state: MergeState, paths: Sequence[bytes]) -> list[ConflictRow]:
    """Return the conflicts that the paths are about: the path itself, a version beside it, a folder above."""
    chosen: dict[bytes, ConflictRow] = {}
    for path in paths:
        found = {
            row.path: row
            for row in state.conflicts
            if not path or path in row.names() or row.path.startswith(path + b"/")
        }
        if not found:
            raise NotFound(
                f"{display(path)} is not in conflict", hint="'tether status' lists what is left to decide"
            )
        chosen.update(found)
    return [row for row in state.conflicts if row.path in chosen]


def _take(change: Change, state: MergeState, chosen: Sequence[ConflictRow], *, ours: bool) -> Digest:
    """Put one side in the working copy and on the stage; return the new stage."""
    transaction = change.transaction
    objects = transaction.objects
    edits = {row.path: _at(row.ours if ours else row.theirs, row.path) for row in chosen}
    stage = edit_tree(objects, transaction.root.stage, edits).digest
    before = shown(transaction, chosen, state.files)
    names = sorted({name for row in chosen for name in row.names()})
    change.follow(plan_checkout(change.worktree, objects, before, stage, paths=names, force=True))
    transaction.set_stage(stage)
    return stage


def _files_now(change: Change, state: MergeState, chosen: Sequence[ConflictRow], stage: Digest) -> Digest:
    """Return the tree of the working copy after the conflicts were settled, for `undo`."""
    objects = change.transaction.objects
    names = sorted({name for row in chosen for name in row.names()})
    settled = find_many(objects, stage, names)
    return edit_tree(objects, state.files, {name: settled.get(name) for name in names}).digest


def _mark(
    repo: Opened, change: Change, state: MergeState, chosen: Sequence[ConflictRow]
) -> StageResult | None:
    """Stage what the working copy has, and remove the other versions beside it."""
    transaction, worktree = change.transaction, change.worktree
    objects = transaction.objects
    stage, staged = transaction.root.stage, None
    tracked = find_many(objects, stage, [row.path for row in chosen])
    exists = is_taken(repo)
    there = [row.path for row in chosen if row.path in tracked or exists(row.path)]
    if there:
        staged = stage_paths(worktree, transaction, there, force=True)
        stage = staged.tree
    beside = sorted({name for row in chosen for name in row.names() if name != row.path})
    written = find_many(objects, state.files, beside)
    if written:
        before = edit_tree(objects, stage, dict(written)).digest
        plan = plan_checkout(worktree, objects, before, stage, paths=sorted(written))
        changed = {blocker.path for blocker in plan.conflicts}
        untouched = sorted(set(written) - changed)
        if untouched:
            change.follow(plan_checkout(worktree, objects, before, stage, paths=untouched))
    return staged


def _at(entry: Entry | None, path: bytes) -> Entry | None:
    return None if entry is None else entry._replace(name=path.rpartition(b"/")[2])
