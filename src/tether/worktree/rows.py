"""The rows of a folder as columns: names joined with NUL in bytewise order and 48-byte stat records.

Finding what differs between two states of a folder compares memory, not rows: a folder of a million
files with one change costs a pass over its bytes.
"""

import stat
import struct
from collections.abc import Iterable, Iterator, Mapping, Sequence
from enum import IntEnum
from functools import cache
from typing import NamedTuple

from tether.core.tree import EntryKind
from tether.worktree.files import RECORD

RECORD_SIZE = RECORD.size
_MODE = struct.Struct("<I44x")
_SIZE = struct.Struct("<8xQ32x")
_DEVICE = 40
_STEP = 32 * 1024
_TRIES = 16
_FEW = 16


class Shape(IntEnum):
    """What kind of thing a row is."""

    FILE = 0
    SYMLINK = 1
    FOLDER = 2
    SPECIAL = 3


class FileStat(NamedTuple):
    """A stat record as values."""

    mode: int
    flags: int
    size: int
    mtime_ns: int
    ctime_ns: int
    ino: int
    dev: int

    @property
    def shape(self) -> Shape:
        """What kind of thing it is."""
        return shape_of(self.mode)

    @property
    def kind(self) -> EntryKind:
        """The kind of the tree entry that a file, link or folder with this record gets."""
        return kind_of(self.mode)


def parse(record: bytes) -> FileStat:
    """Return a stat record as values."""
    return FileStat(*RECORD.unpack(record))


def mode_of(record: bytes) -> int:
    """Return the mode in a stat record, without looking at the rest."""
    return int.from_bytes(record[:4], "little")


def size_of(record: bytes) -> int:
    """Return the size in a stat record, without looking at the rest."""
    return int.from_bytes(record[8:16], "little")


def sizes_of(records: Iterable[bytes]) -> list[int]:
    """Return the sizes in several stat records."""
    return [size for (size,) in _SIZE.iter_unpack(b"".join(records))]


def shape_of(mode: int) -> Shape:
    """Return what kind of thing has this mode."""
    if stat.S_ISREG(mode):
        return Shape.FILE
    if stat.S_ISDIR(mode):
        return Shape.FOLDER
    return Shape.SYMLINK if stat.S_ISLNK(mode) else Shape.SPECIAL


def kind_of(mode: int) -> EntryKind:
    """Return the kind of the tree entry for a file, link or folder of this mode."""
    if stat.S_ISDIR(mode):
        return EntryKind.DIRECTORY
    if stat.S_ISLNK(mode):
        return EntryKind.SYMLINK
    return EntryKind.EXECUTABLE if mode & stat.S_IXUSR else EntryKind.FILE


@cache
def shape_in(mode: bytes) -> Shape:
    """Return what kind of thing has a stat record that begins with these four bytes."""
    return shape_of(int.from_bytes(mode, "little"))


@cache
def kind_in(mode: bytes) -> EntryKind:
    """Return the kind of the tree entry of what has a stat record that begins with these four bytes."""
    return kind_of(int.from_bytes(mode, "little"))


class Rows(NamedTuple):
    """All rows of one folder."""

    names: bytes
    stats: bytes
    total: int

    def record(self, row: int) -> bytes:
        """Return the stat record of one row."""
        return self.stats[row * RECORD_SIZE : (row + 1) * RECORD_SIZE]

    def name_list(self) -> list[bytes]:
        """Return all names in order."""
        return self.names.split(b"\0") if self.total else []

    def modes(self) -> list[int]:
        """Return the modes of all rows."""
        return [mode for (mode,) in _MODE.iter_unpack(self.stats)]

    def items(self) -> Iterator[tuple[bytes, bytes]]:
        """Yield name and stat record of each row."""
        stats = self.stats
        records = [stats[at : at + RECORD_SIZE] for at in range(0, len(stats), RECORD_SIZE)]
        return zip(self.name_list(), records, strict=True)

    def newest(self) -> int:
        """Return the latest time of modification or change of any row; 0 without rows."""
        return newest_of(self.stats)

    def locate(self, name: bytes) -> tuple[int, bool]:
        """Return the byte offset in `names` where `name` is or would go, and whether it is there."""
        names = self.names
        low, high = 0, len(names) + 1 if self.total else 0
        while low < high:
            middle = (low + high - 1) // 2
            start = names.rfind(b"\0", low, middle) + 1 or low
            end = names.find(b"\0", start)
            end = len(names) if end < 0 else end
            found = names[start:end]
            if found == name:
                return start, True
            if found < name:
                low = end + 1
            else:
                high = start
        return low, False

    def find(self, name: bytes) -> bytes | None:
        """Return the stat record of `name`, or None."""
        offset, there = self.locate(name)
        return self.record(self.names.count(b"\0", 0, offset)) if there else None


EMPTY_ROWS = Rows(b"", b"", 0)


def newest_of(stats: bytes) -> int:
    """Return the latest time of modification or change in stat records; 0 without one."""
    if not stats:
        return 0
    times = memoryview(stats).cast("q")  # the machine's order: a wrong guess only costs hashing
    return max(max(times[at::6]) for at in (2, 3))


def from_records(records: Mapping[bytes, bytes]) -> Rows:
    """Return rows made of stat records by name, in any order."""
    names = sorted(records)
    return Rows(b"\0".join(names), b"".join(map(records.__getitem__, names)), len(names))


