"""Carries out a checkout: removes, writes, and remembers; what was begun can always be brought to an end.

A journal is written before the first change and removed by `finish`, once the caller has recorded in the
repository what the files are now. A journal that is found later tells of a checkout that was cut short.
"""

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import TypedDict, Unpack

from tether.core.digest import Digest
from tether.core.kinds import ObjectReader
from tether.core.progress import SILENT, Progress
from tether.core.tree import Entry, EntryKind
from tether.core.treediff import diff_trees
from tether.core.treeread import find_many
from tether.repo.contents import ContentReader
from tether.worktree.checkoutblocks import Changed, update_cache
from tether.worktree.compare import save
from tether.worktree.files import TEMPORARY_PREFIX, scan_directory, syncfs
from tether.worktree.folders import Folders, failure, lstat_record, split
from tether.worktree.journal import PendingCheckout, pending, remove_journal, write_journal
from tether.worktree.landing import Landing
from tether.worktree.plan import CheckoutPlan, plan_checkout
from tether.worktree.statcache import StatCache
from tether.worktree.worktree import WorkTree
from tether.worktree.writing import write_all

__all__ = ["CheckoutResult", "execute_checkout", "pending", "resume"]

Rescue = Callable[[Sequence[bytes]], None]
"""Takes the paths whose local content is about to be overwritten, and keeps it somewhere."""


class ExecuteOptions(TypedDict, total=False):
    """Options of `execute_checkout`."""

    progress: Progress
    rescue: Rescue
    sync: bool
    """Make the files durable once at the end; otherwise they are read again after a restart of the system."""
    announced: bool
    """A journal of this checkout is on the disk already."""
    landing: Landing | None
    """Has files that came already."""


@dataclass(slots=True)
class CheckoutResult:
    """What a checkout did."""

    written: int = 0
    deleted: int = 0
    _worktree: WorkTree | None = None
    _cache: StatCache | None = None

    def finish(self) -> None:
        """Declare the checkout over: to be called when the repository says what the files are now."""
        if self._worktree is not None and self._cache is not None:
            save(self._worktree, self._cache)
            remove_journal(self._worktree)


def execute_checkout(
    worktree: WorkTree, contents: ContentReader, plan: CheckoutPlan, **options: Unpack[ExecuteOptions]
) -> CheckoutResult:
    """Make the working files what the plan says.

    Call `finish` of the result after the stage and HEAD have been recorded. When this raises, or `finish` is
    never called, `resume` brings the files to one of the two trees.

    Args:
        worktree: Whose files.
        contents: Gives the contents, verified.
        plan: From `plan_checkout`, made just before.
        options: See `ExecuteOptions`.

    Raises:
        Conflict: Local changes are in the way; nothing was changed then.
        NotFound: A content is not here.
        Corrupt: A content is damaged.
        Unavailable: The disk is full, or another process is changing the files.
        Forbidden: A folder cannot be written.
    """
    plan.check()
    if plan.is_empty:
        return CheckoutResult()
    with worktree.exclusive():
        return _Execution(worktree, contents, plan, options).run()


