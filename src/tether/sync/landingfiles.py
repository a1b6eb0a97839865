"""Which files of a clone are written while their packs pass, found by the columns of tree nodes.

Folders with no large files are not looked into for these; all leaves are for small ones.
"""

from collections.abc import Collection, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress

from tether.core.batches import batches
from tether.core.chunker import MAX_SIZE
from tether.core.digest import Digest
from tether.core.kinds import ObjectKind, ObjectReader
from tether.core.objects import Commit
from tether.core.tree import EMPTY_TREE, EntryKind, Inner, decode_node, digest_at, rows_from
from tether.core.treefiles import files_by_folder
from tether.errors import TetherError
from tether.sync.ends import Lands
from tether.sync.passing import Passing

_BATCH = 64


@contextmanager
def landing_chosen(
    passing: Passing,
    landing: Lands | None,
    objects: ObjectReader,
    recipes: Collection[Digest],
    *,
    small: bool,
) -> Iterator[None]:
    """Let files that will be checked out be written while packs pass in the block.

    They are looked for in a thread, while the far end is asked for what it has; packs wait for it.

    Args:
        passing: Brings the packs.
        landing: Gets the files, and says of which commit; None where nothing is checked out.
        objects: Has the commit and its tree.
        recipes: The contents of several chunks that come.
        small: Whether those of one chunk are chosen too.

    Raises:
        NotFound: The commit is not here.
    """
    if landing is None or landing.commit is None:
        yield
        return
    tree = Commit.decode(objects.get(ObjectKind.COMMIT, landing.commit)).tree

    def choose(landing: Lands) -> None:
        if recipes:
            passing.choose(
                landing, [file for file in large_files(objects, tree, MAX_SIZE) if file in recipes]
            )
        if small:
            passing.choose_small(landing, files_by_folder(objects, tree))

    with ThreadPoolExecutor(1, "choose") as pool:
        chosen = pool.submit(choose, landing)
        passing.begins_after(chosen)
        yield
    with suppress(TetherError):  # then less lands, and whoever needs the tree tells what is wrong with it
        chosen.result()
    landing.sync()


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
                for index in rows_from(node, least + 1):
                    digest = digest_at(node.digests, index)
                    if isinstance(node, Inner) or node.kinds[index] == EntryKind.DIRECTORY:
                        below[digest] = None
                    else:
                        yield digest
        level = {digest: None for digest in below if digest not in seen}
