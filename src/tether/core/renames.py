"""Renames: removed and added paths with the same content are one file that moved."""

from collections import defaultdict, deque
from collections.abc import Sequence
from typing import NamedTuple, TypeAlias

from tether.core.digest import EMPTY_FILE, Digest
from tether.core.tree import Entry, EntryKind
from tether.core.treediff import TreeChange

_Content: TypeAlias = tuple[bool, Digest]


class Rename(NamedTuple):
    """A file or link that has another path now, with its entry there."""

    old_path: bytes
    new_path: bytes
    entry: Entry


def pair_renames(changes: Sequence[TreeChange]) -> tuple[list[TreeChange], list[Rename]]:
    """Pair removals with additions of the same content.

    A pair with the same last component is preferred; the rest are paired in order. The executable
    bit may differ. Empty files and folders are never paired: they say nothing about where they came from.

    Returns:
        The changes that are no renames, in order, and the renames in order of their new paths as given.
    """
    removed: dict[_Content, list[TreeChange]] = defaultdict(list)
    added: dict[_Content, list[TreeChange]] = defaultdict(list)
    for change in changes:
        if change.new is None and change.old is not None and _can_move(change.old):
            removed[_content(change.old)].append(change)
        elif change.old is None and change.new is not None and _can_move(change.new):
            added[_content(change.new)].append(change)
    sources: dict[bytes, bytes] = {}
    for content, additions in added.items():
        if content in removed:
            sources.update(_pair(removed[content], additions))
    moved = set(sources.values())
    rest = [change for change in changes if change.path not in sources and change.path not in moved]
    renames = [
        Rename(sources[change.path], change.path, change.new)
        for change in changes
        if change.path in sources and change.new is not None
    ]
    return rest, renames


def _can_move(entry: Entry) -> bool:
    return entry.kind != EntryKind.DIRECTORY and entry.digest != EMPTY_FILE


def _content(entry: Entry) -> _Content:
    return entry.kind == EntryKind.SYMLINK, entry.digest


def _pair(removed: list[TreeChange], added: list[TreeChange]) -> dict[bytes, bytes]:
    """Return the old path for each new path of one content, as far as there are old paths."""
    pairs: dict[bytes, bytes] = {}
    by_name: dict[bytes, deque[bytes]] = defaultdict(deque)
    for change in removed:
        by_name[_last(change.path)].append(change.path)
    for change in added:
        same = by_name.get(_last(change.path))
        if same:
            pairs[change.path] = same.popleft()
    taken = set(pairs.values())
    others = (change.path for change in removed if change.path not in taken)
    unpaired = [change.path for change in added if change.path not in pairs]
    pairs.update(zip(unpaired, others, strict=False))
    return pairs


def _last(path: bytes) -> bytes:
    return path.rpartition(b"/")[2]
