"""Listings of folders, a page at a time: nothing counts or reads what lies behind the page."""

from collections import OrderedDict
from dataclasses import dataclass
from itertools import islice
from threading import Lock

from tether.core.digest import Digest
from tether.core.namekinds import DataKind, kind_of_name
from tether.core.objects import Commit
from tether.core.tree import Entry, EntryKind
from tether.core.treeread import iter_after
from tether.pages.lastchange import last_changes
from tether.pages.revisions import Place
from tether.pages.shelf import Shown
from tether.repo.history import History

PAGE = 100
"""Entries on one page."""
_REMEMBERED = 512


@dataclass(frozen=True, slots=True)
class Row:
    """One entry with the commit that changed it last; None where that is long ago.

    Attributes:
        kind: The kind of data by its name; None for folders.
    """

    entry: Entry
    path: bytes
    kind: DataKind | None
    changed: Digest | None
    commit: Commit | None


@dataclass(frozen=True, slots=True)
class Listing:
    """A page of a folder; `after` is where the next page begins, None on the last."""

    rows: list[Row]
    before: bytes
    after: bytes | None


def list_folder(shown: Shown, place: Place, after: bytes, limit: int = PAGE) -> Listing:
    """Return a page of the folder at a place, with the last change of each entry.

    Args:
        shown: Has the repository.
        place: A folder.
        after: The name behind which the page begins.
        limit: Entries on it.
    """
    objects = shown.repository.objects
    found = list(islice(iter_after(objects, place.entry.digest, after), limit + 1))
    start = place.path + b"/" if place.path else b""
    paths = [start + entry.name for entry in found[:limit]]
    history = History.of(shown.repository)
    changed = _CHANGES.of(shown, place, history, paths)
    rows = []
    for path, entry in zip(paths, found[:limit], strict=True):
        digest = changed.get(path)
        commit = None if digest is None else history.commit(digest)
        rows.append(Row(entry, path, _kind_of(entry), digest, commit))
    return Listing(rows, after, found[limit - 1].name if len(found) > limit else None)


def _kind_of(entry: Entry) -> DataKind | None:
    if entry.kind == EntryKind.DIRECTORY:
        return None
    return DataKind.LINKS if entry.kind == EntryKind.SYMLINK else kind_of_name(entry.name)


class _Changes:
    """Remembers the last changes of pages of folders: a commit never changes, so neither do they."""

    def __init__(self) -> None:
        self._known: OrderedDict[tuple[Digest, bytes, bytes, int], dict[bytes, Digest]] = OrderedDict()
        self._lock = Lock()

    def of(self, shown: Shown, place: Place, history: History, paths: list[bytes]) -> dict[bytes, Digest]:
        """Return the commits by path; those of a page that was shown before cost nothing."""
        if not paths:
            return {}
        key = (place.id, place.path, paths[0], len(paths))
        with self._lock:
            known = self._known.get(key)
        if known is None:
            known = last_changes(history, shown.repository.objects, place.id, paths)
            with self._lock:
                self._known[key] = known
                while len(self._known) > _REMEMBERED:
                    self._known.popitem(last=False)
        return known


_CHANGES = _Changes()
