"""What differs between two trees, by columns: for whoever counts, and needs no entry for each name.

Folders are looked at in batches, so that their nodes are read together, and of each a leaf at a time. What
is read follows what differs, as in `tether.core.treediff`; a large folder on both sides is compared by that.
"""

from collections.abc import Iterator, Sequence
from itertools import chain
from typing import NamedTuple, TypeAlias

from tether.core.digest import Digest
from tether.core.kinds import ObjectReader
from tether.core.tree import MAX_ROWS, Entry, EntryKind, Leaf, Node, digest_at, split_digests
from tether.core.treediff import diff_level
from tether.core.treeread import BATCH, check_child, leaves, read_nodes


class Columns(NamedTuple):
    """Names of one folder that are on one side, and not on the other one with the same kind and size.

    Attributes:
        start: The path of the folder with a slash behind it; empty for the top.
        names: Of what is in it.
        kinds: An `EntryKind` for each.
        sizes: Bytes of each.
        sign: 1 for what is new, -1 for what was there before.
    """

    start: bytes
    names: Sequence[bytes]
    kinds: bytes
    sizes: Sequence[int]
    sign: int


class _Folder(NamedTuple):
    """A folder to look at: its tree on both sides, None where it is not there."""

    start: bytes
    old: Digest | None
    new: Digest | None


_Row: TypeAlias = tuple[bytes, int, int]
_FEW = 64
"""Leaves of a folder that are compared at once, on both sides together."""


def diff_columns(reader: ObjectReader, old: Digest | None, new: Digest) -> Iterator[Columns]:
    """Yield what is in one tree and not in the other; what a file holds is not compared, only how much.

    Folders stand for themselves, and what is in them comes too. One that is on both sides comes twice where
    its size differs. Of two folders whose trees differ and whose rows do not, columns without rows come, so
    that whoever counts what is looked at can end it.

    Args:
        reader: Gives the nodes.
        old: The tree before, or None for nothing.
        new: The tree after.

    Raises:
        NotFound: A node is not there.
        Corrupt: A node is damaged.
    """
    stack: list[Iterator[Columns | _Folder]] = [iter([_Folder(b"", old, new)] if old != new else [])]
    while stack:
        waiting: list[_Folder] = []
        for each in stack[-1]:
            if isinstance(each, Columns):
                yield each
                continue
            waiting.append(each)
            if len(waiting) == BATCH:
                break
        if waiting:
            stack.append(_look_at(reader, waiting))
        else:
            stack.pop()


def _look_at(reader: ObjectReader, folders: Sequence[_Folder]) -> Iterator[Columns | _Folder]:
    """Yield what differs in some folders, and the folders in them that do."""
    nodes = read_nodes(reader, [side for each in folders for side in each[1:] if side is not None])
    sides = [(next(nodes) if each.old else None, next(nodes) if each.new else None) for each in folders]
    looked = (_look(reader, each, *pair) for each, pair in zip(folders, sides, strict=True))
    return chain.from_iterable(looked)


def _look(
    reader: ObjectReader, folder: _Folder, before: Node | None, after: Node | None
) -> Iterator[Columns | _Folder]:
    if before is None or after is None:
        return _of_one_side(reader, folder.start, before, after)
    assert folder.old is not None
    assert folder.new is not None
    old, new = _Below.of(before, folder.old), _Below.of(after, folder.new)
    if old is None or new is None or len(old.digests ^ new.digests) > _FEW:
        return _of_large(reader, folder)
    return _of_leaves(folder.start, old.leaves(reader, new), new.leaves(reader, old))


def _of_one_side(
    reader: ObjectReader, start: bytes, before: Node | None, after: Node | None
) -> Iterator[Columns | _Folder]:
    node, sign = (after, 1) if before is None else (before, -1)
    assert node is not None
    for leaf in leaves(reader, node):
        if leaf.names:
            yield Columns(start, leaf.names, leaf.kinds, leaf.sizes, sign)
        for name, digest in _folders(leaf).items():
            yield _Folder(start + name + b"/", *((None, digest) if sign > 0 else (digest, None)))


class _Below:
    """The leaves of a folder of one or two levels, by their digests."""

    def __init__(self, node: Node, digests: Sequence[Digest]) -> None:
        self._node, self._ordered, self.digests = node, digests, frozenset(digests)

    @classmethod
    def of(cls, node: Node, digest: Digest) -> "_Below | None":
        """Return those of a folder; None where it has more levels."""
        if isinstance(node, Leaf):
            return cls(node, (digest,))
        return cls(node, split_digests(node.digests)) if node.level == 1 else None

    def leaves(self, reader: ObjectReader, other: "_Below") -> list[Leaf]:
        """Read those that another folder does not have.

        Equal digests hold equal names, and a name is in one leaf, so what both have does not differ.
        """
        if isinstance(self._node, Leaf):
            return [] if self.digests <= other.digests else [self._node]
        wanted = [at for at, digest in enumerate(self._ordered) if digest not in other.digests]
        found = read_nodes(reader, [self._ordered[at] for at in wanted])
        read = list[Leaf]()
        for at, node in zip(wanted, found, strict=True):
            check_child(self._node, at, node)
            assert isinstance(node, Leaf)  # of the level below 1
            read.append(node)
        return read


def _of_leaves(start: bytes, before: list[Leaf], after: list[Leaf]) -> Iterator[Columns | _Folder]:
    old, new = _rows(before), _rows(after)
    yield from _sides(start, old, new)
    here, there = _folders(*before), _folders(*after)
    for name in sorted(here.keys() | there.keys()):
        pair = here.get(name), there.get(name)
        if pair[0] != pair[1]:
            yield _Folder(start + name + b"/", *pair)


def _of_large(reader: ObjectReader, folder: _Folder) -> Iterator[Columns | _Folder]:
    """Yield what differs in a folder of several nodes, of which those on both sides are not looked at."""
    sides = [Entry(b"", EntryKind.DIRECTORY, 0, side, 0) for side in folder[1:] if side is not None]
    old, new = set[_Row](), set[_Row]()
    for name, *pair in diff_level(reader, *sides):
        for rows, entry in zip((old, new), pair, strict=True):
            if entry is not None:
                rows.add((name, entry.kind, entry.size))
        if len(old) + len(new) >= MAX_ROWS:
            yield from _sides(folder.start, old, new)
            old, new = set(), set()
        below = [each.digest if each and each.kind == EntryKind.DIRECTORY else None for each in pair]
        if below[0] != below[1]:
            yield _Folder(folder.start + name + b"/", *below)
    yield from _sides(folder.start, old, new)


def _sides(start: bytes, old: set[_Row], new: set[_Row]) -> Iterator[Columns]:
    yield _columns(start, old - new, -1)
    yield _columns(start, new - old, 1)


def _rows(leaves_of: list[Leaf]) -> set[_Row]:
    return {row for leaf in leaves_of for row in zip(leaf.names, leaf.kinds, leaf.sizes, strict=True)}


def _columns(start: bytes, rows: set[_Row], sign: int) -> Columns:
    ordered = sorted(rows)
    names, kinds, sizes = zip(*ordered, strict=True) if ordered else ((), (), ())
    return Columns(start, names, bytes(kinds), sizes, sign)


def _folders(*leaves_of: Leaf) -> dict[bytes, Digest]:
    """Return the trees of the folders in some leaves by name."""
    return {
        leaf.names[index]: digest_at(leaf.digests, index)
        for leaf in leaves_of
        if leaf.totals
        for index, kind in enumerate(leaf.kinds)
        if kind == EntryKind.DIRECTORY
    }
