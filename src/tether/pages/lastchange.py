"""Which commit last changed each entry of a folder, for as far back as a page may look."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from heapq import heappop, heappush
from itertools import islice
from threading import Lock
from typing import NamedTuple, TypeAlias

from tether.core.digest import DIGEST_SIZE, Digest
from tether.core.kinds import ObjectReader
from tether.core.tree import Entry, EntryKind, Leaf, Node
from tether.core.treediff import diff_level
from tether.core.treeread import find_many, read_node
from tether.repo.history import History

MOST = 300
"""Commits that are looked at; names that did not change in so many are left without an answer."""
_MOST_NAMES = 1024
"""Names that differ between two states of a folder; of more it is remembered only that they are many."""
_REMEMBERED = 8 << 20
"""Bytes of differences that are remembered, about."""
_AT_HAND = 16
"""Decoded nodes: what a commit was compared with is compared with the commit before it next."""


class _Sides(NamedTuple):
    """The folders that a name stands for, where it differs in two states of the one in which it is."""

    now: Digest | None
    before: Digest | None


_Difference: TypeAlias = Mapping[bytes, _Sides]


def last_changes(
    history: History, objects: ObjectReader, commit: Digest, paths: Sequence[bytes], most: int = MOST
) -> dict[bytes, Digest]:
    """Return for each path the newest commit in which it differs from all parents.

    A path that is the same in a parent is followed in the first of those, so side lines that changed
    nothing cost nothing. Work is bounded by `most` commits. What differs between two states of a folder is
    found once, for pages of all folders: a second page reads where no other one has been, and else nothing.

    Args:
        history: Gives the commits.
        objects: Gives the trees.
        commit: Where to begin; it has all of the paths.
        paths: From the top, all in one folder.
        most: Commits to look at.
    """
    found: dict[bytes, Digest] = {}
    folder = _Folder(objects, paths[0].rpartition(b"/")[0] if paths else b"")
    waiting = {commit: {path.rpartition(b"/")[2]: path for path in paths}}
    heap = [(-history.time(commit), commit)]
    looked = 0
    while heap and looked < most:
        looked += 1
        digest = heappop(heap)[1]
        left = waiting.pop(digest)
        tree = history.commit(digest).tree
        for parent in history.parents(digest) if left else ():
            differing = folder.differing(tree, history.commit(parent).tree, left)
            same = left if not differing else {n: path for n, path in left.items() if n not in differing}
            left = {name: left[name] for name in differing}
            if same and parent not in waiting:
                heappush(heap, (-history.time(parent), parent))
                waiting[parent] = same
            elif same:
                waiting[parent] = {**waiting[parent], **same}
        found.update((path, digest) for path in left.values())
    return found


class _Folder:
    """One folder in many trees.

    Args:
        objects: Gives the trees.
        path: Of the folder.
    """

    def __init__(self, objects: ObjectReader, path: bytes) -> None:
        self._objects, self._parts = objects, path.split(b"/") if path else []
        self._nodes: dict[Digest, Node] = {}

    def differing(self, tree: Digest, before: Digest, names: Collection[bytes]) -> Collection[bytes]:
        """Return those of some names in the folder of a tree, which has them, that were others before.

        Args:
            tree: The top of the tree.
            before: The top of an earlier one.
            names: In the folder.
        """
        for part in self._parts:
            if tree == before:
                return ()
            sides = self._between(tree, before, (part,)).get(part)
            if sides is None:
                return ()
            if sides.now is None or sides.before is None:
                return names
            tree, before = sides.now, sides.before
        if tree == before:
            return ()
        known = self._between(tree, before, names)
        return [name for name in names if name in known]

    def _between(self, now: Digest, before: Digest, names: Collection[bytes]) -> _Difference:
        """Return what differs between two states of a folder; of more than many, what of some names does."""
        known = _BETWEEN.get((now, before))
        if known is None:
            known = _MANY if self._is_larger(now, before) else self._compared(now, before)
            known = known if len(known) <= _MOST_NAMES else _MANY
            _BETWEEN.keep((now, before), known)
        return self._looked_up(now, before, names) if known is _MANY else known

    def _is_larger(self, now: Digest, before: Digest) -> bool:
        """Say whether one state has so many names more than the other that not all are remembered.

        It is the first node that tells, which is read anyway: an import need not be listed to be seen.
        """
        one, other = (self._node(each).total(each).entries for each in (now, before))
        return abs(one - other) > _MOST_NAMES

    def _compared(self, now: Digest, before: Digest) -> _Difference:
        """Return what differs between two states of a folder, as far as one more than is remembered."""
        one, other = self._node(now), self._node(before)
        if isinstance(one, Leaf) and isinstance(other, Leaf):
            if one.names == other.names:
                rows = sorted(
                    {*_unequal(one.kinds, other.kinds, 1), *_unequal(one.digests, other.digests, DIGEST_SIZE)}
                )
                return _sides(*({leaf.names[row]: leaf.entry(row) for row in rows} for leaf in (other, one)))
            mine, theirs = set(one.entries()), set(other.entries())
            both = {each.name: each for each in theirs - mine}, {each.name: each for each in mine - theirs}
            return _sides(*both)
        old, new = (Entry(b"", EntryKind.DIRECTORY, 0, digest) for digest in (before, now))
        found = list(islice(diff_level(self._objects, old, new), _MOST_NAMES + 1))
        before_it = {each.path: each.old for each in found if each.old is not None}
        return _sides(before_it, {each.path: each.new for each in found if each.new is not None})

    def _looked_up(self, now: Digest, before: Digest, names: Collection[bytes]) -> _Difference:
        """Return which of some names differ between two states of a folder."""
        old, new = (find_many(self._objects, digest, names) for digest in (before, now))
        same = {name for name in names if old.get(name) == new.get(name)}
        return {name: sides for name, sides in _sides(old, new).items() if name not in same}

    def _node(self, digest: Digest) -> Node:
        """Return the first node of a folder; the last few stay decoded."""
        known = self._nodes.get(digest)
        if known is None:
            if len(self._nodes) >= _AT_HAND:
                del self._nodes[next(iter(self._nodes))]
            known = self._nodes[digest] = read_node(self._objects, digest)
        return known


def _unequal(one: bytes, other: bytes, width: int) -> Iterator[int]:
    """Yield the numbers of the fields that differ in two columns of as many fields of `width` bytes."""
    waiting = [(0, len(one) // width)]
    while waiting:
        start, end = waiting.pop()
        if one[start * width : end * width] == other[start * width : end * width]:
            continue
        if end - start == 1:
            yield start
        else:
            middle = (start + end) // 2
            waiting += ((start, middle), (middle, end))


_FILES = _Sides(None, None)
_MANY: _Difference = {}
"""Stands for a difference of more names than are remembered: of such a pair names are looked up at once."""


def _sides(old: Mapping[bytes, Entry], new: Mapping[bytes, Entry]) -> _Difference:
    """Return which folders the names of two states stand for."""
    return {
        name: sides if any(sides := _Sides(_tree(new.get(name)), _tree(old.get(name)))) else _FILES
        for name in old.keys() | new.keys()
    }


def _tree(entry: Entry | None) -> Digest | None:
    return entry.digest if entry is not None and entry.kind == EntryKind.DIRECTORY else None


class _Between:
    """Remembers what differs between two states of a folder: they never change, so neither does that.

    Safe to use from several threads. What was remembered first is forgotten first.
    """

    def __init__(self) -> None:
        self._known: dict[tuple[Digest, Digest], _Difference] = {}
        self._size, self._lock = 0, Lock()

    def get(self, pair: tuple[Digest, Digest]) -> _Difference | None:
        """Return the difference of a state and an earlier one; None where it is not remembered."""
        return self._known.get(pair)

    def keep(self, pair: tuple[Digest, Digest], difference: _Difference) -> None:
        """Remember a difference."""
        with self._lock:
            if pair in self._known:
                return
            self._known[pair] = difference
            self._size += _weight(difference)
            while self._size > _REMEMBERED:
                self._size -= _weight(self._known.pop(next(iter(self._known))))


def _weight(difference: _Difference) -> int:
    """Return the bytes that a difference takes, about: with its two digests, and folders on both sides."""
    return 400 + sum(300 + len(name) for name in difference)


_BETWEEN = _Between()
