"""A tree node beside the one that was in its place: which contents and nodes it names and the other does not.

Nodes of the same names in the same order are compared by their columns, with no value made for a row that
is as it was: what that costs follows what differs.
"""

from typing import NamedTuple

from tether.core.digest import Buffer, Digest
from tether.core.gear import MIN_SIZE
from tether.core.recipe import PAGE_CHUNKS
from tether.core.rowdiff import unlike_digests
from tether.core.tree import (
    EntryKind,
    Inner,
    Node,
    Rows,
    decode_node,
    decode_rows,
    digest_at,
    split_digests,
)

_PAGED = PAGE_CHUNKS * MIN_SIZE
"""Bytes from which on a file may have more chunks than one page of a recipe lists: half a gigabyte."""


class Fresh(NamedTuple):
    """What one node names and another does not, and what only the other names.

    Attributes:
        files: Contents.
        below: Nodes, each with the one of the same name in the other node; None where it has none.
        gone: Nodes that the other one names, and this one neither names nor has one of the same name.
        left: Contents of the other one that may have pages of chunks, and that this node does not name.
    """

    files: list[Digest]
    below: list[tuple[Digest, Digest | None]]
    gone: list[Digest]
    left: list[Digest]


def fresh_in(new: Buffer, old: Buffer | None) -> Fresh:
    """Return what a node names that another one does not; all that it names if there is no other.

    What is in another row of the other one, or elsewhere in the tree of that, may be named all the same.

    Raises:
        Corrupt: One of them is no node.
    """
    rows = decode_rows(new, _PAGED)
    if old is None:
        return Fresh(split_digests(rows.files), [(digest, None) for digest in rows.below], [], [])
    before = decode_rows(old, _PAGED)
    left = [digest for digest in before.long if digest not in rows.long] if before.long else []
    if rows.names == before.names:
        pairs = zip(rows.below, before.below, strict=True)
        below: list[tuple[Digest, Digest | None]] = [(one, other) for one, other in pairs if one != other]
        files = [digest_at(rows.files, row) for row in unlike_digests(before.files, rows.files)]
        return Fresh(files, below, [], left)
    if not rows.below:
        return Fresh(_unknown(rows, before), [], before.below, left)
    return Fresh(_unknown(rows, before), *_paired(decode_node(new), decode_node(old)), left)


def _unknown(rows: Rows, before: Rows) -> list[Digest]:
    known = frozenset(split_digests(before.files))
    return [digest for digest in split_digests(rows.files) if digest not in known]


def _paired(new: Node, old: Node) -> tuple[list[tuple[Digest, Digest | None]], list[Digest]]:
    """Return the nodes that are fresh, beside those of the same name, and those that are gone."""
    ours, theirs = _below(new), _below(old)
    known, kept = frozenset(theirs.values()), frozenset(ours.values())
    beside = theirs if new.level == old.level else {}
    fresh = [(digest, beside.get(name)) for name, digest in ours.items() if digest not in known]
    gone = [each for name, each in theirs.items() if each not in kept and not (name in ours and beside)]
    return fresh, gone


def _below(node: Node) -> dict[bytes, Digest]:
    if isinstance(node, Inner):
        return dict(zip(node.names, split_digests(node.digests), strict=True))
    if not node.totals:
        return {}
    return {entry.name: entry.digest for entry in node.entries() if entry.kind == EntryKind.DIRECTORY}
