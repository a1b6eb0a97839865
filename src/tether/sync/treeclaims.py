"""What new tree nodes say of what is below them: checked on receipt, before a ref moves.

The decoder of one node cannot see whether the totals and last names that it states are true, and whether
the nodes below it end where they must; readers trust them afterwards. The cost is that of the new nodes
and of what they directly name. `core.treeverify` checks a whole tree by the same rules.
"""

from collections.abc import Iterable
from typing import NamedTuple

from tether.core.digest import Digest
from tether.core.kinds import ObjectReader
from tether.core.rownames import goes_on_after_cut
from tether.core.tree import (
    MAX_ROWS,
    Child,
    EntryKind,
    Inner,
    Node,
    damaged,
    digest_at,
    is_cut,
    split_digests,
)
from tether.core.treeread import read_nodes


class _Seen(NamedTuple):
    """What is kept of a node."""

    total: Child
    level: int
    first: bytes
    ends: bool
    """Whether it may be followed by another node."""
    rows: int
    last: Digest | None
    """The last node below it in the same folder."""


class _Row(NamedTuple):
    """What an inner node says of a node below it."""

    child: Child
    level: int
    after: bytes | None
    """The last name of the node before it."""


class TreeClaims:
    """Collects nodes on their way to a receiver and checks what they say of each other.

    Args:
        receiver: Has the nodes that are not on their way.
    """

    def __init__(self, receiver: ObjectReader) -> None:
        self._receiver = receiver
        self._seen: dict[Digest, _Seen] = {}
        self._folders: set[tuple[Digest, int, int]] = set()
        self._tops: set[Digest] = set()
        self._rows: set[_Row] = set()
        self._followed: set[Digest] = set()

    def add_tops(self, digests: Iterable[Digest]) -> None:
        """Take in the trees of commits."""
        self._tops.update(digests)

    def add(self, digest: Digest, node: Node) -> None:
        """Take in a new node.

        Raises:
            Corrupt: It goes on after a row that must end it.
        """
        if goes_on_after_cut(node.names, node.level):
            raise damaged("goes on after a row that must end it")
        self._see(digest, node)
        if isinstance(node, Inner):
            after = None
            for child in node.children():
                self._rows.add(_Row(child, node.level - 1, after))
                after = child.name
            # Whether the last one is followed depends on whether this node is.
            self._followed.update(split_digests(node.digests)[:-1])
        elif node.totals:
            for entry in node.entries():
                if entry.kind == EntryKind.DIRECTORY:
                    self._folders.add((entry.digest, entry.files, entry.size))

    def check(self) -> None:
        """Compare everything that was taken in.

        Raises:
            Corrupt: A total or a last name is wrong, or a node ends where it must not.
        """
        self._tops.update(digest for digest, _, _ in self._folders)
        self._load({*self._tops, *(row.child.digest for row in self._rows)})
        for digest in self._tops:
            seen = self._seen[digest]
            if seen.level and seen.rows < 2:
                raise damaged("is the top of a folder and has a single child")
        for digest, files, size in self._folders:
            total = self._seen[digest].total
            if (total.files, total.bytes) != (files, size):
                raise damaged("has other totals than its parent says")
        for row in self._rows:
            _check_row(row, self._seen[row.child.digest])
        self._check_ends()

    def _check_ends(self) -> None:
        waiting = list(self._followed)
        while waiting:
            self._load(waiting)
            below = []
            for digest in waiting:
                seen = self._seen[digest]
                if not seen.ends:
                    raise damaged("ends before it must")
                if seen.last is not None and seen.last not in self._followed:
                    self._followed.add(seen.last)
                    below.append(seen.last)
            waiting = below

    def _load(self, digests: Iterable[Digest]) -> None:
        unseen = sorted({digest for digest in digests if digest not in self._seen})
        for digest, node in zip(unseen, read_nodes(self._receiver, unseen), strict=True):
            self._see(digest, node)

    def _see(self, digest: Digest, node: Node) -> None:
        names = node.names
        last = digest_at(node.digests, len(names) - 1) if isinstance(node, Inner) else None
        ends = len(names) >= MAX_ROWS or bool(names and is_cut(names[-1], node.level))
        first = names[0] if names else b""
        self._seen[digest] = _Seen(node.total(digest), node.level, first, ends, len(names), last)


def _check_row(row: _Row, seen: _Seen) -> None:
    if seen.level != row.level:
        raise damaged("is not on the level that its parent says")
    if seen.total != row.child:
        raise damaged("has other totals or another last name than its parent says")
    if row.after is not None and seen.first <= row.after:
        raise damaged("overlaps the node before it")
