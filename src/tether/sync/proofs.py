"""New files of several chunks, each shown to be what its digest says before a ref can name it.

A file that replaces another at the same path in the commit before is compared with that one, and read only
where they differ. What it is compared with was shown before, so a recipe that lies helps no other one.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence

from tether.core.digest import Digest
from tether.core.kinds import ObjectKind, ObjectReader
from tether.core.objects import Commit
from tether.core.outline import GROUP
from tether.core.tree import EMPTY_TREE, Entry, EntryKind, Inner, Node
from tether.core.treediff import diff_level
from tether.core.treeread import read_nodes
from tether.errors import NotFound
from tether.repo.contents import ContentReader
from tether.repo.proving import MEANS, Means, prove


def prove_files(
    contents: ContentReader,
    known: ContentReader,
    bases: Callable[[set[Digest]], Mapping[Digest, Digest]],
    files: Sequence[Digest],
    means: Means = MEANS,
) -> Iterator[int]:
    """Show that new files are what their digests say, and yield after each how many bytes of it were read.

    Args:
        contents: Has them.
        known: Has the files that were there before, and nothing else.
        bases: Returns for some of the files those that they replaced; see `replaced`.
        files: The new ones.
        means: See `prove`.

    Raises:
        NotFound: One is not there whole.
        Corrupt: One is something else.
    """
    large = {digest for digest in files if contents.outline(digest) is not None}
    earlier = bases(large) if large else {}
    new, left = frozenset(files), set(files)
    for digest in _in_order(files, earlier):
        base = earlier.get(digest)
        reader = contents if base in new else known
        yield prove(contents, digest, reader, None if base in left else base, means)
        left.remove(digest)


def _in_order(files: Sequence[Digest], earlier: Mapping[Digest, Digest]) -> Iterator[Digest]:
    """Yield files, each after the one that it replaced; where they go round in a circle, one comes first."""
    left = dict.fromkeys(files)
    for first in files:
        line, digest = list[Digest](), first
        while digest in left:
            del left[digest]
            line.append(digest)
            digest = earlier.get(digest, digest)
        yield from reversed(line)


def replaced(objects: ObjectReader, commits: Sequence[Digest], files: set[Digest]) -> dict[Digest, Digest]:
    """Return for some of `files` what was at the same path in the parent of the commit that brought them.

    Of several such commits the oldest counts: what a content replaced when it first came is rather known than
    what it replaced when it came back.

    Args:
        objects: Gives the commits, their parents as far as they are here, and all trees.
        commits: The new ones, from the newest on.
        files: Contents that are looked for, with outlines.
    """
    found: dict[Digest, Digest] = {}
    for digest in reversed(commits):
        if len(found) == len(files):
            break
        commit = Commit.decode(objects.get(ObjectKind.COMMIT, digest))
        for parent in commit.parents[:1]:
            try:
                before = Commit.decode(objects.get(ObjectKind.COMMIT, parent)).tree
            except NotFound:  # the history ends here
                continue
            for old, new in _large_changes(objects, before, commit.tree):
                if new in files:
                    found.setdefault(new, old)
    return found


def _large_changes(objects: ObjectReader, before: Digest, after: Digest) -> Iterator[tuple[Digest, Digest]]:
    """Yield the large files that differ between two trees, each before and after.

    Folders that are on one side only, or have only small files, are not looked into: what has an outline is
    longer than one group, and of whoever made it otherwise all is read. Two folders that are beside each
    other at several paths are looked into once: a few nodes may stand for any number of paths.
    """
    top = (_folder(before), _folder(after))
    level = {(before, after): top} if EMPTY_TREE not in (before, after) else {}
    seen = set[tuple[Digest, Digest]]()
    while level:
        seen.update(level)
        below: dict[tuple[Digest, Digest], tuple[Entry, Entry]] = {}
        nodes = read_nodes(objects, [new for _, new in level])
        for pair in [pair for pair, node in zip(level.values(), nodes, strict=True) if _has_large(node)]:
            for _, old, new in diff_level(objects, *pair):
                if old is None or new is None or new.size <= GROUP:
                    continue
                folders = (old.kind == EntryKind.DIRECTORY, new.kind == EntryKind.DIRECTORY)
                if all(folders) and (old.digest, new.digest) not in seen:
                    below[old.digest, new.digest] = (old, new)
                elif not any(folders):
                    yield old.digest, new.digest
        level = below


def _has_large(node: Node) -> bool:
    """Say whether a node names a large file, or what may have one below."""
    return max(node.bytes if isinstance(node, Inner) else node.sizes, default=0) > GROUP


def _folder(tree: Digest) -> Entry:
    """Return an entry for the tree of a commit, whose totals nobody looks at."""
    return Entry(b"", EntryKind.DIRECTORY, 0, tree, 0)
