"""Merging two trees that come from a third, path by path, in time proportional to what changed.

The result starts as ours and takes what only theirs changed. A path that both changed in
different ways goes through the rules below; what they cannot decide is a conflict, and there the
result keeps what ours has. Swapping ours and theirs gives the same conflicts with the sides swapped.
"""

from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple, TypeAlias

from tether.core.digest import Digest
from tether.core.kinds import ObjectReader, ObjectWriter
from tether.core.renames import pair_renames
from tether.core.tree import Entry, EntryKind
from tether.core.treediff import TreeChange, diff_trees
from tether.core.treeedit import edit_tree
from tether.core.treeread import find_many

MergeContent: TypeAlias = Callable[[bytes, Entry | None, Entry, Entry], Entry | None]


class MergeConflict(NamedTuple):
    """A path that the merge leaves to a person; an entry is None where the side has nothing there."""

    path: bytes
    base: Entry | None
    ours: Entry | None
    theirs: Entry | None
    reason: str
    """`content`, `modify/delete`, `add/add`, `file/directory`, `rename/rename` or `rename/delete`."""


class MergeResult(NamedTuple):
    """A merged tree and what is left to decide, in the order of paths."""

    tree: Digest
    conflicts: tuple[MergeConflict, ...]


def merge_trees(
    writer: ObjectWriter, base: Digest, ours: Digest, theirs: Digest, merge_content: MergeContent
) -> MergeResult:
    """Merge two trees.

    A file renamed on one side and edited on the other is edited at its new path. A file that the
    sides renamed differently is a conflict at both new paths, one renamed here and removed there is one at
    the new path. A file on one side against a folder
    on the other is one conflict at the path of the file.

    Args:
        writer: Gives the old nodes and takes the new ones.
        base: The tree that both sides come from.
        ours: The side that the result keeps in a conflict.
        theirs: The other side.
        merge_content: Merges two files that both sides changed, given the path and the entries of base
            (None if both added it), ours and theirs; its result gives size and digest, and None is a
            conflict. It is never called for links.

    Raises:
        Corrupt: A node is damaged.
    """
    if theirs in {ours, base}:
        return MergeResult(ours, ())
    if ours == base:
        return MergeResult(theirs, ())
    sides = (_Side(writer, base, ours), _Side(writer, base, theirs))
    merge = _Merge(writer, base, sides, merge_content)
    merge.run()
    merged = edit_tree(writer, ours, merge.edits)
    return MergeResult(merged.digest, tuple(sorted(merge.conflicts, key=lambda item: item.path.split(b"/"))))


class _Side:
    """What one side changed."""

    def __init__(self, reader: ObjectReader, base: Digest, root: Digest) -> None:
        self.root = root
        changes = list(diff_trees(reader, base, root))
        self.changes: dict[bytes, TreeChange] = {change.path: change for change in changes}
        renames = pair_renames(changes)[1]
        self.sources = {rename.new_path: rename.old_path for rename in renames}
        self.targets = {rename.old_path: rename.new_path for rename in renames}
        self.folders = _folders_above(change.path for change in changes if change.new is not None)

    def files(self) -> Iterator[bytes]:
        """Return the paths where this side put a file or a link."""
        for path, change in self.changes.items():
            if change.new is not None and change.new.kind != EntryKind.DIRECTORY:
                yield path

    def new(self, path: bytes) -> Entry | None:
        """Return what this side has at a path that it changed."""
        return self.changes[path].new


def _folders_above(paths: Iterable[bytes]) -> set[bytes]:
    """Return all folders that hold one of the paths, without the root."""
    folders: set[bytes] = set()
    for path in paths:
        folder = path.rpartition(b"/")[0]
        while folder and folder not in folders:
            folders.add(folder)
            folder = folder.rpartition(b"/")[0]
    return folders


