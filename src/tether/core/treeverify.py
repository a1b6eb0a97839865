"""Checking trees as a whole: what the decoder of one node cannot see.

The reader of a node trusts the totals and last names that inner nodes and folder entries state.
`tether fsck` and a receiver of foreign objects check them here, with the places where nodes end.
"""

from tether.core.digest import Digest
from tether.core.kinds import ObjectReader
from tether.core.rownames import goes_on_after_cut
from tether.core.tree import (
    MAX_ROWS,
    Child,
    Entry,
    EntryKind,
    Inner,
    Node,
    damaged,
    digest_at,
    is_cut,
)
from tether.core.treebuild import Subtree
from tether.core.treeread import check_child, read_node, read_nodes
from tether.errors import Corrupt


def verify_tree(reader: ObjectReader, root: Digest, verified: dict[Digest, Subtree] | None = None) -> Subtree:
    """Check every node of a folder and of all folders below it.

    Args:
        reader: Gives the nodes.
        root: The folder to check.
        verified: Folders that were found whole before; they are not read again, and this call adds its own.

    Returns:
        The totals of the folder.

    Raises:
        Corrupt: A node is damaged, a total or last name is wrong, or a node does not end where it must.
        NotFound: A node is missing.
    """
    known: dict[Digest, Subtree] = {} if verified is None else verified
    found: dict[Digest, Subtree] = {}
    waiting = [root]
    claims: set[Subtree] = set()
    while waiting:
        digest = waiting.pop()
        if digest in known or digest in found:
            continue
        folders: list[Entry] = []
        found[digest] = _verify_folder(reader, digest, folders)
        claims.update(Subtree(entry.digest, entry.files, entry.size) for entry in folders)
        waiting += [entry.digest for entry in folders]
    for claim in claims:
        if claim != (found.get(claim.digest) or known[claim.digest]):
            raise Corrupt(f"folder {claim.digest.hex()} has other totals than its parent says")
    known.update(found)
    return known[root]


def _verify_folder(reader: ObjectReader, digest: Digest, folders: list[Entry]) -> Subtree:
    node = read_node(reader, digest)
    if isinstance(node, Inner) and len(node.names) < 2:
        raise damaged("is the top of a folder and has a single child")
    total = _verify_node(reader, digest, node, folders, is_last=True)
    return Subtree(digest, total.files, total.bytes)


def _verify_node(
    reader: ObjectReader, digest: Digest, node: Node, folders: list[Entry], *, is_last: bool
) -> Child:
    """Check a node and what is below it in the same folder; return the row its parent must have."""
    _verify_end(node, is_last=is_last)
    if not isinstance(node, Inner):
        if node.totals:
            folders += (entry for entry in node.entries() if entry.kind == EntryKind.DIRECTORY)
        return node.total(digest)
    rows = list(node.children())
    for index, child in enumerate(read_nodes(reader, [row.digest for row in rows])):
        check_child(node, index, child)
        last = is_last and index == len(rows) - 1
        if _verify_node(reader, digest_at(node.digests, index), child, folders, is_last=last) != rows[index]:
            raise damaged("has other totals than its parent says")
    return node.total(digest)


def _verify_end(node: Node, *, is_last: bool) -> None:
    if goes_on_after_cut(node.names, node.level):
        raise damaged("goes on after a row that must end it")
    if not is_last and len(node.names) < MAX_ROWS and not is_cut(node.names[-1], node.level):
        raise damaged("ends before it must")
