"""Plans a checkout: which files are written and deleted, and what of the user's stands in the way.

Only paths that differ between the two trees are looked at, so a plan costs what the change costs.
"""

import errno
import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from itertools import repeat
from typing import NamedTuple, TypedDict, Unpack

from tether.core.digest import Digest
from tether.core.kinds import ObjectReader
from tether.core.names import display
from tether.core.tree import EMPTY_TREE, Entry, EntryKind
from tether.core.treediff import TreeChange, diff_trees
from tether.core.treeread import find_many, walk_many
from tether.errors import Conflict
from tether.worktree.compare import Comparison, WorkChange, compare, hash_rows
from tether.worktree.folders import Folders, failure, is_folder, join, lstat_record, split
from tether.worktree.namecheck import check_case, check_paths
from tether.worktree.rows import kind_of, parse
from tether.worktree.scan import FolderRequest, scan_folder
from tether.worktree.shown import shown_changes
from tether.worktree.suspects import find_suspects
from tether.worktree.worktree import WorkTree

_LISTED = 10
_IN_THE_WAY = frozenset({errno.ENOTDIR, errno.ELOOP})


class PlanOptions(TypedDict, total=False):
    """Options of `plan_checkout`."""

    paths: Sequence[bytes]
    """Only these files and folders; everything if empty."""
    force: bool
    """Overwrite what was changed locally, and put back what was deleted."""
    exact: bool
    """Let no local change at a path that changes pass, not even a deletion or one to what the new tree has:
    the way back would lose it."""


class Base(NamedTuple):
    """A large file that is there, just as the tree before has it."""

    digest: Digest
    record: bytes
    """Its stat record."""


class Write(NamedTuple):
    """A file or link to write."""

    path: bytes
    entry: Entry
    replaces: bool
    """Whether something may be there that it replaces."""
    base: Base | None = None
    """What it replaces, where that may have much of it."""


_write = partial(tuple.__new__, Write)
"""Makes one of four values without a call of a Python function."""


class Blocker(NamedTuple):
    """Something of the user's that a checkout would destroy."""

    path: bytes
    reason: str
    """`changed`, `deleted` or `untracked`."""


