"""What the stat cache keeps of a folder whose files have just been staged."""

from collections.abc import Mapping, Set
from dataclasses import replace
from typing import NamedTuple

from tether.core.digest import Digest
from tether.core.kinds import ObjectReader
from tether.core.treeread import find_names
from tether.worktree.block import Block
from tether.worktree.folders import join
from tether.worktree.rows import find_records, splice
from tether.worktree.survey import FolderState, is_racy


class Staged(NamedTuple):
    """A folder after staging."""

    state: FolderState
    tree: Digest
    """Its new tree."""
    taken: Set[bytes]
    """The names of the files and links that were staged as they are."""
    records: Mapping[bytes, bytes]
    """The stat records of those that are not as they were listed."""
    checked: int
    """The file system's time before any of them was read."""


def staged_block(objects: ObjectReader, staged: Staged, trees: Mapping[bytes, Digest | None]) -> Block | None:
    """Return the folder's block for its new tree; None when the cache's is right or nothing is known.

    Args:
        objects: Reads the new trees.
        staged: The folder.
        trees: The new trees of the folders that changed by path; None for those that are gone from the tree.
    """
    state, taken = staged.state, staged.taken
    place = state.place
    if state.unchanged and staged.tree == place.stage:
        return None
    before = state.block(staged.checked) if place.names is None else _merged(state)
    if before is None:
        return None
    children, dropped = _children(state.path, before, trees)
    settled = {*taken, *children}
    missing = [name for name in before.missing if name not in settled]
    if missing:
        missing = sorted(find_names(objects, [(staged.tree, sorted(missing))])[0])
    rows = splice(before.rows, staged.records) if staged.records else before.rows
    racy = {name for name in before.untrusted if name not in taken}
    if rows.newest() >= staged.checked:
        records = find_records(rows, taken)
        racy |= {name for name, record in records.items() if is_racy(record, staged.checked)}
    return replace(
        before,
        stage=staged.tree,
        rows=rows,
        children=children,
        known={name: digest for name, digest in before.known.items() if name not in taken},
        untracked=(*_without(before.untracked, settled), *dropped),
        ignored=_without(before.ignored, settled),
        missing=tuple(missing),
        untrusted=tuple(sorted(racy)),
    )


def _merged(state: FolderState) -> Block | None:
    """Return the cache's block with what was found of the few names that were looked at."""
    old, names = state.old, set(state.place.names or ())
    if old is None or old.stage != state.place.stage:
        return None
    found = find_records(state.rows, names)
    known = find_records(old.rows, names)
    changes: dict[bytes, bytes | None] = {
        name: found.get(name) for name in names if found.get(name) != known.get(name)
    }
    children = {name: tree for name, tree in old.children.items() if name not in names}
    digests = {name: digest for name, digest in old.known.items() if name not in names}
    return replace(
        old,
        rows=splice(old.rows, changes) if changes else old.rows,
        children=dict(sorted({**children, **state.children}.items())),
        known={**digests, **state.known},
        untracked=(*_without(old.untracked, names), *state.untracked),
        ignored=(*_without(old.ignored, names), *state.ignored),
        special=(*_without(old.special, names), *state.special),
        missing=(*_without(old.missing, names), *state.missing),
        untrusted=(*_without(old.untrusted, names), *state.doubtful),
        unsynced=_without(old.unsynced, set(changes)),
    )


def _children(
    folder: bytes, before: Block, trees: Mapping[bytes, Digest | None]
) -> tuple[dict[bytes, Digest], list[bytes]]:
    """Return the tracked folders in a folder, and those that are there but not tracked any more."""
    children: dict[bytes, Digest] = {}
    dropped: list[bytes] = []
    for name, tree in before.children.items():
        now = trees.get(join(folder, name), tree)
        if now is None:
            dropped.append(name + b"/")
        else:
            children[name] = now
    for kept in (*before.untracked, *before.ignored):
        tree_now = trees.get(join(folder, kept[:-1])) if kept.endswith(b"/") else None
        if tree_now is not None:
            children[kept[:-1]] = tree_now
    return children, dropped


def _without(names: tuple[bytes, ...], settled: Set[bytes]) -> tuple[bytes, ...]:
    return tuple(name for name in names if name.removesuffix(b"/") not in settled)
