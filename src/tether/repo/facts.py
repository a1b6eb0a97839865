"""Facts of a commit: how much there is, of which kinds, and what is largest.

They are derived from trees and commits alone, so they can be found anew at any time. Where those of an
earlier commit are known, only what differs is looked at.
"""

from collections.abc import Iterable, Mapping, Sequence
from itertools import compress
from typing import NamedTuple

from tether.core.digest import Digest
from tether.core.kinds import ObjectReader
from tether.core.namekinds import DataKind, sum_kinds
from tether.core.progress import SILENT, Progress
from tether.core.tree import EntryKind
from tether.core.treeread import find
from tether.errors import NotFound
from tether.repo.history import History
from tether.repo.repository import Repository
from tether.repo.treecolumns import Columns, diff_columns

SHOWN = 10
"""Of the largest files so many are told; more are kept, so that some may go before all are looked at anew."""
MOST = 10_000_000
"""Files, links and folders that are looked at. A small tree can name itself often enough to stand for more
files than anybody can count one by one."""
_KEPT = 50
_LONGEST = 4096
"""Bytes of a path among the largest; systems open no longer one."""
_STEP = 4096
_PLAIN = frozenset((int(EntryKind.FILE), int(EntryKind.EXECUTABLE)))


class Amount(NamedTuple):
    """How many files, and their bytes."""

    files: int
    bytes: int


class Large(NamedTuple):
    """A large file."""

    path: bytes
    size: int


class Contents(NamedTuple):
    """What is known of a tree by looking at each name.

    Attributes:
        folders: Below the top.
        kinds: Those that there are.
        largest: The largest files first, those of one size by path.
        more: Whether there are files that `largest` leaves out for want of room.
    """

    folders: int
    kinds: Mapping[DataKind, Amount]
    largest: tuple[Large, ...]
    more: bool


class Facts(NamedTuple):
    """What is known of a commit.

    Attributes:
        commits: It and all before it.
        committed: When, in microseconds since 1970.
        files: With links.
        contents: None where there are more than `MOST` names.
    """

    commit: Digest
    tree: Digest
    commits: int
    committed: int
    files: int
    bytes: int
    contents: Contents | None


def find_facts(
    repository: Repository, commit: Digest, base: Facts | None = None, progress: Progress = SILENT
) -> Facts:
    """Return the facts of a commit, in time proportional to what differs from an earlier one.

    Args:
        repository: Has the commit.
        commit: Which one.
        base: Facts of another commit, which need not be there any more.
        progress: Told of it; what it raises ends the work.

    Raises:
        NotFound: The commit is not here, or not all of it.
        Corrupt: It is damaged.
    """
    history, objects = History.of(repository), repository.objects
    found = history.commit(commit)
    top = find(objects, found.tree, b"")
    assert top is not None
    progress.start("counting files", None, "files")
    contents = None if top.files > MOST else _contents(objects, found.tree, base, progress)
    progress.finish()
    count = _count_commits(history, commit, base, progress)
    return Facts(commit, found.tree, count, found.committed.micros, top.files, top.size, contents)


def _count_commits(history: History, commit: Digest, base: Facts | None, progress: Progress) -> int:
    if base is not None:
        try:
            differ = history.ahead_behind(commit, base.commit)
        except NotFound:  # nothing needed the other one any more
            pass
        else:
            return base.commits + differ.ahead - differ.behind
    count = 0
    for _ in history.ancestors([commit]):
        count += 1
        if not count % _STEP:
            progress.advance(0)
    return count


def _contents(reader: ObjectReader, tree: Digest, base: Facts | None, progress: Progress) -> Contents | None:
    if base is not None and base.contents is not None:
        try:
            tally = _Tally(base.contents)
            if not tally.take(reader, (base.tree, tree), progress):
                return None
            if not tally.largest.exhausted:
                return tally.result()
        except NotFound:  # as above
            pass
    tally = _Tally(Contents(0, {}, (), more=False))
    return tally.result() if tally.take(reader, (None, tree), progress) else None


class _Tally:
    """Contents that are brought from one tree to another."""

    def __init__(self, known: Contents) -> None:
        self._folders = known.folders
        self._files = {kind: known.kinds[kind].files if kind in known.kinds else 0 for kind in DataKind}
        self._bytes = {kind: known.kinds[kind].bytes if kind in known.kinds else 0 for kind in DataKind}
        self.largest = _Largest(known.largest, more=known.more)

    def take(self, reader: ObjectReader, trees: tuple[Digest | None, Digest], progress: Progress) -> bool:
        """Count what differs between two trees; False if that is too much."""
        looked = told = 0
        for columns in diff_columns(reader, *trees):
            self._count(columns)
            looked += len(columns.names) or 1
            if looked > MOST:
                return False
            if looked - told >= _STEP:
                progress.advance(looked - told)
                told = looked
        return True

    def _count(self, columns: Columns) -> None:
        start, names, kinds, sizes, sign = columns
        if not set(kinds) <= _PLAIN:
            self._folders += sign * kinds.count(EntryKind.DIRECTORY)
            links = [size for kind, size in zip(kinds, sizes, strict=True) if kind == EntryKind.SYMLINK]
            self._add(DataKind.LINKS, len(links), sum(links), sign)
            plain = [kind in _PLAIN for kind in kinds]
            names, sizes = [*compress(names, plain)], [*compress(sizes, plain)]
        for kind, (files, size) in sum_kinds(names, sizes).items():
            self._add(kind, files, size, sign)
        self.largest.count(start, names, sizes, sign)

    def _add(self, kind: DataKind, files: int, size: int, sign: int) -> None:
        self._files[kind] += sign * files
        self._bytes[kind] += sign * size

    def result(self) -> Contents:
        """Return what there is now."""
        kinds = {kind: Amount(count, self._bytes[kind]) for kind, count in self._files.items() if count}
        return Contents(self._folders, kinds, *self.largest.result())


class _Largest:
    """The largest files: all down to a bound, which is the last of them where there was no more room."""

    def __init__(self, known: Iterable[Large], *, more: bool) -> None:
        self._items = {(-size, path) for path, size in known}
        self._bound: tuple[int, bytes] | None = None
        if more:
            self._bound = max(self._items, default=(-(1 << 64), b""))

    @property
    def exhausted(self) -> bool:
        """Whether so many are gone that those which were left out must be looked for."""
        return self._bound is not None and len(self._items) < SHOWN

    def count(self, start: bytes, names: Sequence[bytes], sizes: Sequence[int], sign: int) -> None:
        """Add files of one folder, or take them away."""
        least = 0 if self._bound is None else -self._bound[0]
        if max(sizes, default=-1) < least:
            return
        for name, size in zip(names, sizes, strict=True):
            if size >= least:
                self._count(start + name, size, sign)

    def _count(self, path: bytes, size: int, sign: int) -> None:
        item = (-size, path)
        if (self._bound is not None and item > self._bound) or len(path) > _LONGEST:
            return
        if sign < 0:
            self._items.discard(item)
            return
        self._items.add(item)
        if len(self._items) > 4 * _KEPT:
            self._cut()

    def _cut(self) -> None:
        kept = sorted(self._items)[:_KEPT]
        self._items, self._bound = set(kept), kept[-1]

    def result(self) -> tuple[tuple[Large, ...], bool]:
        """Return them, and whether there are more."""
        if len(self._items) > _KEPT:
            self._cut()
        return tuple(Large(path, -size) for size, path in sorted(self._items)), self._bound is not None
