"""The stash: changes put aside, and taken back.

Each entry is a ref `refs/stash/<ulid>` to a commit of the working files; its parents are the commit that
was checked out and a commit of the stage. Names sort by age.
"""

import secrets
from dataclasses import dataclass
from typing import NamedTuple

from tether.api.merging import is_taken, make_commit, refuse_busy, stop, stopped
from tether.api.opened import Opened
from tether.api.working import Change, branch_of, changing, tree_of
from tether.core.digest import Digest
from tether.core.identity import Time
from tether.core.tree import EMPTY_TREE, Entry, EntryKind
from tether.core.treediff import diff_trees
from tether.core.treeedit import edit_tree
from tether.core.ulid import DRAWN_BITS, make_ulid
from tether.errors import Corrupt, InvalidInput, NotFound
from tether.repo.history import History
from tether.repo.merge import Labels, MergeOutcome, Merger
from tether.repo.mergestate import STASH, ConflictRow
from tether.repo.replay import subject_of
from tether.repo.root import Root
from tether.worktree.plan import plan_checkout
from tether.worktree.staging import stage_paths

PREFIX = "refs/stash/"


class StashEntry(NamedTuple):
    """One entry; 0 is the newest."""

    number: int
    ref: str
    commit: Digest
    message: str
    time: Time


@dataclass(frozen=True, slots=True)
class Applied:
    """What came of taking changes back."""

    entry: StashEntry
    conflicts: tuple[ConflictRow, ...]
    dropped: bool
    files: int


def entries(repo: Opened) -> list[StashEntry]:
    """Return what is put aside, the newest first."""
    return _entries(repo, repo.repository.root())


def _entries(repo: Opened, root: Root) -> list[StashEntry]:
    history = History.of(repo.repository)
    refs = sorted((name for name in root.refs if name.startswith(PREFIX)), reverse=True)
    found = []
    for number, ref in enumerate(refs):
        commit = history.commit(root.refs[ref])
        found.append(StashEntry(number, ref, root.refs[ref], subject_of(commit), commit.authored))
    return found


def find_entry(repo: Opened, name: str = "") -> StashEntry:
    """Return the entry that `0`, `stash@{0}` or the end of its ref names; the newest if empty.

    Raises:
        NotFound: There is none.
    """
    return _find(_entries(repo, repo.repository.root()), name)


def _find(found: list[StashEntry], name: str) -> StashEntry:
    if not found:
        raise NotFound("nothing is put aside", hint="'tether stash push' puts changes aside")
    number = name.removeprefix("stash@{").removesuffix("}") or "0"
    for entry in found:
        if number == str(entry.number) or name in (entry.ref, entry.ref.removeprefix(PREFIX)):
            return entry
    raise NotFound(f"no stash entry {name}", hint="'tether stash list' lists them")


def push(repo: Opened, message: str | None = None, *, untracked: bool = False) -> StashEntry | None:
    """Put staged and unstaged changes aside; the files are as in HEAD afterwards.

    Args:
        repo: Where.
        message: What it is; None takes the commit that the changes are on.
        untracked: Put files that are not tracked aside too.

    Returns:
        The entry; None when there was nothing to put aside.

    Raises:
        Conflict: A merge or the like is under way.
        NotFound: The branch has no commits yet.
    """
    with changing(repo, "stash push") as change:
        transaction = change.transaction
        root, head = transaction.root, transaction.root.head_commit()
        refuse_busy(repo, root)
        if head is None:
            raise NotFound("the branch has no commits yet", hint="run 'tether commit' to make the first")
        objects, clean, stage = transaction.objects, tree_of(repo, head), root.stage
        files = stage_paths(
            change.worktree, transaction, (), tracked_only=not untracked, everything=untracked
        ).tree
        if files == stage == clean:
            return None
        subject = subject_of(History.of(repo.repository).commit(head))
        place = f"{branch_of(root) or '(no branch)'}: "
        text = f"On {place}{message}" if message else f"WIP on {place}{head.hex()[:12]} {subject}"
        staged = make_commit(repo, transaction, stage, (head,), f"stage of: {text}")
        commit = make_commit(repo, transaction, files, (head, staged), text)
        transaction.set_ref(_new_ref(root, repo.clock()), commit, expected=None)
        # What the stage does not have would be lost to `undo`, which goes by the stage.
        kept: dict[bytes, Entry | None] = {
            each.path: each.new
            for each in diff_trees(objects, stage, files)
            if each.new is not None and each.new.kind != EntryKind.DIRECTORY
        }
        if kept:
            transaction.rescue(edit_tree(objects, EMPTY_TREE, kept).digest)
        change.follow(plan_checkout(change.worktree, objects, files, clean))
        transaction.set_stage(clean)
    return find_entry(repo)


