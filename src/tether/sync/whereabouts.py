"""Where the large files are that new tree nodes name: noted as these pass, so that no tree is walked again.

Decision: docs/adr/0077-second-versions.md.
"""

from collections.abc import Container, Iterable

from tether.core.digest import Digest
from tether.core.outline import GROUP
from tether.core.tree import EntryKind, Inner, Node, digest_at, rows_from

_STEPS = 256
_LONGEST = 4096
"""Nodes above one that are followed, and bytes of a path: a stranger may put any number of folders into each
other, each with a long name."""
_TOTAL = 16 << 20
"""Bytes of all paths together. What is not followed is read whole to prove it."""


class Whereabouts:
    """Takes new nodes and says at which paths the large files in them are.

    Large is what is longer than one group of an outline: of anything else all is read to prove it. Of several
    places of a file, and of several folders that have a node, the one that passed last is kept.
    """

    def __init__(self) -> None:
        self._above: dict[Digest, tuple[Digest, bytes | None]] = {}
        """Which node names a node, and as which folder; None where both are of the same one."""
        self._files: dict[Digest, tuple[Digest, bytes]] = {}

    def add(self, digest: Digest, node: Node, files: Container[Digest]) -> None:
        """Take note of what a node names, of its files only of those that are among `files`."""
        for index in rows_from(node, GROUP + 1):
            below, name = digest_at(node.digests, index), node.names[index]
            if isinstance(node, Inner):
                self._above[below] = digest, None
            elif node.kinds[index] == EntryKind.DIRECTORY:
                self._above[below] = digest, name
            elif below in files:
                self._files[below] = digest, name

    def by_tree(self, files: Iterable[Digest]) -> dict[Digest, dict[bytes, Digest]]:
        """Return the paths of those of some files that are known, by the tree of a commit that has them."""
        found: dict[Digest, dict[bytes, Digest]] = {}
        left = _TOTAL
        for file in files:
            place = self._files.get(file)
            tree, path = (None, b"") if place is None or left <= 0 else self._followed(*place)
            if tree is not None:
                left -= len(path)
                found.setdefault(tree, {})[path] = file
        return found

    def _followed(self, node: Digest, name: bytes) -> tuple[Digest | None, bytes]:
        """Return the tree that a node belongs to, and the path of a name in it; None where it is too long."""
        path = name
        for _ in range(_STEPS):
            above = self._above.get(node)
            if above is None:
                return node, path
            node = above[0]
            if above[1] is not None:
                path = above[1] + b"/" + path
            if len(path) > _LONGEST:
                break
        return None, b""
