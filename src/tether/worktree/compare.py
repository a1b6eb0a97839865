"""Compares the working copy with a tree: what was changed, deleted and made since.

Unchanged folders cost a scan and a comparison of memory. Files whose stat record is not the one of the
last time are hashed once, and the cache remembers the result.
"""

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import NamedTuple, TypedDict, Unpack

from tether.core.digest import Digest, hash_bytes
from tether.core.kinds import ObjectReader
from tether.core.progress import SILENT, Progress
from tether.core.tree import Entry, EntryKind
from tether.errors import TetherError
from tether.storage.locks import Holder
from tether.worktree.folders import Folders, failure, join
from tether.worktree.ignore import IgnoreRules
from tether.worktree.reading import Read, batches, hash_large, is_small, read_small
from tether.worktree.rows import FileStat, Shape, parse, shape_of
from tether.worktree.scan import FolderRequest, scan_folder
from tether.worktree.selection import Selection
from tether.worktree.shown import shown_files
from tether.worktree.statcache import StatCache
from tether.worktree.survey import FolderState
from tether.worktree.walk import Walk
from tether.worktree.worktree import WorkTree


class WorkChange(NamedTuple):
    """A tracked path that is not as the tree has it."""

    path: bytes
    old: Entry
    stat: FileStat | None
    """What is there now; None when nothing is."""
    digest: Digest | None = None
    """The content there now, where it had to be looked at."""


class CompareOptions(TypedDict, total=False):
    """Options of `compare`."""

    paths: Sequence[bytes]
    """Look at these files and folders alone; everything if empty."""
    include_ignored: bool
    """List ignored files and folders as well."""
    all_untracked: bool
    """List every untracked file, not the folder when nothing in it is tracked."""
    progress: Progress


@dataclass(slots=True)
class Comparison:
    """How the working copy differs from a tree; every list is in order of the paths."""

    modified: list[WorkChange] = field(default_factory=list)
    deleted: list[WorkChange] = field(default_factory=list)
    type_changed: list[WorkChange] = field(default_factory=list)
    """A file where a link was, or the other way round."""
    mode_changed: list[WorkChange] = field(default_factory=list)
    """The executable bit alone differs."""
    untracked: list[tuple[bytes, bool]] = field(default_factory=list)
    """Path, and whether it is a folder."""
    ignored: list[tuple[bytes, bool]] = field(default_factory=list)
    special: list[bytes] = field(default_factory=list)
    """Pipes, sockets and devices: they cannot be kept."""
    nested: list[bytes] = field(default_factory=list)
    """Folders that are repositories of their own."""
    unreadable: list[tuple[bytes, TetherError]] = field(default_factory=list)

    @property
    def is_clean(self) -> bool:
        """Whether every tracked path is as the tree has it."""
        return not (self.modified or self.deleted or self.type_changed or self.mode_changed)

    def changes(self) -> list[WorkChange]:
        """Return all tracked paths that differ, in order."""
        return sorted([*self.modified, *self.deleted, *self.type_changed, *self.mode_changed])

    def sort(self) -> None:
        """Put every list in order."""
        for changes in (self.modified, self.deleted, self.type_changed, self.mode_changed):
            changes.sort()
        for listed in (self.untracked, self.ignored):
            listed.sort()
        self.special.sort()
        self.nested.sort()
        self.unreadable.sort(key=lambda pair: pair[0])


def compare(
    worktree: WorkTree, objects: ObjectReader, stage: Digest, **options: Unpack[CompareOptions]
) -> Comparison:
    """Return how the files differ from the tree `stage`, and remember what was found out.

    Raises:
        InvalidInput: A path is not one of a working copy.
        Forbidden: A folder with tracked files cannot be read.
        Unavailable: A file changes while it is read, again and again.
    """
    comparer = _Comparer(worktree, objects, options)
    comparer.run(stage)
    comparer.result.sort()
    return comparer.result


