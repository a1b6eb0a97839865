"""Which commit last changed each entry of a folder, for as far back as a page may look."""

from collections import OrderedDict
from collections.abc import Iterable, Sequence
from heapq import heappop, heappush
from threading import Lock

from tether.core.digest import Digest
from tether.core.kinds import ObjectReader
from tether.core.tree import Entry, EntryKind
from tether.core.treeread import find, find_many
from tether.repo.history import History

MOST = 300
"""Commits that are looked at; names that did not change in so many are left without an answer."""
_REMEMBERED = 20_000


def last_changes(
    history: History, objects: ObjectReader, commit: Digest, paths: Sequence[bytes], most: int = MOST
) -> dict[bytes, Digest]:
    """Return for each path the newest commit in which it differs from all parents.

    Paths that are the same in a parent are followed there, so side lines that changed nothing cost
    nothing. Work is bounded by `most` commits, and one that changed nothing in the folder of the paths
    costs the folders on the way there that it did change, or nothing if another page came that way.

    Args:
        history: Gives the commits.
        objects: Gives the trees.
        commit: Where to begin; it has all of the paths.
        paths: From the top, all in one folder.
        most: Commits to look at.
    """
    found: dict[bytes, Digest] = {}
    folders = _Folders(objects, paths[0].rpartition(b"/")[0] if paths else b"")
    waiting = {commit: set(paths)}
    heap = [(-history.time(commit), commit)]
    looked = 0
    while heap and looked < most:
        looked += 1
        digest = heappop(heap)[1]
        names = waiting.pop(digest)
        here = folders.at(history.commit(digest).tree)
        for parent in history.parents(digest):
            same = folders.same(here, folders.at(history.commit(parent).tree), names) if names else set()
            if not same:
                continue
            names -= same
            if parent not in waiting:
                heappush(heap, (-history.time(parent), parent))
                waiting[parent] = set()
            waiting[parent] |= same
        found.update(dict.fromkeys(names, digest))
    return found


class _Folders:
    """One folder in many trees, and what is in it.

    Args:
        objects: Gives the trees.
        path: Of the folder.
    """

    def __init__(self, objects: ObjectReader, path: bytes) -> None:
        self._objects, self._parts = objects, path.split(b"/") if path else []
        self._entries: dict[Digest, dict[bytes, Entry | None]] = {}

    def at(self, tree: Digest) -> Digest | None:
        """Return the folder in a tree; None where there is none."""
        now: Digest | None = tree
        for part in self._parts:
            now = None if now is None else _BELOW.of(self._objects, now, part)
        return now

    def same(self, here: Digest | None, before: Digest | None, paths: set[bytes]) -> set[bytes]:
        """Return those of some paths in the folder that are the same in two states of it."""
        if here == before:
            return set(paths)
        if here is None or before is None:
            return set()
        names = {path: path.rpartition(b"/")[2] for path in paths}
        now, then = self._of(here, names.values()), self._of(before, names.values())
        return {path for path, name in names.items() if now[name] is not None and now[name] == then[name]}

    def _of(self, folder: Digest, names: Iterable[bytes]) -> dict[bytes, Entry | None]:
        """Return entries of a folder by name, None for those that are not there; each is looked for once."""
        known = self._entries.setdefault(folder, {})
        wanted = [name for name in names if name not in known]
        if wanted:
            known.update({**dict.fromkeys(wanted), **find_many(self._objects, folder, wanted)})
        return known


class _Below:
    """Remembers which folder has a name in another one: folders never change, so neither do they."""

    def __init__(self) -> None:
        self._known: OrderedDict[tuple[Digest, bytes], Digest | None] = OrderedDict()
        self._lock = Lock()

    def of(self, objects: ObjectReader, folder: Digest, name: bytes) -> Digest | None:
        """Return the folder of a name in a folder; None where there is none, or a file."""
        key = folder, name
        with self._lock:
            if key in self._known:
                return self._known[key]
        entry = find(objects, folder, name)
        found = entry.digest if entry is not None and entry.kind == EntryKind.DIRECTORY else None
        with self._lock:
            self._known[key] = found
            while len(self._known) > _REMEMBERED:
                self._known.popitem(last=False)
        return found


_BELOW = _Below()
