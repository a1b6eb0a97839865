"""Which of some contents lie below trees: each node is looked into once, however many trees share it.

Contents are known by their digests, so it does not matter what a file was called, where it lay, or whether it
was deleted since.
"""

import math
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from tether.core.digest import Digest
from tether.core.kinds import ObjectReader
from tether.core.tree import EMPTY_TREE, Entry, EntryKind, Inner, Leaf, Node, split_digests
from tether.core.treeread import BATCH, read_nodes

MOST_NAMED = 20
"""Places that are named of each tree; the others are counted."""


class Found(NamedTuple):
    """Where contents lie below a tree."""

    total: int
    places: tuple[tuple[bytes, Digest], ...]
    """The first of them: a path from the tree, and what is there."""

    def under(self, name: bytes) -> "Found":
        """Return the same from a folder above."""
        return Found(self.total, tuple((name + b"/" + path, digest) for path, digest in self.places))


NOTHING = Found(0, ())


def joined(parts: Iterable[Found], most: int = MOST_NAMED) -> Found:
    """Return what several have together."""
    total, places = 0, list[tuple[bytes, Digest]]()
    for part in parts:
        total += part.total
        places.extend(part.places[: most - len(places)])
    return Found(total, tuple(places)) if total else NOTHING


class Exhausted(Exception):
    """More would have to be read than may be; what was found until then is not all."""


class Contained:
    """Looks for contents, and remembers of every node what is below it.

    Args:
        reader: Gives the nodes.
        wanted: Digests of files, of links, or of folders as wholes.
        most: Places that are named of each tree.
        most_nodes: Nodes that may be read; beyond, `Exhausted` is raised.

    Attributes:
        nodes: How many nodes were read.
    """

    def __init__(
        self,
        reader: ObjectReader,
        wanted: Iterable[Digest],
        most: int = MOST_NAMED,
        most_nodes: float = math.inf,
    ) -> None:
        self._reader, self._wanted, self._most = reader, frozenset(wanted), most
        self._most_nodes = most_nodes
        self._known: dict[Digest, Found] = {EMPTY_TREE: NOTHING}
        self.nodes = 0

    def below(self, tree: Digest) -> Found:
        """Return what lies below a tree; the tree itself is not asked about.

        Raises:
            NotFound: A node is not here.
            Corrupt: A node is damaged.
        """
        if tree in self._known:
            return self._known[tree]
        nodes = dict(self._read([tree]))
        stack = [tree]  # folders may be deeper than Python's calls
        while stack:
            digest = stack[-1]
            node = nodes.get(digest)
            if digest in self._known or node is None:
                stack.pop()
                continue
            missing = self._missing(node)
            if missing:
                nodes.update(self._read(missing[:BATCH]))
                stack.extend(missing[:BATCH])
                continue
            self._known[digest] = self._count(node)
            del nodes[digest]
            stack.pop()
        return self._known[tree]

    def at(self, name: bytes, digest: Digest, *, is_folder: bool) -> Found:
        """Return what an entry is and what lies below it, with paths from the folder that it is in."""
        own = Found(1, ((name, digest),)) if digest in self._wanted else NOTHING
        return joined((own, self.below(digest).under(name)), self._most) if is_folder else own

    def by_entry(self, tree: Digest) -> Iterator[Entry]:
        """Yield the entries of a tree that are some of what is wanted, or have some below them.

        Raises:
            NotFound: A node is not here.
            Corrupt: A node is damaged.
        """
        self.below(tree)
        waiting = [tree]
        while waiting:
            [(_, node)] = self._read([waiting.pop()])
            if isinstance(node, Inner):
                waiting += [each for each in split_digests(node.digests)[::-1] if self._known[each].total]
                continue
            for entry in node.entries():
                if self.at(entry.name, entry.digest, is_folder=entry.kind == EntryKind.DIRECTORY).total:
                    yield entry

    def _read(self, digests: Sequence[Digest]) -> Iterator[tuple[Digest, Node]]:
        self.nodes += len(digests)
        if self.nodes > self._most_nodes:
            raise Exhausted
        return zip(digests, read_nodes(self._reader, digests), strict=True)

    def _missing(self, node: Node) -> list[Digest]:
        """Return the nodes below one that are not known yet, each once."""
        below: Iterable[Digest]
        if isinstance(node, Inner):
            below = split_digests(node.digests)
        elif node.totals:
            below = (entry.digest for entry in node.entries() if entry.kind == EntryKind.DIRECTORY)
        else:
            return []
        return [digest for digest in dict.fromkeys(below) if digest not in self._known]

    def _count(self, node: Node) -> Found:
        if isinstance(node, Inner):
            return joined((self._known[digest] for digest in split_digests(node.digests)), self._most)
        if not node.totals and self._wanted.isdisjoint(split_digests(node.digests)):
            return NOTHING
        return joined(self._rows(node), self._most)

    def _rows(self, leaf: Leaf) -> Iterator[Found]:
        for entry in leaf.entries():
            if entry.digest in self._wanted:
                yield Found(1, ((entry.name, entry.digest),))
            if entry.kind == EntryKind.DIRECTORY and self._known[entry.digest].total:
                yield self._known[entry.digest].under(entry.name)