class _Comparer:
    """One comparison under way."""

    def __init__(self, worktree: WorkTree, objects: ObjectReader, options: CompareOptions) -> None:
        self._worktree = worktree
        self._objects = objects
        self._cache = StatCache(worktree)
        self._selection = Selection(options.get("paths", ()))
        self._every = options.get("all_untracked", False)
        self._with_ignored = options.get("include_ignored", False)
        self._progress = options.get("progress", SILENT)
        self._checked: int | None = None
        self._refresh = True
        self.result = Comparison()

    def run(self, stage: Digest) -> None:
        walk = Walk(self._worktree, self._objects, self._cache, self._selection, into_untracked=self._every)
        self._progress.start("comparing files", None, "files")
        with Folders(self._worktree.root) as folders:
            for state in walk.states(stage):
                self._take(state, folders)
                self._progress.advance(state.rows.total)
        self._progress.finish()
        self.result.nested += walk.nested
        self.result.unreadable += walk.unreadable
        if self._refresh:
            save(self._worktree, self._cache)

    def _take(self, state: FolderState, folders: Folders) -> None:
        if state.doubtful:
            if self._checked is None:
                self._checked = self._clock()
            self._hash(state, folders)
        if not state.unchanged and state.place.stage is not None and state.place.names is None:
            self._cache.put(state.path, state.block(self._checked or 0))
        self._report_known(state)
        self._report_missing(state)
        self._report_new(state, folders)

    def _clock(self) -> int:
        try:
            return self._worktree.clock()
        except TetherError:  # a read-only copy can be looked at; only nothing is remembered
            self._refresh = False
            return 0

    def _hash(self, state: FolderState, folders: Folders) -> None:
        for read in hash_rows(folders, state.path, list(state.doubtful.items())):
            name = read.name
            if read.error is not None:
                path = join(state.path, name)
                self.result.unreadable.append((path, failure(read.error, path)))
            if not read.record:
                state.missing.append(name)
            elif read.error is not None or read.digest is None:
                state.known[name] = None
            else:
                state.settle(name, read.digest)

    def _report_known(self, state: FolderState) -> None:
        for name, digest in state.known.items():
            path = join(state.path, name)
            if not self._selection.covers(path):
                continue
            entry = state.entries[name]
            found = parse(state.record(name))
            change = WorkChange(path, entry, found, digest)
            if (found.shape is Shape.SYMLINK) != (entry.kind == EntryKind.SYMLINK):
                self.result.type_changed.append(change)
            elif digest == entry.digest:
                self.result.mode_changed.append(change)
            else:
                self.result.modified.append(change)

    def _report_missing(self, state: FolderState) -> None:
        for name in state.missing:
            path, entry = join(state.path, name), state.entries[name]
            deleted = shown_files(self._worktree, self._objects, path, entry)
            self.result.deleted += (
                WorkChange(where, old, None) for where, old in deleted if self._selection.covers(where)
            )

    def _report_new(self, state: FolderState, folders: Folders) -> None:
        covers = self._selection.covers
        self.result.special += (path for path in (join(state.path, n) for n in state.special) if covers(path))
        if self._every and state.place.stage is None and not state.rows.total and covers(state.path):
            self.result.untracked.append((state.path, True))
        for kept in state.untracked:
            path, is_directory = join(state.path, kept.removesuffix(b"/")), kept.endswith(b"/")
            if not covers(path):
                continue
            if not is_directory:
                self.result.untracked.append((path, False))
            elif not self._every:
                self._report_folder(path, state.place.rules, folders)
        if self._with_ignored:
            listed = (
                (join(state.path, kept.removesuffix(b"/")), kept.endswith(b"/")) for kept in state.ignored
            )
            self.result.ignored += (pair for pair in listed if covers(pair[0]))

    def _report_folder(self, path: bytes, rules: IgnoreRules, folders: Folders) -> None:
        found = self._holds(path, rules, folders)
        if found is None:
            self.result.nested.append(path)
        elif found:
            self.result.untracked.append((path, True))
        elif self._with_ignored:
            self.result.ignored.append((path, True))

    def _holds(self, top: bytes, rules: IgnoreRules, folders: Folders) -> bool | None:
        """Return whether an untracked folder holds anything but what is ignored; None for a repository."""
        waiting = [(top, rules)]
        while waiting:
            path, above = waiting.pop()
            scan = scan_folder(folders, FolderRequest(path))
            if scan.nested:
                if path == top:
                    return None
                continue
            if scan.error is not None:
                self.result.unreadable.append((path, failure(scan.error, path)))
                continue
            here = above.child(path, scan.ignore_text)
            below: list[tuple[bytes, IgnoreRules]] = []
            for name, record in scan.rows.items():
                shape = shape_of(parse(record).mode)
                inner = join(path, name)
                if here.ignored(name, inner, shape is Shape.FOLDER):
                    continue
                if shape is not Shape.FOLDER:
                    return True
                below.append((inner, here))
            if not scan.rows.total:
                return True
            waiting += reversed(below)
        return False


def hash_rows(folders: Folders, path: bytes, wanted: Sequence[tuple[bytes, bytes]]) -> Iterator[Read]:
    """Yield the content digests of files and links of one folder, given their stat records."""
    try:
        dirfd = folders.open(path)
    except (FileNotFoundError, NotADirectoryError):  # gone since it was listed
        yield from (Read(name, b"") for name, _ in wanted)
        return
    except OSError as error:
        raise failure(error, path) from error
    for batch in batches([pair for pair in wanted if is_small(pair[1])]):
        for read in read_small(dirfd, batch):
            if read.record and read.error is None and read.digest is None:
                yield Read(read.name, read.record, digest=hash_bytes(read.data))
            else:
                yield read
    for name, record in wanted:
        if not is_small(record):
            yield hash_large(dirfd, name)


def _give_up(holder: Holder) -> bool:
    return False


def save(worktree: WorkTree, cache: StatCache) -> None:
    """Write the cache if nobody else is working on it; it only saves time."""
    with suppress(TetherError), worktree.exclusive(_give_up):
        cache.save()
