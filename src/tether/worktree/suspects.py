"""Tells quickly which of the files that a checkout changes are just as the cache knows them.

Most files that a checkout replaces are clean, and their stat records say so: then no tree has to be
read, and only the few others are compared in full.
"""

from collections.abc import Sequence
from itertools import groupby

from tether.core.digest import Digest
from tether.core.kinds import ObjectReader
from tether.core.tree import Entry, EntryKind
from tether.core.treediff import TreeChange
from tether.core.treeread import find_many
from tether.worktree.block import Block
from tether.worktree.folders import Folders, lstat_record, split
from tether.worktree.statcache import StatCache
from tether.worktree.worktree import WorkTree


def find_suspects(
    worktree: WorkTree, objects: ObjectReader, tree: Digest, changes: Sequence[TreeChange]
) -> list[bytes]:
    """Return the paths that may not be as `tree` has them on the disk.

    Args:
        worktree: Whose files.
        objects: Reads `tree`.
        tree: What the files should be.
        changes: What a checkout changes; `old` is as in `tree`.
    """
    grouped = [
        (folder, list(group)) for folder, group in groupby(changes, key=lambda change: split(change.path)[0])
    ]
    trees = find_many(objects, tree, {folder for folder, _ in grouped})
    cache = StatCache(worktree)
    suspects: list[bytes] = []
    with Folders(worktree.root) as folders:
        for folder, group in grouped:
            suspects += _suspects_in(folders, cache.block(folder), trees.get(folder), group)
    return suspects


def _suspects_in(
    folders: Folders, block: Block | None, entry: Entry | None, changes: Sequence[TreeChange]
) -> list[bytes]:
    """Return the paths of one folder that need a second look."""
    try:
        dirfd = folders.open(split(changes[0].path)[0])
    except FileNotFoundError:
        return [change.path for change in changes if change.old is not None]
    except OSError:  # a file or a link is in the way
        return [change.path for change in changes]
    trusted = block if block is not None and entry is not None and block.stage == entry.digest else None
    marked = _marked(trusted) if trusted is not None else frozenset()
    suspects: list[bytes] = []
    for path, old, _ in changes:
        name = split(path)[1]
        record = lstat_record(name, dirfd)
        if record is None and old is None:
            continue
        known = (
            trusted is not None
            and record is not None
            and old is not None
            and old.kind != EntryKind.DIRECTORY
            and name not in marked
            and trusted.rows.find(name) == record
        )
        if not known:
            suspects.append(path)
    return suspects


def _marked(block: Block) -> frozenset[bytes]:
    """Return the names of a block that are anything but equal to its tree for certain."""
    if block.plain():
        return frozenset()
    listed = (*block.untracked, *block.ignored, *block.special, *block.missing, *block.untrusted)
    return frozenset((*listed, *block.known))
