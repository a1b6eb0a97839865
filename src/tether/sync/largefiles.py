"""The large files of a tree, found by the columns of its nodes: a million small ones cost next to nothing."""

from collections.abc import Iterator

from tether.core.batches import batches
from tether.core.digest import Digest
from tether.core.kinds import ObjectKind, ObjectReader
from tether.core.tree import EMPTY_TREE, EntryKind, Inner, Node, decode_node, digest_at

_BATCH = 64


def large_files(objects: ObjectReader, tree: Digest, least: int) -> Iterator[Digest]:
    """Yield the contents of a tree that have more than `least` bytes, each once for every path in a node.

    Folders whose files have no more bytes than that together are not looked into.

    Raises:
        NotFound: A node of the tree is not here.
    """
    level, seen = {tree: None}, {EMPTY_TREE}
    while level:
        seen.update(level)
        below: dict[Digest, None] = {}
        for part in batches(list(level), _BATCH):
            for payload in objects.get_many(ObjectKind.TREE, part):
                node = decode_node(payload)
                for index in _large(node, least):
                    digest = digest_at(node.digests, index)
                    if isinstance(node, Inner) or node.kinds[index] == EntryKind.DIRECTORY:
                        below[digest] = None
                    else:
                        yield digest
        level = {digest: None for digest in below if digest not in seen}


def _large(node: Node, least: int) -> list[int]:
    sizes = node.bytes if isinstance(node, Inner) else node.sizes
    return [index for index, size in enumerate(sizes) if size > least]
