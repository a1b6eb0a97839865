"""Puts files of the working copy on the stage: only what is new or changed is read.

The tree is worked out bottom-up: a folder in which nothing was tracked is built in one go, and all the
rest is one edit of the tree before. The stat cache is written when the transaction has gone through.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, TypedDict, Unpack

from tether.core.digest import Digest
from tether.core.names import check_path, display, is_repository_folder, may_hold_repository_folder
from tether.core.progress import SILENT, Progress
from tether.core.tree import EMPTY_TREE, Entry, EntryKind, zip_entries
from tether.core.treebuild import build_directory
from tether.core.treeedit import edit_tree
from tether.core.treeread import find_many
from tether.errors import InvalidInput, NotFound
from tether.repo.transaction import Transaction
from tether.worktree.compare import hash_rows, save
from tether.worktree.folders import Folders, failure, join, lstat_record, split
from tether.worktree.intake import Taken, Wanted, take_in
from tether.worktree.rows import find_rows, kind_in, size_of
from tether.worktree.selection import Selection
from tether.worktree.shown import shown_files
from tether.worktree.stageblock import Staged, staged_block
from tether.worktree.statcache import StatCache
from tether.worktree.survey import FolderState
from tether.worktree.walk import Walk
from tether.worktree.worktree import WorkTree

_GIT = b".git"


class StageOptions(TypedDict, total=False):
    """Options of `stage_paths`."""

    everything: bool
    """Without paths, stage the whole working copy."""
    tracked_only: bool
    """Leave out what is not tracked yet, as `commit -a` does."""
    dry_run: bool
    """Find out what would be staged, and store nothing."""
    force: bool
    """Take ignored files too."""
    list_changes: bool
    """Fill `changes` of the result; a dry run does so always."""
    progress: Progress


class StageChange(NamedTuple):
    """One path that was staged."""

    path: bytes
    change: str
    """`added`, `modified` or `removed`."""


@dataclass(slots=True)
class StageResult:
    """What was staged."""

    tree: Digest
    """The new stage."""
    added: int = 0
    modified: int = 0
    removed: int = 0
    changes: list[StageChange] = field(default_factory=list)
    nested: list[bytes] = field(default_factory=list)
    """Folders left out, since they are repositories of their own."""
    _memory: tuple[WorkTree, StatCache] | None = None
    bytes: int = 0
    """Of the files added and modified."""

    def remember(self) -> None:
        """Write the stat cache; to be called when the transaction has gone through."""
        if self._memory is not None:
            save(*self._memory)


def stage_paths(
    worktree: WorkTree, transaction: Transaction, paths: Sequence[bytes], **options: Unpack[StageOptions]
) -> StageResult:
    """Make the stage hold what the working copy holds at `paths`, removals included.

    Sets the stage of the transaction. After the transaction, call `remember` of the result, so that the
    next comparison need not read the files again.

    Args:
        worktree: Whose files.
        transaction: Takes contents and trees; its root gives the stage to start from.
        paths: Files and folders relative to the top folder.
        options: See `StageOptions`.

    Raises:
        NotFound: A path is neither in the working copy nor on the stage.
        InvalidInput: A path is ignored, cannot be kept, or lies in another repository.
        Forbidden: A file cannot be read.
        Unavailable: A file changes while it is read, or another process is changing the files.
    """
    if not paths and not (options.get("everything") or options.get("tracked_only")):
        raise InvalidInput("no paths to add", hint="name files or folders, or give `-A`")
    with worktree.exclusive():
        return _Staging(worktree, transaction, paths, options).run()


@dataclass(slots=True)
class _Folder:
    """A folder with what was taken in."""

    state: FolderState
    wanted: list[tuple[bytes, bytes]] = field(default_factory=list)
    taken: dict[bytes, Entry] = field(default_factory=dict)
    records: dict[bytes, bytes] = field(default_factory=dict)
    """Stat records of those taken that are not as they were listed."""
    folders: dict[bytes, Entry] = field(default_factory=dict)
    """Folders built in it, in which nothing was tracked."""
    tree: Digest | None = None
    """Its new tree."""


class _Staging:
    def __init__(
        self, worktree: WorkTree, transaction: Transaction, paths: Sequence[bytes], options: StageOptions
    ) -> None:
        self._worktree, self._transaction, self._options = worktree, transaction, options
        self._objects = transaction.objects
        self._stage = transaction.root.stage
        self._selection = Selection(paths)
        self._cache = StatCache(worktree)
        self._force = options.get("force", False)
        self._new = not options.get("tracked_only", False)
        self._dry = options.get("dry_run", False)
        self._listing = self._dry or options.get("list_changes", False)
        self._progress = options.get("progress", SILENT)
        self._folders: dict[bytes, _Folder] = {}
        self._edits: dict[bytes, Entry | None] = {}
        self._result = StageResult(self._stage)

    def run(self) -> StageResult:
        self._check_paths()
        self._collect()
        if self._dry:
            self._preview()
            return self._result
        checked = self._worktree.clock()
        total = sum(len(folder.wanted) for folder in self._folders.values())
        self._progress.start("adding files", total, "files")
        wanted = [Wanted(path, folder.wanted) for path, folder in self._folders.items() if folder.wanted]
        for taken in take_in(self._worktree, self._transaction, wanted, self._progress):
            self._take(taken)
        self._transaction.contents.flush()
        self._progress.finish()
        for folder in self._folders.values():
            folder.wanted = []
        self._build()
        self._remember(checked)
        return self._result

    # ------------------------------------------------------------ what is to be read

    def _check_paths(self) -> None:
        """Refuse paths that name nothing, or nothing that can be staged."""
        tracked = find_many(self._objects, self._stage, self._selection.paths)
        with Folders(self._worktree.root) as folders:
            for path in sorted(self._selection.paths):
                if path not in tracked and not _exists(folders, path):
                    raise NotFound(f"no such file: {display(path)}", hint="check the spelling of the path")

    def _collect(self) -> None:
        walk = Walk(self._worktree, self._objects, self._cache, self._selection)
        walk.into_untracked, walk.into_ignored = self._new, self._new and self._force
        self._progress.start("looking for changes", None, "files")
        for state in walk.states(self._stage):
            self._progress.advance(state.rows.total)
            self._collect_folder(state)
        if walk.unreadable:
            raise walk.unreadable[0][1]
        self._result.nested = [path for path in walk.nested if self._selection.covers(path)]
        for path in self._result.nested:
            if path in self._selection.paths:
                hint = "add the files from inside that repository"
                raise InvalidInput(f"{display(path)} is a repository of its own", hint=hint)

    def _collect_folder(self, state: FolderState) -> None:
        folder = _Folder(state)
        self._folders[state.path] = folder
        covers, path = self._selection.covers, state.path
        self._refuse_special(state)
        for name in state.missing:
            for where, _ in shown_files(self._worktree, self._objects, join(path, name), state.entries[name]):
                if covers(where):
                    self._remove(where)
        names = [*state.known, *state.doubtful]
        if self._new:
            names += self._new_names(state)
        if state.place.names is not None:
            names = [name for name in names if covers(join(path, name))]
        folder.wanted = find_rows(state.rows, names)
        emptied = state.place.stage not in (None, EMPTY_TREE) and not state.rows.total
        emptied = emptied and self._worktree.shown.covers(path)  # otherwise what it holds is not shown
        if emptied and path and self._new and covers(path):
            self._edits[path] = _folder_entry(split(path)[1], EMPTY_TREE, 0, 0)

    def _refuse_special(self, state: FolderState) -> None:
        for name in state.special:
            path = join(state.path, name)
            if self._selection.covers(path) and self._new:
                hint = f"name it in .tetherignore: {display(name)}"
                raise InvalidInput(
                    f"{display(path)} is no file, link or folder, and cannot be kept", hint=hint
                )

    def _new_names(self, state: FolderState) -> Iterator[bytes]:
        for name in state.ignored:
            path = join(state.path, name.removesuffix(b"/"))
            if not self._force and path in self._selection.paths:
                hint = "see why with `tether ignored`, or add it with `-f`"
                raise InvalidInput(f"{display(path)} is ignored", hint=hint)
            if self._force and not name.endswith(b"/") and name != _GIT:
                self._check(state, name)
                yield name
        names = [name for name in state.untracked if not name.endswith(b"/")]
        if may_hold_repository_folder(state.rows.names):
            for name in names:
                self._check(state, name)
        yield from names

    def _check(self, state: FolderState, name: bytes) -> None:
        if is_repository_folder(name):
            check_path(join(state.path, name))

    # ------------------------------------------------------------ what was read

    def _take(self, taken: Taken) -> None:
        folder = self._folders[taken.folder]
        state = folder.state
        kinds = [kind_in(record[:4]) for record in taken.records]
        entries = zip_entries(taken.names, kinds, taken.sizes, taken.digests)
        if state.place.stage is None and not taken.moved and not self._listing:
            folder.taken.update(zip(taken.names, entries, strict=True))
            self._result.added += len(taken.names)
            self._result.bytes += sum(taken.sizes)
            return
        for record, entry in zip(taken.records, entries, strict=True):
            self._take_one(folder, record, entry)
            if record and entry.name in taken.moved:
                folder.records[entry.name] = record

    def _take_one(self, folder: _Folder, record: bytes, entry: Entry) -> None:
        state, name = folder.state, entry.name
        if not record:
            if name in state.entries:
                self._remove(join(state.path, name))
            return
        folder.taken[name] = entry
        if state.entries.get(name) != entry:
            self._count(state, name, entry.size)
            if state.place.stage is not None:
                self._edits[join(state.path, name)] = entry

    def _count(self, state: FolderState, name: bytes, size: int) -> None:
        """Count a file as added or modified."""
        self._result.bytes += size
        known = name in state.entries and name not in state.missing
        if known:
            self._result.modified += 1
        else:
            self._result.added += 1
        if self._listing:
            self._list(join(state.path, name), "modified" if known else "added")

    def _remove(self, path: bytes) -> None:
        self._edits.setdefault(path, None)
        self._result.removed += 1
        self._list(path, "removed")

    def _list(self, path: bytes, change: str) -> None:
        if self._listing:
            self._result.changes.append(StageChange(path, change))

    def _preview(self) -> None:
        """Count what would be staged; only files in doubt are read."""
        with Folders(self._worktree.root) as folders:
            for path, folder in self._folders.items():
                state = folder.state
                doubtful = [row for row in folder.wanted if row[0] in state.doubtful]
                for read in hash_rows(folders, path, doubtful) if doubtful else ():
                    if read.digest is None or not state.settle(read.name, read.digest):
                        self._count(state, read.name, state.entries[read.name].size)
                for name, record in folder.wanted:
                    if name not in state.doubtful:
                        self._count(state, name, size_of(record))

    # ------------------------------------------------------------ the new tree

    def _build(self) -> None:
        for folder in reversed(self._folders.values()):
            if folder.state.place.stage is None:
                self._build_new(folder)
        if self._edits:
            self._result.tree = edit_tree(self._objects, self._stage, self._edits).digest
        if self._result.tree != self._stage:
            self._transaction.set_stage(self._result.tree)

    def _build_new(self, folder: _Folder) -> None:
        """Write a folder in which nothing was tracked, and hand it to the one above."""
        state = folder.state
        keeps_empty = state.place.names is None and not state.rows.total
        if not (folder.taken or folder.folders or keeps_empty):
            return
        parent_path, name = split(state.path)
        entries = {**folder.taken, **folder.folders} if folder.folders else folder.taken
        built = build_directory(self._objects, (entries[name] for name in sorted(entries)))
        folder.tree = built.digest
        if is_repository_folder(name):
            check_path(state.path)
        entry = _folder_entry(name, built.digest, built.bytes, built.files)
        parent = self._folders[parent_path]
        if parent.state.place.stage is None:
            parent.folders[name] = entry
        else:
            self._edits[state.path] = entry

    # ------------------------------------------------------------ the cache

    def _remember(self, checked: int) -> None:
        touched = _with_parents(self._edits)
        wanted = [path for path in self._folders if path in touched]
        trees: dict[bytes, Digest | None] = dict.fromkeys(wanted)
        trees.update(
            (path, entry.digest)
            for path, entry in find_many(self._objects, self._result.tree, wanted).items()
            if entry.kind == EntryKind.DIRECTORY
        )
        trees.update((path, each.tree) for path, each in self._folders.items() if each.tree is not None)
        for path, folder in self._folders.items():
            tree = trees.get(path, folder.state.place.stage)
            if tree is not None:
                staged = Staged(folder.state, tree, folder.taken.keys(), folder.records, checked)
                block = staged_block(self._objects, staged, trees)
                if block is not None:
                    self._cache.put(path, block)
        self._result._memory = (self._worktree, self._cache)


def _folder_entry(name: bytes, tree: Digest, size: int, files: int) -> Entry:
    return Entry(name, EntryKind.DIRECTORY, size, tree, files)


def _exists(folders: Folders, path: bytes) -> bool:
    folder, name = split(path)
    try:
        return lstat_record(name, folders.open(folder)) is not None
    except OSError as error:
        if isinstance(error, (FileNotFoundError, NotADirectoryError)):
            return False
        raise failure(error, path) from error


def _with_parents(paths: Iterable[bytes]) -> set[bytes]:
    """Return the folders above the paths, and the paths themselves."""
    found: set[bytes] = {b""}
    for path in paths:
        place = path
        while place and place not in found:
            found.add(place)
            place = split(place)[0]
    return found