@dataclass(slots=True)
class CheckoutPlan:
    """What a checkout does."""

    objects: ObjectReader
    from_tree: Digest
    to_tree: Digest
    paths: tuple[bytes, ...] = ()
    force: bool = False
    exact: bool = False
    writes: list[Write] = field(default_factory=list)
    deletes: list[tuple[bytes, Entry]] = field(default_factory=list)
    chmods: list[tuple[bytes, Entry]] = field(default_factory=list)
    made: list[bytes] = field(default_factory=list)
    """Empty folders to make."""
    dropped: list[bytes] = field(default_factory=list)
    """Empty folders to remove if they are still empty."""
    done: list[bytes] = field(default_factory=list)
    """Changed locally to just what the new tree has."""
    conflicts: list[Blocker] = field(default_factory=list)
    rescues: list[bytes] = field(default_factory=list)
    """Paths whose local content is lost unless it is rescued first; with `force` only."""
    fresh: bool = False
    """Whether the whole of a tree goes into a folder that holds nothing."""

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to do."""
        return not (self.writes or self.deletes or self.chmods or self.made or self.dropped or self.rescues)

    def scope(self) -> tuple[bytes, ...]:
        """Return the paths by which the plan can be made again; none if the trees say it all.

        A forced plan also touches files that are the same in both trees, unless nothing was there before.
        """
        if self.fresh or not self.force:
            return self.paths
        paths = {write.path for write in self.writes}
        paths |= {path for path, _ in (*self.deletes, *self.chmods)}
        return tuple(sorted(paths.union(self.made, self.dropped, self.rescues)))

    def check(self) -> None:
        """Refuse a plan that would destroy local changes.

        Raises:
            Conflict: Names up to ten of the paths.
        """
        if not self.conflicts:
            return
        names = [f"{display(blocker.path)} ({blocker.reason})" for blocker in self.conflicts[:_LISTED]]
        more = len(self.conflicts) - len(names)
        listed = ", ".join(names) + (f" and {more} more" if more else "")
        raise Conflict(
            f"local files are in the way: {listed}",
            hint="commit, stash or move them, or discard them with `--force`",
        )


def plan_checkout(
    worktree: WorkTree,
    objects: ObjectReader,
    from_tree: Digest,
    to_tree: Digest,
    **options: Unpack[PlanOptions],
) -> CheckoutPlan:
    """Return what leads the working files from one tree to another.

    Args:
        worktree: Whose files.
        objects: Reads both trees.
        from_tree: What the files should be now, usually the stage.
        to_tree: What they shall be.
        options: See `PlanOptions`.

    Raises:
        InvalidInput: The new tree has a path that this system cannot hold.
        Conflict: Two of its paths are one on this file system.
    """
    paths = () if b"" in options.get("paths", ()) else tuple(options.get("paths", ()))
    force, exact = options.get("force", False), options.get("exact", False)
    planner = _Planner(worktree, CheckoutPlan(objects, from_tree, to_tree, paths, force, exact))
    planner.run()
    return planner.plan


class _Planner:
    def __init__(self, worktree: WorkTree, plan: CheckoutPlan) -> None:
        self._worktree, self.plan = worktree, plan
        self._objects = plan.objects
        self._dirty: dict[bytes, WorkChange] = {}
        self._new: set[bytes] = set()
        self._found: list[bytes] = []
        self._clean: dict[bytes, bytes] = {}

    def run(self) -> None:
        plan = self.plan
        bare = self._is_bare()
        plan.fresh = bare and not plan.paths and self._worktree.shown.everything
        if plan.fresh:
            self._write_everything()
            return
        changes = list(diff_trees(self._objects, plan.from_tree, plan.to_tree, paths=plan.paths))
        if plan.force:
            changes = self._with_dirty(changes)
        changes = shown_changes(self._worktree, changes)
        if not changes:
            return
        check_paths([change.path for change in changes if change.new is not None])
        check_case(self._worktree, self._objects, plan.to_tree)
        if bare:  # nothing can be in the way
            plan.made = [p for p, _, new in changes if new and new.kind == EntryKind.DIRECTORY]
            made = set(plan.made)
            plan.writes = [Write(p, new, replaces=False) for p, _, new in changes if new and p not in made]
            return
        found = find_suspects(self._worktree, self._objects, plan.from_tree, changes)
        self._clean = found.clean
        if found.paths:
            self._look(found.paths)
        with Folders(self._worktree.root) as folders:
            for change in changes:
                self._add(change, folders)
            self._check_folders(folders)
        if plan.force:
            # A whole folder, ignored or a repository of its own, is never overwritten.
            plan.rescues = sorted({each.path for each in plan.conflicts if each.path not in self._found})
            plan.conflicts = [each for each in plan.conflicts if each.path in self._found]
        plan.conflicts = sorted(set(plan.conflicts))

    def _with_dirty(self, changes: list[TreeChange]) -> list[TreeChange]:
        """Add what was changed locally and does not differ between the trees."""
        plan = self.plan
        known = {change.path for change in changes}
        local = compare(self._worktree, self._objects, plan.from_tree, paths=plan.paths).changes()
        rest = [change for change in local if change.path not in known]
        entries = find_many(self._objects, plan.to_tree, [change.path for change in rest])
        added = [
            TreeChange(change.path, change.old, entries[change.path])
            for change in rest
            if change.path in entries
        ]
        return sorted([*changes, *added], key=lambda change: change.path)

    def _write_everything(self) -> None:
        """Plan to write the whole tree into a folder in which nothing can be in the way."""
        plan = self.plan
        for start, entries in walk_many(self._objects, plan.to_tree):
            paths = [start + entry[0] for entry in entries]
            check_paths(paths)
            if entries[0].kind == EntryKind.DIRECTORY:
                plan.made += paths
            else:
                plan.writes += map(_write, zip(paths, entries, repeat(False), repeat(None), strict=False))
        if not plan.is_empty:
            check_case(self._worktree, self._objects, plan.to_tree)

    def _is_bare(self) -> bool:
        """Whether there is nothing to look at: no tree before, no file there."""
        if self.plan.from_tree != EMPTY_TREE or self.plan.to_tree == EMPTY_TREE:
            return False
        with Folders(self._worktree.root) as folders:
            scan = scan_folder(folders, FolderRequest(b""))
        return scan.error is None and not scan.rows.total

    def _look(self, paths: Sequence[bytes]) -> None:
        """Find out what is on the disk at the paths that change."""
        found: Comparison = compare(
            self._worktree,
            self._objects,
            self.plan.from_tree,
            paths=paths,
            include_ignored=True,
            all_untracked=True,
        )
        self._dirty = {change.path: change for change in found.changes()}
        self._new = {path for path, is_folder in (*found.untracked, *found.ignored) if not is_folder}
        self._new.update(found.special)
        if found.nested:
            self._new.update(self._in_nested(paths, set(found.nested)))
        self._found = sorted({path for path, is_folder in found.ignored if is_folder} | set(found.nested))

    def _in_nested(self, paths: Iterable[bytes], nested: set[bytes]) -> Iterator[bytes]:
        """Yield the paths at which another repository has something."""
        with Folders(self._worktree.root) as folders:
            for path in paths:
                folder, name = split(path)
                if not nested.isdisjoint(_above(folder)) and path not in self._dirty:
                    with suppress(OSError):
                        record = lstat_record(name, folders.open(folder))
                        if record is not None and not is_folder(record):
                            yield path

    def _add(self, change: TreeChange, folders: Folders) -> None:
        plan, path, new = self.plan, change.path, change.new
        local = self._dirty.get(path)
        gone = local is not None and local.stat is None
        if plan.exact and (local is not None or path in self._new):
            plan.conflicts.append(local_change(local) if local is not None else Blocker(path, "untracked"))
            return
        if local is not None and not gone:
            if new is not None and self._equals(local, new, folders):
                plan.done.append(path)
                return
            plan.conflicts.append(Blocker(path, "changed"))
        if new is None:
            self._add_removal(change, gone=gone)
        elif path in self._new and self._is_there(path, new, folders):
            plan.done.append(path)
        else:
            here = change.old is not None and change.old.kind != EntryKind.DIRECTORY and not gone
            if new.kind == EntryKind.DIRECTORY:
                plan.made.append(path)
                if change.old is not None and here:
                    plan.deletes.append((path, change.old))
            elif here and local is None and _only_mode(change) and not _has_other_names(folders, path):
                plan.chmods.append((path, new))
            else:
                plan.writes.append(Write(path, new, here or path in self._new, self._base(change)))

    def _base(self, change: TreeChange) -> Base | None:
        record = self._clean.get(change.path)
        return Base(change.old.digest, record) if record is not None and change.old is not None else None

    def _add_removal(self, change: TreeChange, *, gone: bool) -> None:
        if change.old is None:
            return
        if gone:
            self.plan.done.append(change.path)
        elif change.old.kind == EntryKind.DIRECTORY:
            self.plan.dropped.append(change.path)
        else:
            self.plan.deletes.append((change.path, change.old))

    def _equals(self, local: WorkChange, new: Entry, folders: Folders) -> bool:
        """Return whether a file that was changed locally is as the new tree has it."""
        if local.stat is None or local.stat.kind != new.kind or local.stat.size != new.size:
            return False
        digest = local.digest or _content(folders, local.path)
        return digest == new.digest

    def _is_there(self, path: bytes, new: Entry, folders: Folders) -> bool:
        """Return whether an untracked file is just what the new tree has; otherwise it is in the way."""
        folder, name = split(path)
        record = lstat_record(name, folders.open(folder))
        found = parse(record) if record is not None else None
        alike = found is not None and kind_of(found.mode) == new.kind and found.size == new.size
        if alike and _content(folders, path) == new.digest:
            return True
        self.plan.conflicts.append(Blocker(path, "untracked"))
        return False

    def _check_folders(self, folders: Folders) -> None:
        """Find files and links of the user's where folders are needed, and full folders where files are."""
        plan = self.plan
        leaves = {write.path for write in plan.writes}
        ignored = ((path, above) for path in (*self._found, *self._new) for above in _above(path))
        plan.conflicts += sorted({Blocker(path, "untracked") for path, above in ignored if above in leaves})
        removed = {path for path, _ in plan.deletes}
        blocked: set[bytes] = set()
        for folder in sorted({split(path)[0] for path in (*leaves, *plan.made)}):
            try:
                folders.open(folder)
            except FileNotFoundError:
                continue
            except OSError as error:
                if error.errno not in _IN_THE_WAY:
                    raise failure(error, folder) from error
                place = _first_blocked(folders, folder)
                if place not in removed:
                    blocked.add(place)
        plan.conflicts += [Blocker(place, "untracked") for place in sorted(blocked)]


