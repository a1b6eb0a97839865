"""What differs between two trees, in time proportional to the difference.

Nodes with equal digests are dropped level by level, so a change in a folder of a million entries
costs the few nodes on its way. What is left is compared name by name.
"""

from collections.abc import Iterator, Sequence
from functools import partial
from itertools import chain, islice, repeat, tee
from typing import NamedTuple, TypeAlias

from tether.core.digest import Digest
from tether.core.kinds import ObjectReader
from tether.core.rowdiff import unlike_rows
from tether.core.tree import EMPTY_TREE, Entry, EntryKind, Leaf, Node, damaged, split_digests
from tether.core.treeread import BATCH, find_many, iter_directory, read_node, read_nodes, walk_many

Pair: TypeAlias = tuple[Entry | None, Entry | None]
_Nodes: TypeAlias = tuple[tuple[Digest, Node], tuple[Digest, Node]]


class TreeChange(NamedTuple):
    """One path that differs; the entry on the side where it is not there is None."""

    path: bytes
    old: Entry | None
    new: Entry | None


_change = partial(tuple.__new__, TreeChange)
"""Makes a change of three values without a call of a Python function."""


def changed_word(kinds: tuple[EntryKind, EntryKind], *, same_content: bool) -> str:
    """Return how one path differs that is there on both sides: `type`, `mode` or `modified`."""
    if kinds[0] == kinds[1]:
        return "modified"
    if not {*kinds} <= {EntryKind.FILE, EntryKind.EXECUTABLE}:
        return "type"
    return "mode" if same_content else "modified"


def diff_trees(
    reader: ObjectReader,
    old: Digest | None,
    new: Digest | None,
    *,
    paths: Sequence[bytes] = (),
    directories: bool = False,
) -> Iterator[TreeChange]:
    """Return the files, links and empty folders that differ, in the order of their path components.

    A folder that holds something is never named itself. Where a file gives way to a folder, the
    file is removed at its path and what is in the folder is added below it.

    Args:
        reader: Gives the nodes.
        old: The tree before, or None for nothing.
        new: The tree after, or None for nothing.
        paths: Look only at these files and folders; everything if empty.
        directories: Name each folder too that is on one side only, or became one or ceased to be one.

    Raises:
        Corrupt: A node is damaged.
    """
    if not paths or b"" in paths:
        yield from _diff_entries(reader, b"", (_root(old), _root(new)), directories=directories)
        return
    before = find_many(reader, old, paths) if old is not None else {}
    after = find_many(reader, new, paths) if new is not None else {}
    for path in _outermost(paths):
        yield from _diff_entries(reader, path, (before.get(path), after.get(path)), directories=directories)


def count_changes(reader: ObjectReader, old: Digest | None, new: Digest | None) -> int:
    """Return how many files and links differ; folders on one side only count by their totals."""
    count = 0
    for _, pair in _differing(reader, b"", (_root(old), _root(new))):
        count += any(entry is not None and entry.kind != EntryKind.DIRECTORY for entry in pair)
        count += sum(_files_below(reader, entry) for entry in pair if entry is not None)
    return count


class Tally(NamedTuple):
    """How many files and links differ, and how many bytes those have on either side."""

    added: int = 0
    removed: int = 0
    changed: int = 0
    old_bytes: int = 0
    new_bytes: int = 0


def tally(reader: ObjectReader, path: bytes, old: Entry | None, new: Entry | None) -> Tally:
    """Count what differs between two entries at a path; folders on one side only count by their totals.

    A file that gives way to a folder is removed, and what is in the folder is added.

    Raises:
        Corrupt: A node is damaged.
    """
    added = removed = changed = old_bytes = new_bytes = 0
    for _, (before, after) in _differing(reader, path, (old, new)):
        files = [each is not None and each.kind != EntryKind.DIRECTORY for each in (before, after)]
        if all(files):
            changed += 1
        else:
            removed += _files_in(before)
            added += _files_in(after)
        old_bytes += 0 if before is None else before.size
        new_bytes += 0 if after is None else after.size
    return Tally(added, removed, changed, old_bytes, new_bytes)


