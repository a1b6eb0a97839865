"""Which rows only one of two tree nodes has, with nothing made of those that both have.

Most rows of a node are as they were in the one before it. Their columns are compared, many rows at once, so
that what it costs follows what differs.
"""

from bisect import bisect_left
from collections.abc import Iterator, Sequence

from tether.core.digest import DIGEST_SIZE
from tether.core.tree import Leaf, Node, split_digests

_BLOCK = 16 * DIGEST_SIZE
"""Bytes of a column of digests that are compared at once."""


def unlike_rows(old: Node, new: Node) -> tuple[Sequence[int], Sequence[int]]:
    """Return the rows of each of two nodes of one level that the other one does not have, in order.

    Of a name that both have both rows are returned if digest or kind differ.
    """
    if old.names == new.names:
        rows = _unlike((old.digests, _kinds(old)), (new.digests, _kinds(new)))
        return rows, rows
    ours, theirs = {*old.names}, {*new.names}
    gone = sorted(bisect_left(old.names, name) for name in ours - theirs)
    added = sorted(bisect_left(new.names, name) for name in theirs - ours)
    # Without those both have the same names, in the same order.
    rows = _unlike(_without(old, gone), _without(new, added))
    return _among(rows, gone), _among(rows, added)


def unlike_digests(old: bytes, new: bytes) -> Iterator[int]:
    """Yield the rows in which two columns of digests, of one length, differ."""
    for start in range(0, len(new) if new != old else 0, _BLOCK):
        one, other = old[start : start + _BLOCK], new[start : start + _BLOCK]
        if one != other:
            first = start // DIGEST_SIZE
            pairs = zip(split_digests(one), split_digests(other), strict=True)
            yield from (first + at for at, (a, b) in enumerate(pairs) if a != b)


def _unlike(old: tuple[bytes, bytes], new: tuple[bytes, bytes]) -> list[int]:
    """Return the rows that have other digests or kinds, of columns of the same names."""
    rows = list(unlike_digests(old[0], new[0]))
    if old[1] == new[1]:
        return rows
    kinds = (row for row, (one, other) in enumerate(zip(old[1], new[1], strict=True)) if one != other)
    return sorted({*rows, *kinds})


def _kinds(node: Node) -> bytes:
    return node.kinds if isinstance(node, Leaf) else b""


def _without(node: Node, rows: Sequence[int]) -> tuple[bytes, bytes]:
    """Return the digests and kinds of a node without some rows."""
    digests, kinds = node.digests, _kinds(node)
    if not rows:
        return digests, kinds
    spans = list(zip([0, *(row + 1 for row in rows)], [*rows, len(node.names)], strict=True))
    kept = b"".join(digests[start * DIGEST_SIZE : end * DIGEST_SIZE] for start, end in spans)
    return kept, b"".join(kinds[start:end] for start, end in spans)


def _among(rows: Sequence[int], left_out: Sequence[int]) -> list[int]:
    """Return rows that were counted without some others as they are with these, and these, in order."""
    found, before = list(left_out), 0
    for row in rows:
        while before < len(left_out) and left_out[before] <= row + before:
            before += 1
        found.append(row + before)
    return sorted(found)
