"""The files of a tree by columns: of each folder a leaf at a time, every node once."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

from tether.core.digest import Digest
from tether.core.kinds import ObjectReader
from tether.core.tree import EMPTY_TREE, EntryKind, Leaf, digest_at
from tether.core.treeread import leaves, read_nodes

if TYPE_CHECKING:
    from array import array


class FolderFiles(NamedTuple):
    """Neighbours in one folder, as columns; folders and links are among them."""

    folder: bytes
    """The path of the folder."""
    names: list[bytes]
    kinds: bytes
    """`EntryKind` of each."""
    sizes: "array[int]"
    """Bytes of each."""
    digests: bytes
    """32 bytes each."""


def files_by_folder(reader: ObjectReader, tree: Digest) -> Iterator[FolderFiles]:
    """Yield what is in the folders of a tree; a folder that lies at several paths comes at one of them.

    Raises:
        Corrupt: A node is damaged.
        NotFound: A node is not here.
    """
    seen = {EMPTY_TREE}
    level = [(b"", tree)]
    while level:
        below: list[tuple[bytes, Digest]] = []
        seen.update(digest for _, digest in level)
        for (folder, _), node in zip(level, read_nodes(reader, [each for _, each in level]), strict=True):
            for leaf in leaves(reader, node):
                yield FolderFiles(folder, leaf.names, leaf.kinds, leaf.sizes, leaf.digests)
                below += _folders(folder, leaf, seen)
        level = below


def _folders(folder: bytes, leaf: Leaf, seen: set[Digest]) -> Iterator[tuple[bytes, Digest]]:
    """Yield the folders of a leaf that were not seen yet, with their paths."""
    start = folder + b"/" if folder else b""
    index = leaf.kinds.find(EntryKind.DIRECTORY)
    while index >= 0:
        digest = digest_at(leaf.digests, index)
        if digest not in seen:
            seen.add(digest)
            yield start + leaf.names[index], digest
        index = leaf.kinds.find(EntryKind.DIRECTORY, index + 1)
