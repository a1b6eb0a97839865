"""Merging two commits without a working copy: the base, the merged tree, and what a person must decide.

Texts are merged by line. Whatever cannot be merged is kept in both versions: the tree for the working
copy has ours at the path and theirs beside it under a name that says so.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from tether.core.digest import Digest
from tether.core.kinds import ObjectWriter
from tether.core.textdiff import looks_binary
from tether.core.textmerge import merge_text
from tether.core.tree import EMPTY_TREE, Entry, EntryKind
from tether.core.treediff import diff_trees
from tether.core.treeedit import edit_tree
from tether.core.treemerge import MergeConflict, merge_trees
from tether.core.treeread import find_many
from tether.repo.attributes import TreeAttributes
from tether.repo.contents import ContentReader
from tether.repo.history import History, shallow_commits
from tether.repo.ingest import ContentWriter
from tether.repo.mergestate import ConflictRow
from tether.repo.repository import Repository
from tether.repo.transaction import Transaction

TEXT_LIMIT = 8 << 20
"""Bytes of the largest text that is merged by line."""

_MAX_NAME = 255
_LABEL = 40
_DEPTH = 16
"""How far virtual bases are made from virtual bases; beyond, the newest base alone is taken."""


class Labels(NamedTuple):
    """What the two sides are called between markers and in file names."""

    ours: str = "ours"
    theirs: str = "theirs"


PLAIN = Labels()


@dataclass(frozen=True, slots=True)
class MergeOutcome:
    """What came of a merge.

    Attributes:
        tree: The merged tree; in a conflict it has what ours has there.
        files: What the working copy shows; the same without conflicts.
        conflicts: What is left to decide, in order of the paths.
        base: The commit that both come from, the newest of several; None where there is none.
        fast_forward: Theirs comes after ours, so nothing had to be merged.
    """

    tree: Digest
    files: Digest
    conflicts: tuple[ConflictRow, ...] = ()
    base: Digest | None = None
    fast_forward: bool = False


class MergeContents:
    """Reads the contents that are merged, and stores merged ones, which can be read at once."""

    def __init__(self, reader: ContentReader, writer: ContentWriter) -> None:
        self._reader, self._writer = reader, writer
        self._fresh: dict[Digest, bytes] = {}

    def read(self, digest: Digest) -> bytes:
        """Return a whole content."""
        fresh = self._fresh.get(digest)
        return self._reader.read(digest) if fresh is None else fresh

    @property
    def is_partial(self) -> bool:
        """Whether some contents come only when they are read."""
        return self._reader.is_partial

    def prepare(self, digests: Sequence[Digest]) -> None:
        """Bring in one go those that would come one by one when they are read."""
        self._reader.prepare([digest for digest in digests if digest not in self._fresh])

    def add(self, data: bytes, name: bytes) -> Digest:
        """Store a content."""
        digest = self._writer.add(data, name)
        self._fresh[digest] = data
        return digest


def nothing_there(_: bytes) -> bool:
    """Say that a path is free: there is no working copy."""
    return False


class Merger:
    """Merges commits and trees in one transaction.

    Attributes:
        objects: Gives commits and trees and takes new trees.
        contents: Gives and takes file contents.
        history: Finds the commits that two come from.
    """

    def __init__(
        self,
        objects: ObjectWriter,
        contents: MergeContents,
        history: History,
        is_taken: Callable[[bytes], bool] = nothing_there,
    ) -> None:
        self.objects, self.contents, self.history = objects, contents, history
        self._is_taken = is_taken

    @classmethod
    def of(
        cls,
        repository: Repository,
        transaction: Transaction,
        is_taken: Callable[[bytes], bool] = nothing_there,
        history: History | None = None,
    ) -> "Merger":
        """Return what merges in a transaction of a repository.

        Args:
            repository: Gives contents.
            transaction: Takes what is made.
            is_taken: Says whether an untracked file of the working copy has a path.
            history: Of the transaction, if some of it has been read.
        """
        contents = MergeContents(repository.contents, transaction.contents)
        # Over the transaction's objects, so that commits made in it can be merged in turn.
        history = history or History(transaction.objects, shallow_commits(transaction.root))
        return cls(transaction.objects, contents, history, is_taken)

    def tree(self, commit: Digest) -> Digest:
        """Return the tree of a commit."""
        return self.history.commit(commit).tree

    def merge_commits(self, ours: Digest, theirs: Digest, labels: Labels = PLAIN) -> MergeOutcome:
        """Merge two commits.

        Where histories crossed and there are several bases, these are merged first. Commits with
        nothing in common are merged as if both had begun with no files.
        """
        bases = self.history.merge_bases(ours, theirs)
        if bases == [theirs]:
            tree = self.tree(ours)
            return MergeOutcome(tree, tree, base=theirs)
        if bases == [ours]:
            tree = self.tree(theirs)
            return MergeOutcome(tree, tree, base=ours, fast_forward=True)
        base = self._base_tree(bases, _DEPTH)
        outcome = self.merge_trees(base, self.tree(ours), self.tree(theirs), labels)
        first = bases[0] if bases else None
        return MergeOutcome(outcome.tree, outcome.files, outcome.conflicts, first)

    def merge_trees(self, base: Digest, ours: Digest, theirs: Digest, labels: Labels = PLAIN) -> MergeOutcome:
        """Merge two trees that come from a third."""
        texts = _Texts(self.contents, labels, TreeAttributes(self.objects, self.contents.read, ours))
        self._prepare(base, ours, theirs)
        merged = merge_trees(self.objects, base, ours, theirs, texts.merge)
        if not merged.conflicts:
            return MergeOutcome(merged.tree, merged.tree)
        layout = _Layout(labels, texts.marked, self._free(merged.tree, theirs))
        rows = tuple(layout.place(conflict) for conflict in merged.conflicts)
        files = edit_tree(self.objects, merged.tree, layout.edits).digest
        return MergeOutcome(merged.tree, files, rows)

    def _prepare(self, base: Digest, ours: Digest, theirs: Digest) -> None:
        """Bring what a merge by line reads, if it is not here: files that both sides changed."""
        if not self.contents.is_partial:
            return
        mine = {change.path: change for change in diff_trees(self.objects, base, ours)}
        wanted: list[Digest] = []
        for change in diff_trees(self.objects, base, theirs):
            other = mine.get(change.path)
            if other is not None and other.new and change.new and other.new.digest != change.new.digest:
                sides = (change.old, other.new, change.new)
                wanted += (e.digest for e in sides if e and e.kind != EntryKind.DIRECTORY)
        self.contents.prepare(wanted)

    def _base_tree(self, bases: list[Digest], depth: int) -> Digest:
        """Return the tree of the only base, or one merged from several; conflicts in it stay as text."""
        if not bases:
            return EMPTY_TREE
        tree = self.tree(bases[0])
        for other in bases[1:] if depth else ():
            above = self._base_tree(self.history.merge_bases(bases[0], other), depth - 1)
            attributes = TreeAttributes(self.objects, self.contents.read, tree)
            texts = _Texts(self.contents, PLAIN, attributes, virtual=True)
            tree = merge_trees(self.objects, above, tree, self.tree(other), texts.merge).tree
        return tree

    def _free(self, *trees: Digest) -> Callable[[bytes], bool]:
        def is_free(path: bytes) -> bool:
            known = any(find_many(self.objects, tree, [path]) for tree in trees)
            return not known and not self._is_taken(path)

        return is_free


class _Texts:
    """Merges files by line, and remembers those with markers in them by path."""

    def __init__(
        self, contents: MergeContents, labels: Labels, attributes: TreeAttributes, *, virtual: bool = False
    ) -> None:
        self._contents, self._labels, self._virtual = contents, labels, virtual
        self._attributes = attributes
        self.marked: dict[bytes, Entry] = {}

    def merge(self, path: bytes, base: Entry | None, ours: Entry, theirs: Entry) -> Entry | None:
        """Merge one file by its rule; None where it is no text or both changed the same lines."""
        rule = self._attributes.merge_rule(path)
        if rule in ("ours", "theirs"):
            return ours if rule == "ours" else theirs
        texts = None if rule == "binary" else self._read(base, ours, theirs, forced=rule == "text")
        if texts is None:
            return (base or ours) if self._virtual else None
        labels = None if rule == "union" else (self._labels.ours, self._labels.theirs)
        merged = merge_text(*texts, labels=labels)
        name = path.rpartition(b"/")[2]
        digest = self._contents.add(merged.data, name)
        entry = Entry(name, ours.kind, len(merged.data), digest)
        if merged.conflicts and not self._virtual:
            self.marked[path] = entry
            return None
        return entry

    def _read(self, *entries: Entry | None, forced: bool) -> tuple[bytes, bytes, bytes] | None:
        if any(entry is not None and entry.size > TEXT_LIMIT for entry in entries):
            return None
        base, ours, theirs = (self._contents.read(e.digest) if e is not None else b"" for e in entries)
        binary = not forced and any(map(looks_binary, (base, ours, theirs)))
        return None if binary else (base, ours, theirs)


class _Layout:
    """Finds a place in the working copy for each version of what is in conflict."""

    def __init__(self, labels: Labels, marked: dict[bytes, Entry], is_free: Callable[[bytes], bool]) -> None:
        self._labels, self._marked, self._is_free = labels, marked, is_free
        self.edits: dict[bytes, Entry | None] = {}

    def place(self, conflict: MergeConflict) -> ConflictRow:
        """Put the versions of one conflict into the tree of the working copy."""
        path, ours, theirs = conflict.path, conflict.ours, conflict.theirs
        row = ConflictRow(*conflict)
        if ours is None:
            if theirs is not None:
                self.edits[path] = _named(theirs, path)
            return row._replace(their_name=path)
        if theirs is None:
            return row._replace(our_name=path)
        if path in self._marked:
            self.edits[path] = self._marked[path]
            return row._replace(our_name=path, their_name=path)
        if theirs.kind == EntryKind.DIRECTORY:
            self.edits[path] = _named(theirs, path)
            beside = self._beside(path, f"ours-{self._labels.ours}", ours)
            return row._replace(our_name=beside, their_name=path)
        return row._replace(
            our_name=path, their_name=self._beside(path, f"theirs-{self._labels.theirs}", theirs)
        )

    def _beside(self, path: bytes, label: str, entry: Entry) -> bytes:
        for name in names_beside(path, label):
            if name not in self.edits and self._is_free(name):
                self.edits[name] = _named(entry, name)
                return name
        raise AssertionError("the names never end")


def names_beside(path: bytes, label: str) -> Iterable[bytes]:
    """Return names for another version of a file: `photo.theirs-main.jpg`, `photo.theirs-main-2.jpg`, ...

    They lie in the same folder, keep the extension, and fit the names that file systems allow.
    """
    folder, slash, name = path.rpartition(b"/")
    stem, dot, extension = name.rpartition(b".")
    if not stem or len(extension) > _LABEL:
        stem, dot, extension = name, b"", b""
    plain = "".join(c if c.isalnum() or c in "-_" else "-" for c in label[:_LABEL]).encode()
    number = 1
    while True:
        tail = b"." + plain + (b"-%d" % number if number > 1 else b"") + dot + extension
        yield folder + slash + stem[: _MAX_NAME - len(tail)] + tail
        number += 1


def _named(entry: Entry, path: bytes) -> Entry:
    return entry._replace(name=path.rpartition(b"/")[2])