@dataclass(slots=True)
class _Execution:
    worktree: WorkTree
    contents: ContentReader
    plan: CheckoutPlan
    options: ExecuteOptions
    changed: Changed = field(default_factory=Changed)

    def run(self) -> CheckoutResult:
        plan, progress = self.plan, self.options.get("progress", SILENT)
        rescue = self.options.get("rescue")
        if plan.rescues and rescue is not None:
            rescue(plan.rescues)
        if not self.options.get("announced"):
            write_journal(self.worktree, PendingCheckout(plan.from_tree, plan.to_tree, plan.scope()))
        with Folders(self.worktree.root) as folders:
            self._clear(folders)
            self._delete(folders)
            self._find_fresh(folders)
            progress.start("writing files", len(plan.writes), "files")
            for written in write_all(
                self.worktree.root, self.contents, plan.writes, progress, self.options.get("landing")
            ):
                self.changed.note(written.folder, written.names, written.records)
            progress.finish()
            self._make(folders)
            self._chmod(folders)
            cache = StatCache(self.worktree)
            with self._syncing(folders):
                update_cache(self.worktree, cache, folders, plan, self.changed)
        result = CheckoutResult(len(plan.writes) + len(plan.chmods), len(plan.deletes))
        result._worktree, result._cache = self.worktree, cache
        return result

    @contextmanager
    def _syncing(self, folders: Folders) -> Iterator[None]:
        """Make the files durable, if that is wanted, while the disk need not be written to.

        What is made of the cache meanwhile says that they are: it must be dropped when this raises.
        """
        if not self.options.get("sync"):
            yield
            return
        self.changed.synced = True
        with ThreadPoolExecutor(1, "sync") as pool:
            durable = pool.submit(syncfs, folders.open(b""))
            yield
            durable.result()

    def _clear(self, folders: Folders) -> None:
        """Remove what was rescued, unless a file is to replace it."""
        written = {write.path for write in self.plan.writes}
        self._unlink(folders, [path for path in self.plan.rescues if path not in written])

    def _delete(self, folders: Folders) -> None:
        """Remove files, then the folders that the new tree does not have, if nothing is left in them."""
        plan = self.plan
        paths = [path for path, _ in plan.deletes]
        self._unlink(folders, paths)
        self.changed.deleted.update(paths)
        above = parents(paths) | parents(plan.dropped) | set(plan.dropped)
        above.discard(b"")
        kept = find_many(plan.objects, plan.to_tree, above)
        gone = (p for p in above if p not in kept or kept[p].kind != EntryKind.DIRECTORY)
        for path in sorted(gone, reverse=True):
            folder, name = split(path)
            folders.forget(path)
            with suppress(OSError):  # not empty, or gone already
                os.rmdir(name, dir_fd=folders.open(folder))
                self.changed.removed_folders.add(path)

    def _unlink(self, folders: Folders, paths: Iterable[bytes]) -> None:
        for path in paths:
            folder, name = split(path)
            try:
                os.unlink(name, dir_fd=folders.open(folder))
            except (FileNotFoundError, NotADirectoryError):
                continue
            except OSError as error:
                record = lstat_record(name, folders.open(folder))
                if record is not None:
                    raise failure(error, path) from error

    def _find_fresh(self, folders: Folders) -> None:
        """Remember which folders are not there yet: whatever is in them afterwards is ours."""
        plan = self.plan
        if (plan.writes or plan.made) and scan_directory(folders.open(b""))[0] in (b"", b".tether"):
            self.changed.bare = True
            return
        wanted = {split(write.path)[0] for write in plan.writes} | set(plan.made)
        for path in sorted(with_parents(wanted)):
            if split(path)[0] in self.changed.fresh:
                self.changed.fresh.add(path)
                continue
            try:
                folders.open(path)
            except FileNotFoundError:
                self.changed.fresh.add(path)
            except OSError:
                continue

    def _make(self, folders: Folders) -> None:
        for path in self.plan.made:
            try:
                folders.make(path)
            except OSError as error:
                raise failure(error, path) from error

    def _chmod(self, folders: Folders) -> None:
        for path, entry in self.plan.chmods:
            folder, name = split(path)
            try:
                dirfd = folders.open(folder)
                descriptor = os.open(
                    name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=dirfd
                )
                try:
                    os.fchmod(descriptor, _mode(os.fstat(descriptor).st_mode, entry))
                finally:
                    os.close(descriptor)
                self.changed.note(folder, [name], [lstat_record(name, dirfd) or b""])
            except OSError as error:
                raise failure(error, path) from error


def _mode(now: int, entry: Entry) -> int:
    """Return the mode of a file with or without the executable bits, for those who may read it."""
    if entry.kind == EntryKind.EXECUTABLE:
        return (now & 0o777) | ((now & 0o444) >> 2)
    return now & 0o666


def parents(paths: Iterable[bytes]) -> set[bytes]:
    """Return all folders above the paths."""
    found: set[bytes] = set()
    for path in paths:
        place = split(path)[0]
        while place not in found:
            found.add(place)
            if not place:
                break
            place = split(place)[0]
    return found


def with_parents(paths: Iterable[bytes]) -> set[bytes]:
    """Return the paths and all folders above them."""
    kept = set(paths)
    return kept | parents(kept)


def resume(
    worktree: WorkTree,
    objects: ObjectReader,
    contents: ContentReader,
    target: Digest,
    **options: Unpack[ExecuteOptions],
) -> CheckoutResult:
    """Bring a checkout that was cut short to an end, forwards or back.

    Only the paths that it was about are touched. What is neither as before nor as after goes to the
    `rescue` callback before it is overwritten.

    Args:
        worktree: Whose files.
        objects: Reads trees.
        contents: Gives the contents.
        target: The tree to reach: what the checkout led to, or what it came from, which may hold what was
            rescued as well.
        options: As for `execute_checkout`.
    """
    begun = pending(worktree)
    if begun is None:
        return CheckoutResult()
    with worktree.exclusive():
        other = begun.from_tree if target == begun.to_tree else begun.to_tree
        changes = [*diff_trees(objects, begun.from_tree, begun.to_tree, paths=begun.paths)]
        if target != begun.to_tree:
            changes += diff_trees(objects, begun.from_tree, target)
        paths = sorted({*begun.paths, *(change.path for change in changes)})
        _sweep(worktree, {split(path)[0] for path in paths})
        if not paths:
            remove_journal(worktree)
            return CheckoutResult()
        plan = plan_checkout(worktree, objects, other, target, paths=paths, force=True)
        if plan.is_empty:
            remove_journal(worktree)
            return CheckoutResult()
        announced: ExecuteOptions = {**options, "announced": True}
        return execute_checkout(worktree, contents, plan, **announced)


def _sweep(worktree: WorkTree, paths: Iterable[bytes]) -> None:
    """Remove temporary files that a stop left behind."""
    with Folders(worktree.root) as folders:
        for path in sorted(paths):
            with suppress(FileNotFoundError, NotADirectoryError):
                dirfd = folders.open(path)
                for name in scan_directory(dirfd)[0].split(b"\0"):
                    if name.startswith(TEMPORARY_PREFIX):
                        os.unlink(name, dir_fd=dirfd)
