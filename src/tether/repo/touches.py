"""What damage means to people: which refs, commits and paths need an object that is lost."""

from collections.abc import Iterable

from tether.core.digest import Digest
from tether.core.kinds import ObjectKind
from tether.core.names import display, short_ref
from tether.core.objects import Commit, Tag
from tether.core.recipe import decode_page, decode_recipe
from tether.core.tree import EMPTY_TREE, EntryKind, Inner, decode_node, split_digests
from tether.errors import Corrupt, NotFound, Unsupported
from tether.repo.inventory import Inventory
from tether.repo.repository import Repository
from tether.repo.root import Root

LIMIT = 10
"""Places named for one object."""


class Touches:
    """Looks from the refs, HEAD and the stage down for objects that cannot be read.

    A tree that several commits share is looked at once: a path is named with the first of them.
    """

    def __init__(self, repository: Repository, root: Root, inventory: Inventory) -> None:
        self._objects, self._root, self._inventory = repository.objects, root, inventory
        self._found: dict[Digest, list[str]] = {}
        self._carriers: dict[Digest, set[Digest]] = {}
        self._seen: set[Digest] = set()

    def find(self, bad: set[Digest]) -> dict[Digest, list[str]]:
        """Return for each object the places that need it, at most `LIMIT` each."""
        self._carriers = {digest: {digest} for digest in bad}
        self._add_recipes(bad)
        waiting: list[tuple[str, Digest]] = [(short_ref(n), d) for n, d in self._root.refs.items()]
        if self._root.head.commit is not None:
            waiting.append(("HEAD", self._root.head.commit))
        self._walk_tree("stage", self._root.stage)
        seen: set[Digest] = set()
        while waiting:
            name, digest = waiting.pop()
            if digest not in seen:
                seen.add(digest)
                waiting += self._commit(name, digest)
        return self._found

    def _add_recipes(self, bad: set[Digest]) -> None:
        """Let a file stand for each of its chunks that is bad."""
        for digest in self._inventory.of_kind(ObjectKind.RECIPE):
            try:
                recipe = decode_recipe(digest, self._objects.get(ObjectKind.RECIPE, digest))
                parts: set[Digest] = {*recipe.pages} & bad
                if recipe.chunks is not None:
                    parts |= bad.intersection(split_digests(recipe.chunks.digests))
                for page in recipe.pages:
                    listed = decode_page(self._objects.get(ObjectKind.RECIPE_PAGE, page))
                    parts |= bad.intersection(split_digests(listed.digests))
            except (Corrupt, NotFound, Unsupported):
                continue
            if parts:
                self._carriers.setdefault(digest, set()).update(parts)

    def _commit(self, name: str, digest: Digest) -> list[tuple[str, Digest]]:
        self._name(digest, name)
        try:
            if self._inventory.kind_of(digest) == ObjectKind.TAG:
                return [(name, Tag.decode(self._objects.get(ObjectKind.TAG, digest)).target)]
            commit = Commit.decode(self._objects.get(ObjectKind.COMMIT, digest))
        except (Corrupt, NotFound, Unsupported):
            return []
        self._walk_tree(name, commit.tree)
        return [(parent.hex()[:12], parent) for parent in commit.parents]

    def _walk_tree(self, name: str, tree: Digest) -> None:
        waiting = [(b"", tree)]
        while waiting:
            prefix, digest = waiting.pop()
            if digest in self._seen or digest == EMPTY_TREE:
                continue
            self._seen.add(digest)
            self._name(digest, f"{name}:{display(prefix)}")
            try:
                waiting += self._node(name, prefix, digest)
            except (Corrupt, NotFound, Unsupported):
                continue

    def _node(self, name: str, prefix: bytes, digest: Digest) -> Iterable[tuple[bytes, Digest]]:
        node = decode_node(self._objects.get(ObjectKind.TREE, digest))
        if isinstance(node, Inner):
            return [(prefix, child) for child in split_digests(node.digests)]
        below = []
        for entry in node.entries():
            if entry.kind == EntryKind.DIRECTORY:
                below.append((prefix + entry.name + b"/", entry.digest))
            elif entry.digest in self._carriers:
                self._name(entry.digest, f"{name}:{display(prefix + entry.name)}")
        return below

    def _name(self, digest: Digest, place: str) -> None:
        for bad in self._carriers.get(digest, ()):
            places = self._found.setdefault(bad, [])
            if len(places) < LIMIT:
                places.append(place)
