"""Marking: everything that some roots need, level by level, each object once.

The marker knows from an inventory what kind an object is, so a root may be of any kind. It goes on
when something is missing or damaged and reports it, because gc must stop then and fsck must not.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence

from tether.core.digest import Digest
from tether.core.kinds import ObjectKind
from tether.core.objects import Commit, Tag
from tether.core.recipe import decode_page, decode_recipe
from tether.core.tree import EntryKind, Inner, decode_node, split_digests
from tether.errors import Corrupt, NotFound, Unsupported
from tether.repo.absent import absent_lists
from tether.repo.history import shallow_commits
from tether.repo.inventory import Inventory
from tether.repo.mergestate import state_references
from tether.repo.objectdb import ObjectDb
from tether.repo.operations import Operation, Pointers
from tether.repo.root import Root

_BATCH = 64

Report = Callable[[ObjectKind, Digest, str], None]
"""Takes an object that is needed, and what is wrong with it: `missing`, or how it is damaged."""


class Marker:
    """Collects what is reachable.

    Args:
        objects: Gives metadata, verified.
        inventory: Says what is here. A content without an object counts as missing.
        report: Told of what is missing or damaged; what hangs below it is not followed.
        shallow: Commits whose parents are not in this repository, by agreement.

    Attributes:
        marked: Every object found, of all kinds; those that were reported are among them.
    """

    def __init__(
        self, objects: ObjectDb, inventory: Inventory, report: Report, *, shallow: Iterable[Digest] = ()
    ) -> None:
        self._objects, self._inventory, self._report = objects, inventory, report
        self._shallow = frozenset(shallow)
        self._skipped: frozenset[Digest] = frozenset()
        self.marked: set[Digest] = set()
        self._fresh: set[Digest] | None = None
        self._trees: set[Digest] = set()
        self._files: set[Digest] = set()

    def skip(self, contents: Iterable[Digest]) -> None:
        """Pass over these contents: neither marked nor reported, whoever needs them."""
        self._skipped = frozenset(contents)

    def mark(self, roots: Iterable[Digest]) -> None:
        """Mark `roots` and all that they need; what is marked already is not walked again."""
        commits: list[Digest] = []
        for digest in roots:
            kind = self._inventory.kind_of(digest)
            if kind in (ObjectKind.COMMIT, ObjectKind.TAG):
                commits.append(digest)
            elif kind == ObjectKind.TREE:
                self._trees.add(digest)
            elif kind == ObjectKind.STATE:
                self._mark_state(digest, commits)
            elif kind in (ObjectKind.CHUNK, ObjectKind.RECIPE):
                self._files.add(digest)
            elif kind is not None:
                # A page, or a run of operations: what those need is given by `operation_values`.
                self._note((digest,))
            elif digest not in self.marked:
                self._report(ObjectKind.COMMIT, digest, "missing")
        self._mark_commits(commits)
        self._mark_trees()
        self._mark_files()

    def mark_new(self, roots: Iterable[Digest]) -> set[Digest]:
        """Mark like `mark` and return what was not marked before."""
        fresh = self._fresh = set()
        self.mark(roots)
        self._fresh = None
        return fresh

    def _note(self, digests: Collection[Digest]) -> None:
        if self._fresh is not None:
            self._fresh.update(digest for digest in digests if digest not in self.marked)
        self.marked.update(digests)

    def _mark_state(self, digest: Digest, commits: list[Digest]) -> None:
        payload = None if digest in self.marked else self._get(ObjectKind.STATE, digest)
        self._note((digest,))
        if payload is None:
            return
        try:
            needed = state_references(payload)
        except Corrupt as error:
            self._report(ObjectKind.STATE, digest, str(error))
            return
        for kind, found in needed:
            if kind == ObjectKind.TREE:
                self._trees.add(found)
            else:
                commits.append(found)

    def _mark_commits(self, waiting: list[Digest]) -> None:
        tags = self._inventory.of_kind(ObjectKind.TAG)
        while waiting:
            digest = waiting.pop()
            if digest in self.marked:
                continue
            self._note((digest,))
            kind = ObjectKind.TAG if digest in tags else ObjectKind.COMMIT
            payload = self._get(kind, digest)
            if payload is None:
                continue
            try:
                if kind == ObjectKind.TAG:
                    self._mark_target(Tag.decode(payload), waiting)
                    continue
                commit = Commit.decode(payload)
            except Corrupt as error:
                self._report(kind, digest, str(error))
                continue
            self._trees.add(commit.tree)
            if digest not in self._shallow:
                waiting += commit.parents

    def _mark_target(self, tag: Tag, waiting: list[Digest]) -> None:
        match tag.target_kind:
            case ObjectKind.COMMIT | ObjectKind.TAG:
                waiting.append(tag.target)
            case ObjectKind.TREE:
                self._trees.add(tag.target)
            case _:
                self._files.add(tag.target)

    def _mark_trees(self) -> None:
        level = self._trees - self.marked
        while level:
            self._note(level)
            below: set[Digest] = set()
            for digest, payload in self._read_all(ObjectKind.TREE, list(level)):
                try:
                    self._mark_node(payload, below)
                except Corrupt as error:
                    self._report(ObjectKind.TREE, digest, str(error))
            level = below - self.marked
        self._trees.clear()

    def _mark_node(self, payload: bytes, below: set[Digest]) -> None:
        node = decode_node(payload)
        digests = split_digests(node.digests)
        if isinstance(node, Inner):
            below.update(digests)
        elif not node.totals:
            self._files.update(digests)
        else:
            for digest, kind in zip(digests, node.kinds, strict=True):
                (below if kind == EntryKind.DIRECTORY else self._files).add(digest)

    def _mark_files(self) -> None:
        fresh = self._files - self.marked - self._skipped
        self._files = set()
        chunks, recipes = (
            self._inventory.of_kind(ObjectKind.CHUNK),
            self._inventory.of_kind(ObjectKind.RECIPE),
        )
        self._note(fresh)
        for digest in fresh - chunks - recipes:
            self._report(ObjectKind.CHUNK, digest, "missing")
        pages: set[Digest] = set()
        needed: set[Digest] = set()
        # A content that is here whole and in chunks too keeps both: either may be the one that is read.
        for digest, payload in self._read_all(ObjectKind.RECIPE, list(fresh & recipes)):
            recipe = decode_recipe(digest, payload)
            pages.update(recipe.pages)
            if recipe.chunks is not None:
                needed.update(split_digests(recipe.chunks.digests))
        for digest, payload in self._read_all(ObjectKind.RECIPE_PAGE, list(pages - self.marked)):
            try:
                needed.update(split_digests(decode_page(payload).digests))
            except Corrupt as error:
                self._report(ObjectKind.RECIPE_PAGE, digest, str(error))
        for digest in needed - chunks - self.marked:
            self._report(ObjectKind.CHUNK, digest, "missing")
        self._note(pages)
        self._note(needed)

    def _read_all(self, kind: ObjectKind, digests: Sequence[Digest]) -> Iterator[tuple[Digest, bytes]]:
        """Yield objects in batches; those that cannot be read are reported and left out."""
        here = self._inventory.of_kind(kind)
        for start in range(0, len(digests), _BATCH):
            batch = digests[start : start + _BATCH]
            if here.issuperset(batch):
                try:
                    yield from zip(batch, self._objects.get_many(kind, batch), strict=True)
                    continue
                except (Corrupt, NotFound, Unsupported):
                    pass
            for digest in batch:
                payload = self._get(kind, digest)
                if payload is not None:
                    yield digest, payload

    def _get(self, kind: ObjectKind, digest: Digest) -> bytes | None:
        if digest not in self._inventory.of_kind(kind):
            self._report(kind, digest, "missing")
            return None
        try:
            return self._objects.get(kind, digest)
        except (Corrupt, NotFound, Unsupported) as error:
            self._report(kind, digest, str(error))
            return None


def root_values(root: Root) -> set[Digest]:
    """Return what a root itself names: refs, HEAD, the stage, the state and what `extra` keeps."""
    lists = (each.content for each in absent_lists(root))
    return {*root.refs.values(), *pointer_values(root.pointers()), *lists}


def pointer_values(pointers: Pointers) -> set[Digest]:
    """Return what HEAD, the stage and the state name."""
    return {d for d in (pointers.head.commit, pointers.stage, pointers.state) if d is not None}


def operation_values(operation: Operation) -> set[Digest]:
    """Return what undoing or returning to an operation needs."""
    values = pointer_values(operation.before) | pointer_values(operation.after)
    values.update(d for change in operation.refs for d in (change.old, change.new) if d is not None)
    if operation.rescued is not None:
        values.add(operation.rescued)
    return values


def marker_for(objects: ObjectDb, inventory: Inventory, root: Root, report: Report) -> Marker:
    """Return a marker that knows the boundary of a shallow repository."""
    return Marker(objects, inventory, report, shallow=shallow_commits(root))