def _files_in(entry: Entry | None) -> int:
    if entry is None:
        return 0
    return entry.files if entry.kind == EntryKind.DIRECTORY else 1


def diff_level(reader: ObjectReader, old: Entry | None, new: Entry | None) -> Iterator[TreeChange]:
    """Return the entries of a folder that differ, by name, folders among them; nothing below these is read.

    Args:
        reader: Gives the nodes.
        old: The folder before; None, or something else than a folder, counts as an empty one.
        new: The folder after.

    Raises:
        Corrupt: A node is damaged.
    """
    before, after = _folder(old), _folder(new)
    if before is not None and after is not None:
        levels = (_Level(reader, each, read_node(reader, each)) for each in (before, after))
        for name, pair in _diff_levels(b"", *levels):
            yield TreeChange(name, *pair)
        return
    for entry in iter_directory(reader, before) if before is not None else ():
        yield TreeChange(entry.name, entry, None)
    for entry in iter_directory(reader, after) if after is not None else ():
        yield TreeChange(entry.name, None, entry)


def _files_below(reader: ObjectReader, entry: Entry) -> int:
    if entry.kind != EntryKind.DIRECTORY:
        return 0
    return entry.files if entry.name else read_node(reader, entry.digest).total(entry.digest).files


def _root(digest: Digest | None) -> Entry | None:
    """Return an entry for a root; totals are not looked at. An empty root is nothing, not an empty folder."""
    if digest is None or digest == EMPTY_TREE:
        return None
    return Entry(b"", EntryKind.DIRECTORY, 0, digest, 0)


def _outermost(paths: Sequence[bytes]) -> list[bytes]:
    """Return the paths that are not below another one, in order."""
    kept: list[bytes] = []
    for path in sorted(set(paths), key=lambda path: path.split(b"/")):
        if not kept or not path.startswith(kept[-1] + b"/"):
            kept.append(path)
    return kept


def _diff_entries(
    reader: ObjectReader, path: bytes, pair: Pair, *, directories: bool
) -> Iterator[TreeChange]:
    """Compare what is at one path on both sides, with everything below."""
    for where, (old, new) in _differing(reader, path, pair):
        here = TreeChange(where, old, new) if directories else TreeChange(where, _shown(old), _shown(new))
        if here.old is not None or here.new is not None:
            yield here
        yield from _one_sided(reader, where, (_folder(old), _folder(new)), directories=directories)


def _differing(reader: ObjectReader, path: bytes, pair: Pair) -> Iterator[tuple[bytes, Pair]]:
    """Yield what differs at one path and below, not going into folders that are on one side only."""
    stack = [_with_nodes(reader, iter([(path, pair)]))]
    while stack:
        for where, (old, new), nodes in stack[-1]:
            if nodes is not None:
                below = _diff_levels(where, *(_Level(reader, *each) for each in nodes))
                stack.append(_with_nodes(reader, below))
                break
            if old != new:
                yield where, (old, new)
        else:
            stack.pop()


