"""Compares one folder on the disk with its tree, as far as that goes without reading a file.

Rows that are as the stat cache has them keep what is known of them; the others are looked up in the
tree. What is left in doubt afterwards has the size and kind of its entry and has to be read.
"""

import stat
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from tether.core.digest import Digest
from tether.core.kinds import ObjectKind, ObjectReader
from tether.core.names import REPOSITORY_FOLDER
from tether.core.tree import EMPTY_TREE, Entry, EntryKind, Inner, Leaf, decode_node, split_digests
from tether.core.treeread import find_names, iter_directory, read_nodes
from tether.errors import NotFound
from tether.worktree.block import Block
from tether.worktree.folders import is_folder, join
from tether.worktree.ignore import IgnoreRules
from tether.worktree.rows import (
    Rows,
    Shape,
    diff_rows,
    find_records,
    kind_of,
    mode_of,
    on_device_of,
    parse,
    shape_of,
)


@dataclass(frozen=True, slots=True)
class Place:
    """A folder to look at.

    Attributes:
        path: Where it is.
        stage: Its tree; None when nothing in it is tracked.
        rules: The ignore rules, with those of its own ignore file.
        ignored: Whether it lies in an ignored folder.
        names: The entries to look at; None for all.
    """

    path: bytes
    stage: Digest | None
    rules: IgnoreRules
    ignored: bool = False
    names: tuple[bytes, ...] | None = None


@dataclass(slots=True)
class FolderState:
    """What is known of one folder; the lists are as in `Block`."""

    place: Place
    rows: Rows
    old: Block | None = None
    children: dict[bytes, Digest] = field(default_factory=dict)
    known: dict[bytes, Digest | None] = field(default_factory=dict)
    untracked: list[bytes] = field(default_factory=list)
    ignored: list[bytes] = field(default_factory=list)
    special: list[bytes] = field(default_factory=list)
    missing: list[bytes] = field(default_factory=list)
    unsynced: tuple[bytes, ...] = ()
    doubtful: dict[bytes, bytes] = field(default_factory=dict)
    """Stat records of the tracked rows whose content is not known."""
    entries: dict[bytes, Entry] = field(default_factory=dict)
    """The stage's entries of what is in `known`, `doubtful` and `missing`."""
    unchanged: bool = False
    """Whether the cache's block says all this already."""

    @property
    def path(self) -> bytes:
        """Where the folder is."""
        return self.place.path

    def record(self, name: bytes) -> bytes:
        """Return the stat record of a row that is there."""
        found = self.rows.find(name)
        return b"" if found is None else found

    def settle(self, name: bytes, digest: Digest) -> bool:
        """Take the content of a doubtful row and return whether it equals its entry."""
        record = self.doubtful[name]
        entry = self.entries[name]
        if digest == entry.digest and kind_of(mode_of(record)) == entry.kind:
            return True
        self.known[name] = digest
        return False

    def block(self, checked: int) -> Block:
        """Return what the cache keeps; `checked` is the file system's time before any content was read."""
        place = self.place
        untrusted = [name for name, record in self.doubtful.items() if is_racy(record, checked)]
        return Block(
            place.stage or EMPTY_TREE,
            self.rows,
            place.rules.fingerprint,
            self.children,
            self.known,
            tuple(self.untracked),
            tuple(self.ignored),
            tuple(self.special),
            tuple(self.missing),
            tuple(untrusted),
            self.unsynced,
            self.old.boot if self.unsynced and self.old else b"",
        )


def is_racy(record: bytes, checked: int) -> bool:
    """Return whether a row may have changed after `checked` without its record showing it."""
    found = parse(record)
    return max(found.mtime_ns, found.ctime_ns) >= checked


def survey(objects: ObjectReader, place: Place, rows: Rows, block: Block | None) -> FolderState:
    """Return what can be said of a folder without reading its files."""
    if block is not None:
        moved = on_device_of(block.rows, rows)
        block = block if moved is block.rows else replace(block, rows=moved)
    state = FolderState(place, rows, block)
    if place.stage is None:
        _add_all_untracked(state)
        return state
    if place.names is not None:
        touched, facts = _partial(objects, state, place.names)
    elif block is None:
        touched, facts = _everything(objects, state), {}
    else:
        if _replay(objects, state, block):
            return state
        try:
            touched, facts = _since(objects, state, block)
        except NotFound:  # the tree that the block was compared with is gone
            state = FolderState(place, rows)
            touched, facts = _everything(objects, state), {}
    if not state.entries:
        state.entries = _entries(objects, place.stage, touched)
    for name, found in touched.items():
        _classify(state, name, found, facts.get(name))
    state.entries = {name: state.entries[name] for name in (*state.known, *state.doubtful, *state.missing)}
    return state


