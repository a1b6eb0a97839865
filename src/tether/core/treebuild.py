"""Writing one folder: building it from sorted entries, and editing it in the nodes that change.

Where a node ends depends on the rows since the end before it, so an edit starts where an old node
starts and may stop as soon as an end falls where an old node ends: from there on a rebuild would
give the old nodes. That holds for ends set by the maximum as well as for ends set by a name.
"""

from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any, NamedTuple, TypeAlias

from tether.core.digest import Digest
from tether.core.kinds import ObjectKind, ObjectWriter
from tether.core.tree import (
    EMPTY_PAYLOAD,
    Child,
    Entry,
    Inner,
    Leaf,
    Node,
    damaged,
    digest_at,
    find_ends,
    node_encoder,
)
from tether.core.treeread import check_child, read_node
from tether.errors import InvalidInput

_BATCH = 16384

Path: TypeAlias = list[tuple[Inner, int]]
"""The way from the root to a node: at each inner node, which child comes next."""


class Subtree(NamedTuple):
    """A written folder and what is below it."""

    digest: Digest
    files: int
    bytes: int


def build_directory(writer: ObjectWriter, entries: Iterable[Entry]) -> Subtree:
    """Write one folder.

    Args:
        writer: Takes the nodes.
        entries: Sorted by name, each name once; taken in batches, so that memory stays small.

    Raises:
        InvalidInput: The entries are not sorted, or one cannot be stored.
    """
    builder = _Builder(writer)
    source = iter(entries)
    while batch := list(islice(source, _BATCH)):
        builder.add(batch, 0)
    return builder.finish()


def edit_directory(writer: ObjectWriter, root: Digest, changes: Mapping[bytes, Entry | None]) -> Subtree:
    """Write a folder that differs from another in some entries; the result is that of a rebuild.

    Args:
        writer: Gives the old nodes and takes the new ones.
        root: The folder to start from.
        changes: The new entry by name, or None to take the name away if it is there.

    Raises:
        InvalidInput: An entry cannot be stored, or is not named like its key.
        Corrupt: An old node is damaged.
    """
    if any(entry is not None and entry.name != name for name, entry in changes.items()):
        raise InvalidInput("an entry is not named like its place in the folder")
    old = _OldTree(writer, root)
    pending: Mapping[bytes, Any] = changes
    for level in range(old.root.level):
        pending = _edit_level(writer, old, level, pending)
    rows = _merge_rows(_rows_of(old.root), pending)
    if old.root.level and len(rows) == 1:
        return _sink(writer, rows[0])
    builder = _Builder(writer, old.root.level if rows else 0)
    builder.add(rows, 0)
    return builder.finish()


class _LevelWriter:
    """Cuts the rows of one level into nodes."""

    def __init__(self, writer: ObjectWriter, level: int) -> None:
        self._writer = writer
        self._level = level
        self._encode: Callable[[Sequence[Any]], bytes] = node_encoder(level)
        self._last = b""
        self.pending: list[Any] = []
        self.written = 0

    def add(self, rows: Sequence[Any]) -> list[Child]:
        """Take rows and return the nodes that are complete now."""
        if rows and rows[0].name <= self._last:
            raise InvalidInput("a folder would hold names that are empty, not sorted or not unique")
        waiting = [*self.pending, *rows]
        made: list[Child] = []
        start = 0
        for end in find_ends([row[0] for row in waiting], self._level):
            made.append(self._write(waiting[start:end]))
            start = end
        self.pending = waiting[start:]
        if waiting:
            self._last = waiting[-1].name
        return made

    def flush(self) -> list[Child]:
        """End the last node."""
        rows, self.pending = self.pending, []
        return [self._write(rows)] if rows else []

    def _write(self, rows: Sequence[Any]) -> Child:
        digest = self._writer.put(ObjectKind.TREE, self._encode(rows))
        self.written += 1
        return _total(rows, digest, self._level)


def _total(rows: Sequence[Any], digest: Digest, level: int) -> Child:
    name = rows[-1].name
    if level == 0:
        return Child(name, digest, sum(row[4] for row in rows), sum(row[2] for row in rows), len(rows))
    files, size, entries = (sum(row[column] for row in rows) for column in (2, 3, 4))
    return Child(name, digest, files, size, entries)


class _Builder:
    """Writes a level and all levels above it, until one has a single node."""

    def __init__(self, writer: ObjectWriter, lowest: int = 0) -> None:
        self._writer = writer
        self._lowest = lowest
        self._levels: list[_LevelWriter] = []
        self._held: list[list[Child]] = []

    def add(self, rows: Sequence[Any], at: int) -> None:
        """Add rows to a level, counted from the lowest, and what they complete to those above.

        The first node of a level is held back until there is a second: alone it is the top, not a row.
        """
        while rows:
            if at == len(self._levels):
                self._levels.append(_LevelWriter(self._writer, self._lowest + at))
                self._held.append([])
            self._held[at] += self._levels[at].add(rows)
            rows = self._release(at)
            at += 1

    def finish(self) -> Subtree:
        """End the last node of every level and return the top."""
        for at, level in enumerate(self._levels):
            self._held[at] += level.flush()
            if level.written == 1:
                top = self._held[at][0]
                return Subtree(top.digest, top.files, top.bytes)
            self.add(self._release(at), at + 1)
        return Subtree(self._writer.put(ObjectKind.TREE, EMPTY_PAYLOAD), 0, 0)

    def _release(self, at: int) -> list[Child]:
        if self._levels[at].written < 2:
            return []
        rows, self._held[at] = self._held[at], []
        return rows


