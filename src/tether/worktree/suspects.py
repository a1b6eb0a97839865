"""Tells quickly which of the files that a checkout changes are just as the cache knows them.

Most files that a checkout replaces are clean, and their stat records say so: then no tree has to be
read, and only the few others are compared in full.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import groupby

from tether.core.digest import Digest
from tether.core.kinds import ObjectReader
from tether.core.tree import Entry, EntryKind
from tether.core.treediff import TreeChange
from tether.core.treeread import find_many
from tether.worktree.block import Block
from tether.worktree.folders import Folders, lstat_record, split
from tether.worktree.reading import SMALL_FILE
from tether.worktree.statcache import StatCache
from tether.worktree.worktree import WorkTree


@dataclass(slots=True)
class Suspects:
    """What was found at the paths of a checkout."""

    paths: list[bytes] = field(default_factory=list)
    """Those that may not be as they should be."""
    clean: dict[bytes, bytes] = field(default_factory=dict)
    """The stat records of the others that are large files before and after."""


def find_suspects(
    worktree: WorkTree, objects: ObjectReader, tree: Digest, changes: Sequence[TreeChange]
) -> Suspects:
    """Find the paths that may not be as `tree` has them on the disk.

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
    found = Suspects()
    with Folders(worktree.root) as folders:
        for folder, group in grouped:
            found.paths += _suspects_in(folders, cache.block(folder), trees.get(folder), group, found.clean)
    return found


def _suspects_in(
    folders: Folders,
    block: Block | None,
    entry: Entry | None,
    changes: Sequence[TreeChange],
    clean: dict[bytes, bytes],
) -> list[bytes]:
    """Return the paths of one folder that need a second look, and note the large ones that do not."""
    try:
        dirfd = folders.open(split(changes[0].path)[0])
    except FileNotFoundError:
        return [change.path for change in changes if change.old is not None]
    except OSError:  # a file or a link is in the way
        return [change.path for change in changes]
    trusted = block if block is not None and entry is not None and block.stage == entry.digest else None
    marked = _marked(trusted) if trusted is not None else frozenset()
    suspects: list[bytes] = []
    for path, old, new in changes:
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
        elif record is not None and is_large(old) and is_large(new):
            clean[path] = record
    return suspects


def is_large(entry: Entry | None) -> bool:
    """Return whether an entry is a file that is written as a stream."""
    return (
        entry is not None and entry.size > SMALL_FILE and entry.kind in (EntryKind.FILE, EntryKind.EXECUTABLE)
    )


def _marked(block: Block) -> frozenset[bytes]:
    """Return the names of a block that are anything but equal to its tree for certain."""
    if block.plain():
        return frozenset()
    listed = (*block.untracked, *block.ignored, *block.special, *block.missing, *block.untrusted)
    return frozenset((*listed, *block.known))
