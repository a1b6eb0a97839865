"""The files of a tree: all of them, or those at or below some paths."""

from collections.abc import Iterator, Sequence

from tether.core.digest import Digest
from tether.core.kinds import ObjectReader
from tether.core.tree import EMPTY_TREE, Entry, EntryKind
from tether.core.treeread import find_many, walk


def tree_files(
    objects: ObjectReader, tree: Digest, paths: Sequence[bytes] = ()
) -> Iterator[tuple[bytes, Entry]]:
    """Yield files, links and empty folders of a tree, all or those at or below some paths."""
    if not paths or b"" in paths:
        yield from walk(objects, tree)
        return
    found = find_many(objects, tree, paths)
    for path in sorted(found, key=lambda path: path.split(b"/")):
        if any(path.startswith(other + b"/") for other in found):
            continue
        entry = found[path]
        if entry.kind == EntryKind.DIRECTORY and entry.digest != EMPTY_TREE:
            yield from walk(objects, entry.digest, path)
        else:
            yield path, entry