def apply(repo: Opened, name: str = "", *, drop: bool = False, staged: bool = False) -> Applied:
    """Take changes back into the working copy, by a merge with what is there now.

    New files are staged again if they were; all else comes back unstaged unless `staged`.

    Args:
        repo: Where.
        name: Which entry; the newest if empty.
        drop: Forget the entry, unless there are conflicts.
        staged: Stage what was staged.

    Raises:
        NotFound: There is no such entry.
        Conflict: Local changes are in the way, or something else is under way.
    """
    verb = "pop" if drop else "apply"
    with changing(repo, f"stash {verb} {name}".strip()) as change:
        transaction = change.transaction
        root = transaction.root
        refuse_busy(repo, root)
        entry = _find(_entries(repo, root), name)
        merger = Merger.of(repo.repository, transaction, is_taken(repo))
        base, stage_then = _parts(merger, entry)
        labels = Labels(branch_of(root) or "HEAD", "stash")
        outcome = merger.merge_trees(base, root.stage, merger.tree(entry.commit), labels)
        if outcome.conflicts:
            stop(change, stopped(root, STASH, entry.commit, entry.message), outcome)
        else:
            _write(change, outcome, _stage(merger, root, (base, stage_then), staged=staged))
            if drop:
                transaction.set_ref(entry.ref, None, expected=entry.commit)
    dropped = drop and not outcome.conflicts
    return Applied(entry, outcome.conflicts, dropped, change.files)


def _parts(merger: Merger, entry: StashEntry) -> tuple[Digest, Digest]:
    """Return the tree that the changes were made on, and the stage at that time."""
    parents = merger.history.parents(entry.commit)
    if len(parents) != 2:
        raise Corrupt(f"{entry.ref} is no stash entry", hint="run 'tether fsck'")
    return merger.tree(parents[0]), merger.tree(parents[1])


def _stage(merger: Merger, root: Root, trees: tuple[Digest, Digest], *, staged: bool) -> Digest:
    """Return the stage after changes were taken back without conflicts."""
    base, then = trees
    if staged:
        merged = merger.merge_trees(base, root.stage, then)
        if merged.conflicts:
            raise InvalidInput("what was staged is in conflict with the stage now", hint="leave out --index")
        return merged.tree
    added = {each.path: each.new for each in diff_trees(merger.objects, base, then) if each.old is None}
    return edit_tree(merger.objects, root.stage, added).digest if added else root.stage


def _write(change: Change, outcome: MergeOutcome, stage: Digest) -> None:
    transaction = change.transaction
    before = transaction.root.stage
    change.follow(plan_checkout(change.worktree, transaction.objects, before, outcome.tree))
    transaction.set_stage(stage)


def drop(repo: Opened, name: str = "") -> StashEntry:
    """Forget an entry; `undo` brings it back.

    Raises:
        NotFound: There is none.
    """
    with repo.repository.transaction(f"stash drop {name}".strip()) as transaction:
        entry = _find(_entries(repo, transaction.root), name)
        transaction.set_ref(entry.ref, None, expected=entry.commit)
    return entry


def clear(repo: Opened) -> int:
    """Forget all entries and return how many there were."""
    with repo.repository.transaction("stash clear") as transaction:
        found = _entries(repo, transaction.root)
        for entry in found:
            transaction.set_ref(entry.ref, None, expected=entry.commit)
    return len(found)


def _new_ref(root: Root, now: Time) -> str:
    """Return the name of a new entry, which sorts after all others whatever the clock says."""
    newest = max((name for name in root.refs if name.startswith(PREFIX)), default=None)
    after = None if newest is None else newest.removeprefix(PREFIX)
    return PREFIX + make_ulid(now.micros, secrets.randbits(DRAWN_BITS), after)