def _sink(writer: ObjectWriter, top: Child) -> Subtree:
    """Return the lowest node that holds everything: a single child takes the place of its parent."""
    digest = top.digest
    node = read_node(writer, digest)
    while isinstance(node, Inner) and len(node.names) == 1:
        digest = digest_at(node.digests, 0)
        node = read_node(writer, digest)
    return Subtree(digest, top.files, top.bytes)


class _OldTree:
    """Finds nodes of the folder being edited by level and name; reads each once."""

    def __init__(self, writer: ObjectWriter, root: Digest) -> None:
        self._writer = writer
        self._nodes: dict[Digest, Node] = {}
        self.root = read_node(writer, root)

    def path_to(self, level: int, name: bytes) -> Path:
        """Return the way from the root to the node of `level` where `name` is or would be."""
        path: Path = []
        node = self.root
        while isinstance(node, Inner) and node.level > level:
            index = min(bisect_left(node.names, name), len(node.names) - 1)
            path.append((node, index))
            node = self.node_at(path)
        return path

    def next_path(self, path: Path) -> Path | None:
        """Return the way to the node after the one at `path` on the same level."""
        depth = len(path)
        above = list(path)
        while above and above[-1][1] + 1 == len(above[-1][0].names):
            above.pop()
        if not above:
            return None
        node, index = above.pop()
        above.append((node, index + 1))
        while len(above) < depth:
            below = self.node_at(above)
            if not isinstance(below, Inner):
                raise damaged("is not on the level that its parent says")
            above.append((below, 0))
        return above

    def node_at(self, path: Path) -> Node:
        """Return the node that a way leads to."""
        parent, index = path[-1]
        digest = digest_at(parent.digests, index)
        node = self._nodes.get(digest)
        if node is None:
            node = read_node(self._writer, digest)
            check_child(parent, index, node)
            if isinstance(node, Inner):
                self._nodes[digest] = node
        return node


def _edit_level(
    writer: ObjectWriter, old: _OldTree, level: int, changes: Mapping[bytes, Any]
) -> dict[bytes, Child | None]:
    """Rewrite the nodes of one level that changes touch; return the changes to the rows above."""
    above: dict[bytes, Child | None] = {}
    output = _LevelWriter(writer, level)
    made: list[Child] = []
    following: Path | None = None
    for path, names in _by_node(old, level, sorted(changes)):
        made += _settle(old, output, following, path, above)
        above[_last_name(path)] = None
        made += output.add(_merge_rows(_rows_of(old.node_at(path)), {name: changes[name] for name in names}))
        following = old.next_path(path)
    made += _settle(old, output, following, None, above)
    made += output.flush()
    above.update((child.name, child) for child in made)
    return above


def _settle(
    old: _OldTree,
    output: _LevelWriter,
    following: Path | None,
    target: Path | None,
    above: dict[bytes, Child | None],
) -> list[Child]:
    """Take whole old nodes from `following` on until an end falls where an old one starts, or at `target`."""
    made: list[Child] = []
    stop = _last_name(target) if target else None
    while output.pending and following is not None and _last_name(following) != stop:
        above[_last_name(following)] = None
        made += output.add(list(_rows_of(old.node_at(following))))
        following = old.next_path(following)
    return made


def _last_name(path: Path) -> bytes:
    """Return the last name below the node that a way leads to; no other node of the level has it."""
    parent, index = path[-1]
    return parent.names[index]


def _by_node(old: _OldTree, level: int, names: list[bytes]) -> Iterator[tuple[Path, list[bytes]]]:
    """Group sorted names by the old node where they are or would be."""
    at = 0
    while at < len(names):
        path = old.path_to(level, names[at])
        parent, index = path[-1]
        is_last = old.next_path(path) is None
        end = len(names) if is_last else bisect_left(names, parent.names[index] + b"\0", at)
        yield path, names[at:end]
        at = end


def _rows_of(node: Node) -> Iterable[Any]:
    return node.entries() if isinstance(node, Leaf) else node.children()


def _merge_rows(rows: Iterable[Any], changes: Mapping[bytes, Any]) -> list[Any]:
    """Return sorted rows with changes by name applied."""
    merged = {row.name: row for row in rows}
    for name, row in changes.items():
        if row is None:
            merged.pop(name, None)
        else:
            merged[name] = row
    return [merged[name] for name in sorted(merged)]