def local_change(change: WorkChange) -> Blocker:
    """Return what says that a tracked file was changed or deleted locally."""
    return Blocker(change.path, "deleted" if change.stat is None else "changed")


def _content(folders: Folders, path: bytes) -> Digest | None:
    """Return the digest of a file or link that is there; None when it cannot be read."""
    folder, name = split(path)
    record = lstat_record(name, folders.open(folder))
    if record is None:
        return None
    return next(iter(hash_rows(folders, folder, [(name, record)]))).digest


def _only_mode(change: TreeChange) -> bool:
    if change.old is None or change.new is None or change.old.digest != change.new.digest:
        return False
    return EntryKind.SYMLINK not in (change.old.kind, change.new.kind)


def _has_other_names(folders: Folders, path: bytes) -> bool:
    """Return whether a file has hard links, which a change of its mode would change too."""
    folder, name = split(path)
    try:
        return os.stat(name, dir_fd=folders.open(folder), follow_symlinks=False).st_nlink > 1
    except OSError:  # gone meanwhile, which is met where it is written
        return False


def _above(path: bytes) -> Iterator[bytes]:
    """Yield the folders above a path and the path itself."""
    while path:
        yield path
        path = split(path)[0]


def _first_blocked(folders: Folders, folder: bytes) -> bytes:
    """Return the first component of a path that is there and no folder."""
    place = b""
    for name in folder.split(b"/"):
        place = join(place, name)
        try:
            folders.open(place)
        except OSError:
            break
    return place