def _replay(objects: ObjectReader, state: FolderState, block: Block) -> bool:
    """Take everything from the block when nothing differs."""
    place = state.place
    if (
        place.stage is None
        or block.stage != place.stage
        or block.untrusted
        or block.fingerprint != place.rules.fingerprint
        or not _same_rows(block.rows, state.rows)
    ):
        return False
    state.entries = _entries(objects, place.stage, [*block.known, *block.missing])
    if len(state.entries) < len(block.known) + len(block.missing):
        state.entries = {}
        return False
    state.children, state.known = dict(block.children), dict(block.known)
    state.untracked, state.ignored = list(block.untracked), list(block.ignored)
    state.special, state.missing = list(block.special), list(block.missing)
    state.unsynced = block.unsynced
    state.unchanged = True
    return True


def _same_rows(old: Rows, new: Rows) -> bool:
    """Return whether rows are the same but for the times of folders, which say nothing about content."""
    if old.names != new.names:
        return False
    if old.stats == new.stats:
        return True
    changed = diff_rows(old, new).changed
    return all(is_folder(before) and is_folder(after) for _, before, after in changed)


_Touched = dict[bytes, bytes | None]
_Facts = dict[bytes, Digest]


def _everything(objects: ObjectReader, state: FolderState) -> _Touched:
    """Return all rows and all entries of the stage."""
    if state.place.stage is not None and state.place.stage != EMPTY_TREE:
        state.entries = {entry.name: entry for entry in iter_directory(objects, state.place.stage)}
    touched: _Touched = dict.fromkeys(state.entries)
    touched.update(state.rows.items())
    return touched


def _since(objects: ObjectReader, state: FolderState, block: Block) -> tuple[_Touched, _Facts]:
    """Return the rows that may compare otherwise than the block says, and their contents where known."""
    rows = state.rows
    diff = diff_rows(block.rows, rows)
    touched: _Touched = {
        name: new for name, old, new in diff.changed if not (is_folder(old) and is_folder(new))
    }
    touched.update(diff.added)
    touched.update(dict.fromkeys(diff.removed))
    fresh = set(touched)
    stage_changes: Mapping[bytes, Entry | None] = {}
    if state.place.stage is not None and block.stage != state.place.stage:
        stage_changes = changed_names(objects, block.stage, state.place.stage)
    again = {*block.untrusted, *block.known, *block.missing, *stage_changes} - fresh
    records = find_records(rows, again)
    touched.update((name, records.get(name)) for name in again)
    facts: _Facts = {}
    for name in again - set(block.untrusted):
        digest = _content_in(block, stage_changes, name)
        if digest is not None:
            facts[name] = digest
    _carry(state, block, touched)
    state.unsynced = tuple(name for name in block.unsynced if name not in fresh)
    return touched, facts


def _content_in(block: Block, stage_entries: Mapping[bytes, Entry | None], name: bytes) -> Digest | None:
    """Return the content of a row that is as the block has it, given what the block's stage had there."""
    if name in block.known:
        return block.known[name]
    entry = stage_entries.get(name)
    if entry is None or entry.kind == EntryKind.DIRECTORY or name in block.missing or name in block.special:
        return None
    return entry.digest


def _carry(state: FolderState, block: Block, touched: Mapping[bytes, object]) -> None:
    """Take over what the block says of the rows that are not touched."""
    state.children = {name: tree for name, tree in block.children.items() if name not in touched}
    state.special = [name for name in block.special if name not in touched]
    rest = [name for name in (*block.untracked, *block.ignored) if name.removesuffix(b"/") not in touched]
    if block.fingerprint == state.place.rules.fingerprint:
        ignored = set(block.ignored)
        state.untracked = [name for name in rest if name not in ignored]
        state.ignored = [name for name in rest if name in ignored]
        return
    for name in rest:
        _sort_untracked(state, name.removesuffix(b"/"), name.endswith(b"/"))


