"""New files of several chunks, each shown to be what its digest says before a ref can name it.

A file that replaces another at the same path in the commit before is compared with that one, and read only
where they differ. What it is compared with was shown before, so a recipe that lies helps no other one.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence

from tether.core.digest import Digest
from tether.core.kinds import ObjectKind, ObjectReader
from tether.core.objects import Commit
from tether.core.tree import EntryKind
from tether.core.treeread import find_many
from tether.errors import NotFound
from tether.repo.contents import ContentReader
from tether.repo.proving import MEANS, Means, prove
from tether.sync.whereabouts import Whereabouts


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


def replaced(
    objects: ObjectReader, commits: Sequence[Digest], files: set[Digest], where: Whereabouts
) -> dict[Digest, Digest]:
    """Return for some of `files` what was at the same path in the parent of the commit that brought them.

    Of several commits with the same tree the oldest that has a parent counts: what a content replaced when it
    first came is rather known than what it replaced when it came back.

    Args:
        objects: Gives the commits, their parents as far as they are here, and all trees.
        commits: The new ones, from the newest on.
        files: Contents that are looked for, with outlines.
        where: Says at which paths they are.
    """
    paths, found = where.by_tree(files), dict[Digest, Digest]()
    for digest in reversed(commits):
        if not paths:
            break
        commit = Commit.decode(objects.get(ObjectKind.COMMIT, digest))
        mine = paths.get(commit.tree, {})
        for parent in commit.parents[:1] if mine else ():
            try:
                before = Commit.decode(objects.get(ObjectKind.COMMIT, parent)).tree
            except NotFound:  # the history ends here
                continue
            for path, old in find_many(objects, before, mine).items():
                if old.kind != EntryKind.DIRECTORY and old.digest != mine[path]:
                    found[mine[path]] = old.digest
            del paths[commit.tree]
    return found
