"""What differs between two commits, for a page: counts by folder first, then the files, some of them opened.

The work is bounded: so many differences are looked at for the counts, so many are named, and fewer opened.
The others have a page of their own each.
"""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import NamedTuple
from urllib.parse import quote

from tether.core.digest import Digest
from tether.core.namekinds import DataKind, kind_of_name
from tether.core.tree import EntryKind
from tether.core.treediff import TreeChange, count_changes, diff_trees
from tether.errors import InvalidInput
from tether.pages.differences import difference_of
from tether.pages.differences.pair import Difference, Pair, Side
from tether.pages.shelf import Shown
from tether.repo.attributes import TreeAttributes
from tether.repo.history import History

LOOKED_AT = 20_000
"""Differences that are looked at for the counts by folder."""
LISTED = 300
"""Files that one page names."""
OPENED = 20
"""Files whose difference one page shows."""
_FOLDERS = 200
_PICTURES = 12
_LONE = 4
_BYTES = 8 * 1024 * 1024


class Between(NamedTuple):
    """Two commits of a repository; the one before may be nothing."""

    shown: Shown
    old: Digest | None
    new: Digest
    attributes: TreeAttributes

    @classmethod
    def of(cls, shown: Shown, old: Digest | None, new: Digest) -> "Between":
        """Return two commits with the attributes that hold in the newer one."""
        repository = shown.repository
        tree = History.of(repository).commit(new).tree
        return cls(shown, old, new, TreeAttributes(repository.objects, repository.contents.read, tree))


@dataclass(slots=True)
class Folder:
    """What changed directly in one folder; `pictures` are some that came or went."""

    path: bytes
    added: int = 0
    changed: int = 0
    removed: int = 0
    size: int = 0
    pictures: list[tuple[str, str, bytes]] = field(default_factory=list)

    @property
    def count(self) -> int:
        """All of them."""
        return self.added + self.changed + self.removed


@dataclass(frozen=True, slots=True)
class File:
    """One file that differs; `difference` is None where it is not opened on this page."""

    kind: str
    pair: Pair
    page: str
    difference: Difference | None

    @property
    def path(self) -> bytes:
        """Where it is."""
        return self.pair.path


@dataclass(frozen=True, slots=True)
class Changed:
    """What differs.

    Attributes:
        files: How many; exact, also where not all were looked at.
        folders: The largest first.
        hidden: Folders that are left out.
        opened: The first files, with their differences.
        listed: The others that are named.
        partial: There are more than were looked at.
    """

    files: int
    folders: list[Folder]
    hidden: int
    opened: list[File]
    listed: list[File]
    partial: bool


def changed_between(shown: Shown, old: Digest | None, new: Digest, query: Mapping[str, str]) -> Changed:
    """Return what differs between two commits.

    Args:
        shown: Has both.
        old: The commit before; None for nothing.
        new: The commit after.
        query: What the address of the page asks.
    """
    history, objects = History.of(shown.repository), shown.repository.objects
    trees = None if old is None else history.commit(old).tree, history.commit(new).tree
    found = list(islice(diff_trees(objects, *trees), LOOKED_AT + 1))
    partial = len(found) > LOOKED_AT
    folders = _folders(shown, old, new, found[:LOOKED_AT])
    between = Between.of(shown, old, new)
    opened, listed, room = list[File](), list[File](), _BYTES
    lone = _lone_pictures(found[:LISTED])
    for change in found[:LISTED]:
        pair = pair_of(between, change, query)
        cost = sum(min(side.entry.size, _BYTES) for side in pair.sides)
        difference = None
        if len(opened) < OPENED and cost <= room and change.path not in lone:
            difference, room = difference_of(with_attributes(between, pair)), room - cost
        file = File(kind_of(change), pair, file_page(shown, old, new, change.path), difference)
        (listed if difference is None else opened).append(file)
    files = count_changes(objects, *trees) if partial else len(found)
    ordered = sorted(folders.values(), key=lambda each: (-each.count, each.path))
    return Changed(files, ordered[:_FOLDERS], max(len(ordered) - _FOLDERS, 0), opened, listed, partial)


def pair_of(between: Between, change: TreeChange, query: Mapping[str, str], *, alone: bool = False) -> Pair:
    """Return the versions of a file that differs; the arguments are those of `Pair`."""
    shown, old, new, _ = between
    before = None if old is None or change.old is None else Side(shown, old, change.path, change.old)
    after = None if change.new is None else Side(shown, new, change.path, change.new)
    return Pair(change.path, before, after, query, alone)


def with_attributes(between: Between, pair: Pair) -> Pair:
    """Return the pair with what the attributes say; an attributes file that is too long says nothing."""
    with suppress(InvalidInput):
        return replace(pair, attributes=between.attributes.of(pair.path))
    return pair


def file_page(shown: Shown, old: Digest | None, new: Digest, path: bytes) -> str:
    """Return the address of the page about the difference of one file."""
    start = "" if old is None else old.hex()
    return f"{shown.base}/diff/{start}..{new.hex()}/{quote(path, safe='/')}"


def kind_of(change: TreeChange) -> str:
    """Return `added`, `removed` or `changed`."""
    if change.old is None:
        return "added"
    return "removed" if change.new is None else "changed"


def _lone_pictures(found: list[TreeChange]) -> set[bytes]:
    """Return the pictures that came or went where they are many: those are seen among their folder."""
    alone = [each.path for each in found if kind_of(each) != "changed"]
    lone = {path for path in alone if kind_of_name(path) is DataKind.IMAGES}
    return lone if len(lone) > _LONE else set()


def _folders(shown: Shown, old: Digest | None, new: Digest, found: list[TreeChange]) -> dict[bytes, Folder]:
    folders: dict[bytes, Folder] = {}
    for change in found:
        path, _, name = change.path.rpartition(b"/")
        folder = folders.get(path)
        if folder is None:
            folder = folders[path] = Folder(path)
        kind = kind_of(change)
        setattr(folder, kind, getattr(folder, kind) + 1)
        entry = change.new if change.new is not None else change.old
        assert entry is not None
        folder.size += entry.size
        if len(folder.pictures) < _PICTURES and kind != "changed" and _is_picture(entry.kind, name):
            commit = old if change.new is None else new
            assert commit is not None
            thumb = f"{shown.base}/thumb/{commit.hex()}/{quote(change.path, safe='/')}?size=160"
            folder.pictures.append((kind, thumb, name))
    return folders


def _is_picture(kind: EntryKind, name: bytes) -> bool:
    return kind <= EntryKind.EXECUTABLE and kind_of_name(name) is DataKind.IMAGES