def _partial(objects: ObjectReader, state: FolderState, names: Iterable[bytes]) -> tuple[_Touched, _Facts]:
    touched: _Touched = {name: state.rows.find(name) for name in names}
    block = state.old
    if block is None:
        return touched, {}
    before = find_records(block.rows, touched)
    same = [name for name in before if before[name] == touched[name] and name not in block.untrusted]
    try:
        if block.stage == state.place.stage:
            entries = state.entries = _entries(objects, block.stage, touched)
        else:
            entries = _entries(objects, block.stage, same)
    except NotFound:
        return touched, {}
    facts = {name: _content_in(block, entries, name) for name in same}
    return touched, {name: digest for name, digest in facts.items() if digest is not None}


def _classify(state: FolderState, name: bytes, record: bytes | None, content: Digest | None) -> None:
    """Put one row or entry where it belongs."""
    entry = state.entries.get(name)
    if record is None:
        if entry is not None:
            state.missing.append(name)
        return
    found = parse(record)
    shape = shape_of(found.mode)
    is_directory = shape is Shape.FOLDER
    if entry is None:
        _add_untracked(state, name, found.mode)
    elif shape is Shape.SPECIAL or is_directory != (entry.kind == EntryKind.DIRECTORY):
        state.missing.append(name)
        _add_untracked(state, name, found.mode)
    elif is_directory:
        state.children[name] = entry.digest
    elif content is not None:
        if content != entry.digest or kind_of(found.mode) != entry.kind:
            state.known[name] = content
    elif found.size != entry.size or (shape is Shape.SYMLINK) != (entry.kind == EntryKind.SYMLINK):
        state.known[name] = None
    else:
        state.doubtful[name] = record


def _add_all_untracked(state: FolderState) -> None:
    """Take every row as untracked; where no rule can hold, most rows need no look at their names."""
    rows, place = state.rows, state.place
    ruled = not place.rules.is_empty or place.ignored or b".git" in rows.names
    ruled = ruled or REPOSITORY_FOLDER in rows.names.lower()
    for name, mode in zip(rows.name_list(), rows.modes(), strict=True):
        if ruled or not stat.S_ISREG(mode):
            _add_untracked(state, name, mode)
        else:
            state.untracked.append(name)


def _add_untracked(state: FolderState, name: bytes, mode: int) -> None:
    shape = shape_of(mode)
    if shape is Shape.SPECIAL:
        if not _is_ignored(state.place, name, is_directory=False):
            state.special.append(name)
    else:
        _sort_untracked(state, name, shape is Shape.FOLDER)


def _sort_untracked(state: FolderState, name: bytes, is_directory: bool) -> None:
    kept = name + b"/" if is_directory else name
    if _is_ignored(state.place, name, is_directory=is_directory):
        state.ignored.append(kept)
    else:
        state.untracked.append(kept)


def _is_ignored(place: Place, name: bytes, *, is_directory: bool) -> bool:
    return place.ignored or place.rules.ignored(name, join(place.path, name), is_directory)


def _entries(objects: ObjectReader, stage: Digest, names: Iterable[bytes]) -> dict[bytes, Entry]:
    wanted = sorted(names)
    if not wanted or stage == EMPTY_TREE:
        return {}
    return find_names(objects, [(stage, wanted)])[0]


def changed_names(objects: ObjectReader, old: Digest, new: Digest) -> dict[bytes, Entry | None]:
    """Return the names whose entries differ in two trees, with the old entry; shared leaves are not read."""
    old_leaves, new_leaves = _leaf_digests(objects, old), _leaf_digests(objects, new)
    before = _entries_of(objects, old_leaves - new_leaves)
    after = _entries_of(objects, new_leaves - old_leaves)
    return {name: before.get(name) for name in (*before, *after) if before.get(name) != after.get(name)}


def _entries_of(objects: ObjectReader, leaves: set[Digest]) -> dict[bytes, Entry]:
    nodes = read_nodes(objects, sorted(leaves))
    return {entry.name: entry for leaf in nodes if isinstance(leaf, Leaf) for entry in leaf.entries()}


def _leaf_digests(objects: ObjectReader, tree: Digest) -> set[Digest]:
    if tree == EMPTY_TREE:
        return set()
    node = decode_node(objects.get(ObjectKind.TREE, tree))
    if not isinstance(node, Inner):
        return {tree}
    digests = split_digests(node.digests)
    if node.level == 1:
        return set(digests)
    return set().union(*(_leaf_digests(objects, digest) for digest in digests))
