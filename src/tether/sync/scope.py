"""How much of another repository is brought: how many commits, and which contents.

Trees always come whole with their commits, so that every name is known and a commit loses nothing.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from tether.core.batches import batches
from tether.core.digest import EMPTY_FILE, Digest
from tether.core.kinds import ObjectKind, ObjectReader
from tether.core.pathfilter import PathFilter
from tether.core.tree import EMPTY_TREE, EntryKind, Inner, Node, decode_node, split_digests
from tether.repo.partial import WHOLE, Partial
from tether.sync.ends import Lands

_BATCH = 64


@dataclass(frozen=True, slots=True)
class Scope:
    """What of that which refs reach is asked for.

    Attributes:
        depth: How many commits from each ref on; None stops at those that are here.
        partial: Which contents come.
    """

    depth: int | None = None
    partial: Partial = WHOLE


ALL = Scope()


@dataclass(frozen=True, slots=True)
class Asked:
    """Commits and tags, and how much of what they reach.

    Attributes:
        wants: Where it begins.
        scope: How much.
        landing: Gets files while they come; None where nothing is checked out then.
    """

    wants: tuple[Digest, ...]
    scope: Scope = ALL
    landing: Lands | None = None

    @classmethod
    def of(cls, wants: "Iterable[Digest] | Asked") -> "Asked":
        """Return what is asked for by commits and tags alone: everything that they reach."""
        return wants if isinstance(wants, Asked) else cls(tuple(wants))


def wanted_contents(objects: ObjectReader, trees: Iterable[Digest], partial: Partial) -> dict[Digest, int]:
    """Return the contents of some trees that a partial repository asks for, with their sizes.

    Args:
        objects: Has the trees.
        trees: Of commits.
        partial: What is asked for.
    """
    if partial.lazy or partial.shown.nothing:
        return {}
    return contents_under(objects, trees, partial.shown)


def contents_under(objects: ObjectReader, trees: Iterable[Digest], paths: PathFilter) -> dict[Digest, int]:
    """Return the contents that lie under some paths in any of some trees, with their sizes.

    A folder that is the same in many trees is looked into once for each path at which it lies.
    """
    walk = _Walk(objects, paths)
    walk.run(trees)
    walk.found.pop(EMPTY_FILE, None)
    return walk.found


class _Walk:
    def __init__(self, objects: ObjectReader, paths: PathFilter) -> None:
        self._objects, self._paths = objects, paths
        self.found: dict[Digest, int] = {}

    def run(self, trees: Iterable[Digest]) -> None:
        """Go down level by level; a place without a path is below one that is wanted whole."""
        top = None if self._paths.everything else b""
        level: dict[tuple[Digest, bytes | None], None] = {(tree, top): None for tree in trees}
        seen: set[tuple[Digest, bytes | None]] = set()
        while level:
            seen.update(level)
            below: dict[tuple[Digest, bytes | None], None] = {}
            for place, node in self._nodes(list(level)):
                below.update(dict.fromkeys(self._look(node, place)))
            level = {at: None for at in below if at not in seen and at[0] != EMPTY_TREE}

    def _nodes(self, level: list[tuple[Digest, bytes | None]]) -> Iterator[tuple[bytes | None, Node]]:
        for part in batches(level, _BATCH):
            payloads = self._objects.get_many(ObjectKind.TREE, [digest for digest, _ in part])
            for (_, place), payload in zip(part, payloads, strict=True):
                yield place, decode_node(payload)

    def _look(self, node: Node, place: bytes | None) -> Iterator[tuple[Digest, bytes | None]]:
        if isinstance(node, Inner):
            yield from ((digest, place) for digest in split_digests(node.digests))
            return
        for entry in node.entries():
            path = None if place is None else place + entry.name
            covered = path is None or self._paths.covers(path)
            if entry.kind != EntryKind.DIRECTORY:
                if covered:
                    self.found[entry.digest] = entry.size
            elif covered:
                yield entry.digest, None
            elif path is not None and self._paths.leads(path):
                yield entry.digest, path + b"/"