class _Merge:
    """Collects the edits of ours and the conflicts."""

    def __init__(
        self, reader: ObjectReader, base: Digest, sides: tuple[_Side, _Side], merge_content: MergeContent
    ) -> None:
        self._reader = reader
        self._base = base
        self._ours, self._theirs = sides
        self._merge_content = merge_content
        self._blocked: set[bytes] = set()
        self._kept_folders: set[bytes] = set()
        self._done: set[bytes] = set()
        self.edits: dict[bytes, Entry | None] = {}
        self.conflicts: list[MergeConflict] = []

    def run(self) -> None:
        """Go through everything that theirs changed."""
        self._block_files_against_folders()
        self._split_renames()
        self._hold_renames()
        self._follow_renames()
        kept = (path for path, change in self._ours.changes.items() if change.new and path not in self.edits)
        self._kept_folders = _folders_above(kept)
        for path, change in self._theirs.changes.items():
            if path not in self._done and not self._is_blocked(path):
                self._merge_path(path, change)

    def _merge_path(self, path: bytes, change: TreeChange) -> None:
        theirs = change.new
        if path not in self._ours.changes:
            if path not in self._kept_folders:  # else an empty folder that ours has put something into
                self.edits[path] = theirs
            return
        ours = self._ours.new(path)
        if ours == theirs:
            return
        if ours is None or theirs is None:
            if path not in self._ours.folders and path not in self._theirs.folders:
                self._conflict(path, change.old, (ours, theirs), "modify/delete")
            return
        self._merge_entries(path, self._origin(path, change.old), (ours, theirs))

    def _merge_entries(self, path: bytes, base: Entry | None, pair: tuple[Entry, Entry]) -> None:
        """Merge two entries into one at `path`."""
        ours, theirs = pair
        if EntryKind.DIRECTORY in (ours.kind, theirs.kind):
            self._conflict(path, base, pair, "file/directory")
            return
        merged = _three_way(base, ours, theirs)
        links = EntryKind.SYMLINK in (ours.kind, theirs.kind)
        if merged is None and not links:
            file = base if base is not None and base.kind <= EntryKind.EXECUTABLE else None
            merged = self._merge_content(path, file, ours, theirs)
        if merged is None:
            self._conflict(path, base, pair, "content" if base else "add/add")
            return
        kind = merged.kind if links else _file_kind(base, ours, theirs)
        self.edits[path] = merged._replace(name=_last(path), kind=kind)

    def _conflict(
        self, path: bytes, base: Entry | None, pair: tuple[Entry | None, Entry | None], reason: str
    ) -> None:
        self.conflicts.append(MergeConflict(path, base, *pair, reason))

    def _origin(self, path: bytes, base: Entry | None) -> Entry | None:
        """Return the base of a path that both sides have; that of the old path if both moved it here."""
        source = self._ours.sources.get(path)
        if source is not None and source == self._theirs.sources.get(path):
            return self._ours.changes[source].old
        return base

    def _block_files_against_folders(self) -> None:
        """Find files of one side where the other has something below; nothing there is touched."""
        clashes = {path for path in self._theirs.files() if path in self._ours.folders}
        clashes.update(path for path in self._ours.files() if path in self._theirs.folders)
        if not clashes:
            return
        roots = (self._base, self._ours.root, self._theirs.root)
        base, ours, theirs = (find_many(self._reader, root, clashes) for root in roots)
        for path in clashes:
            pair = (ours.get(path), theirs.get(path))
            self._conflict(path, base.get(path), pair, "file/directory")
        self._blocked = clashes

    def _is_blocked(self, path: bytes) -> bool:
        if not self._blocked:
            return False
        return path in self._blocked or not self._blocked.isdisjoint(_folders_above((path,)))

    def _split_renames(self) -> None:
        """Find files that the sides moved to different places: a conflict at each of the two."""
        for source, ours_path in self._ours.targets.items():
            theirs_path = self._theirs.targets.get(source)
            if theirs_path is None or theirs_path == ours_path:
                continue
            if self._is_taken(ours_path, self._theirs) or self._is_taken(theirs_path, self._ours):
                continue
            base = self._ours.changes[source].old
            self._conflict(ours_path, base, (self._ours.new(ours_path), None), "rename/rename")
            self._conflict(theirs_path, base, (None, self._theirs.new(theirs_path)), "rename/rename")
            self._done.add(theirs_path)

    def _hold_renames(self) -> None:
        """Find files that one side moved and the other removed: a conflict at the new path."""
        for side, other in ((self._ours, self._theirs), (self._theirs, self._ours)):
            for source, target in side.targets.items():
                change = other.changes.get(source)
                if change is None or change.new is not None or source in other.targets:
                    continue
                if self._is_taken(target, other):
                    continue
                moved = side.new(target)
                pair = (moved, None) if side is self._ours else (None, moved)
                self._conflict(target, side.changes[source].old, pair, "rename/delete")
                self._done.add(target)

    def _follow_renames(self) -> None:
        """Bring what one side edited to the path to which the other side moved it."""
        for source, target in self._ours.targets.items():
            edited = self._edited(source, target, self._theirs)
            if edited is not None:
                moved = self._ours.changes[target].new
                self._follow(source, target, (moved, edited))
        for source, target in self._theirs.targets.items():
            edited = self._edited(source, target, self._ours)
            if edited is not None:
                self.edits[source] = None
                self._follow(source, target, (edited, self._theirs.changes[target].new))

    def _edited(self, source: bytes, target: bytes, other: _Side) -> Entry | None:
        """Return what the other side made of a moved file, if its edit can follow the move."""
        change = other.changes.get(source)
        if change is None or change.new is None or change.new.kind == EntryKind.DIRECTORY:
            return None
        if self._is_taken(target, other) or self._is_blocked(source):
            return None
        return change.new

    def _is_taken(self, path: bytes, side: _Side) -> bool:
        """Say whether a side has its own plans for a path."""
        return path in side.changes or path in side.folders or self._is_blocked(path)

    def _follow(self, source: bytes, target: bytes, pair: tuple[Entry | None, Entry | None]) -> None:
        ours, theirs = pair
        if ours is not None and theirs is not None:
            self._done.update((source, target))
            self._merge_entries(target, self._ours.changes[source].old, (ours, theirs))


def _three_way(base: Entry | None, ours: Entry, theirs: Entry) -> Entry | None:
    """Return the entry whose content stands: the common one, or that of the only side that changed it."""
    if _content(ours) == _content(theirs) or (base is not None and _content(base) == _content(theirs)):
        return ours
    if base is not None and _content(base) == _content(ours):
        return theirs
    return None


def _content(entry: Entry) -> tuple[bool, Digest]:
    return entry.kind == EntryKind.SYMLINK, entry.digest


def _file_kind(base: Entry | None, ours: Entry, theirs: Entry) -> EntryKind:
    """Merge the executable bit; a file that was not there before counts as not executable."""
    before = EntryKind.FILE if base is None or base.kind != EntryKind.EXECUTABLE else EntryKind.EXECUTABLE
    return theirs.kind if ours.kind == before else ours.kind


def _last(path: bytes) -> bytes:
    return path.rpartition(b"/")[2]
