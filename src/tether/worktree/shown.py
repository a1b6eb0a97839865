"""What of a tree the working copy shows; a file of the rest that is there counts like any other."""

from collections.abc import Iterator

from tether.core.kinds import ObjectReader
from tether.core.tree import EMPTY_TREE, Entry, EntryKind
from tether.core.treediff import TreeChange
from tether.core.treeread import walk as walk_tree
from tether.worktree.folders import Folders, lstat_record, split
from tether.worktree.worktree import WorkTree


def shown_changes(worktree: WorkTree, changes: list[TreeChange]) -> list[TreeChange]:
    """Leave out the changes of files that are neither shown nor there."""
    if worktree.shown.everything:
        return changes
    covers, kept, gone = worktree.shown.covers, list[TreeChange](), set[bytes]()
    with Folders(worktree.root) as folders:
        for change in changes:
            folder, name = split(change.path)
            if covers(change.path):
                kept.append(change)
            elif folder not in gone:
                try:
                    if lstat_record(name, folders.open(folder)) is not None:
                        kept.append(change)
                except OSError:
                    gone.add(folder)
    return kept


def tree_files(objects: ObjectReader, path: bytes, entry: Entry) -> Iterator[tuple[bytes, Entry]]:
    """Yield the files, links and empty folders that an entry stands for."""
    if entry.kind != EntryKind.DIRECTORY or entry.digest == EMPTY_TREE:
        yield path, entry
    else:
        yield from walk_tree(objects, entry.digest, path)


def shown_files(
    worktree: WorkTree, objects: ObjectReader, path: bytes, entry: Entry
) -> Iterator[tuple[bytes, Entry]]:
    """Yield those of what an entry stands for that a working copy shows."""
    shown = worktree.shown
    if shown.covers(path):
        yield from tree_files(objects, path, entry)
    elif entry.kind == EntryKind.DIRECTORY and shown.leads(path):
        yield from (pair for pair in tree_files(objects, path, entry) if shown.covers(pair[0]))