def _with_nodes(
    reader: ObjectReader, pairs: Iterator[tuple[bytes, Pair]]
) -> Iterator[tuple[bytes, Pair, _Nodes | None]]:
    """Yield pairs with the roots of both sides where these are folders that differ; many are read at once."""
    while part := list(islice(pairs, BATCH // 2)):
        below = [(_folder(old), _folder(new)) if old != new else (None, None) for _, (old, new) in part]
        wanted = [digest for both in below if None not in both for digest in both if digest is not None]
        nodes = dict(zip(wanted, read_nodes(reader, wanted), strict=True))
        for (where, pair), (old, new) in zip(part, below, strict=True):
            both = None if old is None or new is None else ((old, nodes[old]), (new, nodes[new]))
            yield where, pair, both


def _shown(entry: Entry | None) -> Entry | None:
    """Return an entry that is named in a difference: anything but a folder that holds something."""
    return None if _folder(entry) is not None else entry


def _folder(entry: Entry | None) -> Digest | None:
    """Return the tree of a folder that holds something."""
    if entry is None or entry.kind != EntryKind.DIRECTORY or entry.digest == EMPTY_TREE:
        return None
    return entry.digest


def _one_sided(
    reader: ObjectReader, path: bytes, below: tuple[Digest | None, Digest | None], *, directories: bool
) -> Iterator[TreeChange]:
    old, new = below
    if old is not None:
        for start, entries in walk_many(reader, old, path, directories=directories):
            yield from map(_change, zip(_paths(start, entries), entries, repeat(None), strict=False))
    if new is not None:
        for start, entries in walk_many(reader, new, path, directories=directories):
            yield from map(_change, zip(_paths(start, entries), repeat(None), entries, strict=False))


def _paths(start: bytes, entries: Sequence[Entry]) -> list[bytes]:
    return [start + entry[0] for entry in entries]


def _diff_levels(path: bytes, old: "_Level", new: "_Level") -> Iterator[tuple[bytes, Pair]]:
    """Return the entries of one folder that may differ, in pairs of the same name."""
    start = path + b"/" if path else b""
    left, right = _differing_entries(old, new)
    one, other = next(left, None), next(right, None)
    while one and other:
        if one.name == other.name:
            if one != other:
                yield start + one.name, (one, other)
            one, other = next(left, None), next(right, None)
        elif one.name < other.name:
            yield start + one.name, (one, None)
            one = next(left, None)
        else:
            yield start + other.name, (None, other)
            other = next(right, None)
    for rest in chain((one,) if one else (), left):
        yield start + rest.name, (rest, None)
    for rest in chain((other,) if other else (), right):
        yield start + rest.name, (None, rest)


def _differing_entries(before: "_Level", after: "_Level") -> tuple[Iterator[Entry], Iterator[Entry]]:
    """Return the entries of two folders that may differ, in order.

    Equal digests on one level hold equal names, and a name is in one node of a level only; so what
    both sides have can be dropped wherever it is.
    """
    while before.level or after.level:
        level = max(before.level, after.level)
        for side in (before, after):
            if side.level == level:
                side.descend()
        if before.level == after.level:
            before.drop_common(after)
    if before.width != after.width or before.width > BATCH:  # what one side is ahead by is held
        return before.entries(), after.entries()
    # One leaf beside the other; a name that went to the next leaf is in what both give.
    left, right = tee(map(_unlike, before.leaves(), after.leaves()))
    return chain.from_iterable(one for one, _ in left), chain.from_iterable(other for _, other in right)


def _unlike(old: Leaf, new: Leaf) -> tuple[Iterator[Entry], Iterator[Entry]]:
    """Return the entries that only one of two leaves has."""
    gone, added = unlike_rows(old, new)
    return map(old.entry, gone), map(new.entry, added)


class _Level:
    """Nodes of one level of a folder that are not known to be on the other side too."""

    def __init__(self, reader: ObjectReader, digest: Digest, root: Node) -> None:
        self._reader = reader
        self.root: Node | None = root
        self.level = root.level
        self.digests = [digest]

    def descend(self) -> None:
        """Go to the children."""
        children: list[Digest] = []
        for node in self._nodes():
            children += split_digests(node.digests)
        self.digests = children
        self.level -= 1
        self.root = None

    def drop_common(self, other: "_Level") -> None:
        """Forget on both sides what both have."""
        common = set(self.digests) & set(other.digests)
        for side in (self, other):
            side.digests = [digest for digest in side.digests if digest not in common]
            if not side.digests:
                side.root = None

    @property
    def width(self) -> int:
        """How many nodes are left."""
        return len(self.digests)

    def leaves(self) -> Iterator[Leaf]:
        """Return the leaves that are left."""
        return (node for node in self._nodes() if isinstance(node, Leaf))

    def entries(self) -> Iterator[Entry]:
        """Return the entries of the leaves that are left."""
        return chain.from_iterable(leaf.entries() for leaf in self.leaves())

    def _nodes(self) -> Iterator[Node]:
        nodes = [self.root] if self.root is not None else read_nodes(self._reader, self.digests)
        for node in nodes:
            if node.level != self.level:
                raise damaged("is not on the level that its parent says")
            yield node