def from_items(items: Iterable[tuple[bytes, bytes]]) -> Rows:
    """Return rows made of (name, stat record) in bytewise order of the names."""
    pairs = list(items)
    return Rows(b"\0".join(name for name, _ in pairs), b"".join(each for _, each in pairs), len(pairs))


def splice(rows: Rows, changes: Mapping[bytes, bytes | None]) -> Rows:
    """Return `rows` with some records replaced or added, and those that are None removed."""
    names: list[bytes] = []
    stats: list[bytes] = []
    at = row = 0
    for name in sorted(changes):
        offset, there = rows.locate(name)
        if offset > at:
            passed = rows.names[at : offset - 1]
            number = passed.count(b"\0") + 1
            names.append(passed)
            stats.append(rows.stats[row * RECORD_SIZE : (row + number) * RECORD_SIZE])
            at, row = offset, row + number
        record = changes[name]
        if record is not None:
            names.append(name)
            stats.append(record)
        if there:
            at, row = at + len(name) + 1, row + 1
    if row < rows.total:
        names.append(rows.names[at:])
        stats.append(rows.stats[row * RECORD_SIZE :])
    joined = b"".join(stats)
    return Rows(b"\0".join(names), joined, len(joined) // RECORD_SIZE)


def on_device_of(rows: Rows, other: Rows) -> Rows:
    """Return rows with the device number that `other` has.

    The number says where a file system is mounted, not what is in it: it changes with a restart or
    in another container.
    """
    device = other.stats[_DEVICE:RECORD_SIZE]
    if not (rows.total and other.total) or rows.stats[_DEVICE:RECORD_SIZE] == device:
        return rows
    stats = bytearray(rows.stats)
    for at, byte in enumerate(device, _DEVICE):
        stats[at::RECORD_SIZE] = bytes([byte]) * rows.total
    return Rows(rows.names, bytes(stats), rows.total)


class RowDiff(NamedTuple):
    """What differs between two states of a folder."""

    changed: list[tuple[bytes, bytes, bytes]]
    """Name, old record, new record."""
    added: list[tuple[bytes, bytes]]
    removed: list[bytes]

    @property
    def is_empty(self) -> bool:
        """Whether the two states are the same."""
        return not (self.changed or self.added or self.removed)


def diff_rows(old: Rows, new: Rows) -> RowDiff:
    """Return how `new` differs from `old`."""
    found = RowDiff([], [], [])
    if old == new:
        return found
    old_at = new_at = old_row = new_row = 0
    while old_row < old.total or new_row < new.total:
        old_end, new_end = _next_common(old.names, old_at, new.names, new_at)
        old_names, new_names = old.names[old_at:old_end], new.names[new_at:new_end]
        old_count = old_names.count(b"\0") + 1 if old_names else 0
        new_count = new_names.count(b"\0") + 1 if new_names else 0
        old_stats = old.stats[old_row * RECORD_SIZE : (old_row + old_count) * RECORD_SIZE]
        new_stats = new.stats[new_row * RECORD_SIZE : (new_row + new_count) * RECORD_SIZE]
        if old_names != new_names or old_stats != new_stats:
            old_part = Rows(old_names, old_stats, old_count)
            _diff_part(old_part, Rows(new_names, new_stats, new_count), found)
        old_at, new_at = old_end + 1, new_end + 1
        old_row, new_row = old_row + old_count, new_row + new_count
    return found


def _next_common(old: bytes, old_at: int, new: bytes, new_at: int) -> tuple[int, int]:
    """Return where the parts that begin at the two places end: before a name that both columns have."""
    at = old_at + _STEP
    for _ in range(_TRIES):
        old_end = old.find(b"\0", at)
        if old_end < 0:
            break
        after = old.find(b"\0", old_end + 1)
        if after < 0:
            break
        new_end = new.find(old[old_end : after + 1], max(new_at - 1, 0), new_at + 8 * _STEP)
        if new_end >= 0:
            return old_end, new_end
        at = after + 1
    return len(old), len(new)


def _diff_part(old: Rows, new: Rows, found: RowDiff) -> None:
    if old.names == new.names:
        for row, name in enumerate(old.name_list()):
            before, after = old.record(row), new.record(row)
            if before != after:
                found.changed.append((name, before, after))
        return
    olds, news = dict(old.items()), dict(new.items())
    found.removed.extend(name for name in olds if name not in news)
    for name, record in news.items():
        known = olds.get(name)
        if known is None:
            found.added.append((name, record))
        elif known != record:
            found.changed.append((name, known, record))


def find_rows(rows: Rows, names: Sequence[bytes]) -> list[tuple[bytes, bytes]]:
    """Return name and stat record, by name, of those of `names` (each once) that are there."""
    if len(names) == rows.total and set(names).issuperset(rows.name_list()):
        return list(rows.items())
    return sorted(find_records(rows, names).items())


def find_records(rows: Rows, names: Iterable[bytes]) -> dict[bytes, bytes]:
    """Return the stat records of those of `names` that are there."""
    wanted = list(names)
    if len(wanted) > _FEW:
        everything = dict(rows.items())
        return {name: everything[name] for name in wanted if name in everything}
    found = ((name, rows.find(name)) for name in wanted)
    return {name: record for name, record in found if record is not None}
