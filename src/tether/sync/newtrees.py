"""The trees of commits that come: followed level by level, beside those that the new commits follow on.

A node that lies where another one was names mostly what that one names, and what a tree names that is here is
here too: of such a node only the rows that differ are looked at.
"""

from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress

from tether.core.digest import Digest
from tether.core.kinds import ObjectKind
from tether.core.objects import Commit
from tether.core.rowdiff import unlike_rows
from tether.core.tree import EMPTY_TREE, EntryKind, Inner, Leaf, Node, digest_at, split_digests
from tether.core.treeread import read_nodes
from tether.errors import Corrupt, NotFound
from tether.repo.session import WriteSession


class NewTrees:
    """Says which nodes may be new, and of those that are, which contents.

    Args:
        session: Stores the nodes that come.
        level: The trees to begin with, each beside one that was here before with all that it names, if any.

    Attributes:
        files: Contents that may be new, with their sizes.
    """

    def __init__(self, session: WriteSession, level: Mapping[Digest, Digest | None]) -> None:
        self._session = session
        self._level = level
        self._seen: set[Digest] = {EMPTY_TREE}
        self.files: dict[Digest, int] = {}

    def level(self) -> list[Digest]:
        """Return the nodes of the next level that were not named so far; none after the last level."""
        return [digest for digest in self._level if digest not in self._seen]

    def descend(self, fresh: Mapping[Digest, Node]) -> None:
        """Go to the next level by those nodes of this one that are new, and have been stored."""
        self._seen.update(fresh)
        others = self._others(fresh)
        below: dict[Digest, Digest | None] = {}
        for digest, node in fresh.items():
            other = others.get(digest)
            if other is None:
                sort_rows(node, below, self.files)
            else:
                _sort_unlike(node, other, below, self.files)
        self._session.decoded.keep({digest: fresh[digest] for digest in others})
        self._level = below

    def _others(self, fresh: Iterable[Digest]) -> dict[Digest, Node]:
        """Return the nodes beside new ones; where one is damaged, none: the new ones name all there is."""
        beside = {digest: other for digest in fresh if (other := self._level[digest]) is not None}
        wanted = [*{*beside.values()}]
        try:
            nodes = dict(zip(wanted, read_nodes(self._session.before, wanted), strict=True))
        except (Corrupt, NotFound):
            return {}
        self._session.decoded.keep(nodes)  # whoever checks the new commit out compares the same nodes
        return {digest: nodes[other] for digest, other in beside.items()}


def trees_before(session: WriteSession, commits: Mapping[Digest, Sequence[Digest]]) -> dict[Digest, Digest]:
    """Return for new commits the tree of the commit here that their line of first parents follows on.

    Only what was here before counts: two new trees beside each other could each leave to the other one what
    both name.

    Args:
        session: Stores the new commits.
        commits: These, with their parents.
    """
    ends: dict[Digest, Digest | None] = {}
    for digest in commits:
        line, at = list[Digest](), digest
        while at in commits and at not in ends:
            line.append(at)
            parents = commits[at]
            if not parents:
                ends[at] = None
                break
            at = parents[0]
        ends.update(dict.fromkeys(line, ends.get(at, at if at not in commits else None)))
    trees = _trees_of(session, {end for end in ends.values() if end is not None})
    return {digest: trees[end] for digest, end in ends.items() if end is not None and end in trees}


def _trees_of(session: WriteSession, commits: Iterable[Digest]) -> dict[Digest, Digest]:
    known = list(commits)
    here = [digest for digest, has in zip(known, session.before.has_many(known), strict=True) if has]
    with suppress(Corrupt, NotFound):
        found = session.before.get_many(ObjectKind.COMMIT, here)
        return {digest: Commit.decode(each).tree for digest, each in zip(here, found, strict=True)}
    return {}


def sort_rows(node: Node, below: dict[Digest, Digest | None], files: dict[Digest, int]) -> None:
    """Add the nodes that a tree node names to `below`, and the files, with their sizes, to `files`."""
    if isinstance(node, Inner):
        below.update(dict.fromkeys(split_digests(node.digests)))
        return
    if not node.totals:  # no folders, as in most nodes: whole columns at once
        files.update(zip(split_digests(node.digests), node.sizes, strict=True))
        return
    for entry in node.entries():
        if entry.kind == EntryKind.DIRECTORY:
            below[entry.digest] = None
        else:
            files[entry.digest] = entry.size


def _sort_unlike(
    node: Node, other: Node, below: dict[Digest, Digest | None], files: dict[Digest, int]
) -> None:
    """Add what a node names and another one does not; nodes each with what has its name in the other one."""
    same_level = node.level == other.level
    for row in unlike_rows(other, node)[1] if same_level else range(len(node.names)):
        digest = digest_at(node.digests, row)
        if isinstance(node, Leaf) and node.kinds[row] != EntryKind.DIRECTORY:
            files[digest] = node.sizes[row]
        else:
            below[digest] = _node_at(other, node.names[row]) if same_level else None


def _node_at(node: Node, name: bytes) -> Digest | None:
    """Return the folder of a name, or the node below that ends with it."""
    row = bisect_left(node.names, name)
    if row == len(node.names) or node.names[row] != name:
        return None
    is_node = isinstance(node, Inner) or node.kinds[row] == EntryKind.DIRECTORY
    return digest_at(node.digests, row) if is_node else None
