"""Pack indexes: where every object lies, as sorted columns that are mapped, not loaded.

An index names the packs it covers and can always be built again from their tables of contents, so it
is never trusted for more than a place to look: what is read there is verified against its digest.
Byte table: docs/format/packindex.md.
"""

import struct
import sys
from array import array
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from typing import NamedTuple

from tether.core.digest import DIGEST_SIZE, Buffer, Digest, hash_bytes
from tether.errors import Corrupt
from tether.repo.frames import Frame, Table
from tether.repo.search_pure import GONE, Rows

try:
    from tether.repo._search import find_rows, join_rows
except ImportError:  # no compiler at the installation
    from tether.repo.search_pure import find_rows, join_rows

MAGIC = b"TETHIDX1"
_HEAD = struct.Struct("<8sIIQ")


class Place(NamedTuple):
    """One object's pack and frame."""

    pack: Digest
    frame: Frame


_place = partial(tuple.__new__, Place)
_frame = partial(tuple.__new__, Frame)
"""These make them without a call of a Python function each, since a push may look up a million."""


class PackIndex:
    """Look-ups in one index over several packs.

    Args:
        data: The whole index, usually a memory map.

    Raises:
        Corrupt: Its length does not fit its header.
    """

    def __init__(self, data: Buffer) -> None:
        view = memoryview(data)
        if len(view) < _HEAD.size or bytes(view[:8]) != MAGIC:
            raise Corrupt("a pack index has no header")
        _, packs, _, count = _HEAD.unpack_from(view)
        if len(view) != _HEAD.size + 32 * packs + 62 * count + DIGEST_SIZE:
            raise Corrupt("a pack index has the wrong length")
        self._whole, self.count = view, count
        names = bytes(view[_HEAD.size : _HEAD.size + 32 * packs])
        self.packs = tuple(Digest(names[i : i + 32]) for i in range(0, len(names), 32))
        cursor = _HEAD.size + 32 * packs

        def column(width: int) -> memoryview:
            nonlocal cursor
            cursor += width * count
            return view[cursor - width * count : cursor]

        self._prefixes = column(8).cast("Q")
        self._offsets = column(8).cast("Q")
        self._digests = column(32)
        self._pack = column(4).cast("I")
        self._stored = column(4).cast("I")
        self._raw = column(4).cast("I")
        self._kinds, self._codecs = column(1), column(1)

    def verify(self) -> bool:
        """Say whether every byte is as it was written."""
        return hash_bytes(self._whole[:-DIGEST_SIZE]) == bytes(self._whole[-DIGEST_SIZE:])

    def row(self, digest: Digest) -> int:
        """Return the row of `digest`, or -1."""
        return self.rows([digest])[0]

    def rows(self, digests: Sequence[Digest]) -> list[int]:
        """Return the first row of each digest, or -1."""
        return find_rows(self._prefixes, self._digests, list(digests))

    def next_row(self, row: int, digest: Digest) -> int:
        """Return the row after `row` if it is of `digest` too (in another pack), or -1."""
        row += 1
        same = row < self.count and bytes(self._digests[row * 32 : row * 32 + 32]) == digest
        return row if same else -1

    def rows_from(self, prefix: bytes) -> Iterable[Digest]:
        """Yield the digests that start with `prefix` (at most 8 bytes are narrowed by search)."""
        row = bisect_left(self._prefixes, int.from_bytes(prefix[:8].ljust(8, b"\0"), "big"))
        while row < self.count:
            digest = Digest(bytes(self._digests[row * 32 : row * 32 + 32]))
            if not digest.startswith(prefix):
                return
            yield digest
            row += 1

    def pack(self, row: int) -> Digest:
        """Return which pack the object of `row` lies in.

        Raises:
            Corrupt: The row names a pack that the index does not cover.
        """
        return self._name(self._pack[row])

    def place(self, row: int) -> Place:
        """Return where the object of `row` lies; errors as for `pack`."""
        return next(self._places([row]))

    def places(self, rows: Sequence[int]) -> list[Place | None]:
        """Return where the objects of rows lie, None for -1; errors as for `pack`."""
        found = self._places(row for row in rows if row >= 0)
        return [next(found) if row >= 0 else None for row in rows]

    def _places(self, rows: Iterable[int]) -> Iterator[Place]:
        packs, digests, kinds = self._pack, self._digests, self._kinds
        codecs, offsets, stored, raw = self._codecs, self._offsets, self._stored, self._raw
        for row in rows:
            digest = bytes(digests[row * 32 : row * 32 + 32])
            frame = _frame((digest, kinds[row], codecs[row], offsets[row], stored[row], raw[row]))
            yield _place((self._name(packs[row]), frame))

    def _name(self, number: int) -> Digest:
        try:
            return self.packs[number]
        except IndexError:
            raise _not_named() from None

    def kinds(self, rows: Sequence[int]) -> list[int | None]:
        """Return the kinds of the objects of rows, None for -1."""
        kinds = self._kinds
        return [kinds[row] if row >= 0 else None for row in rows]

    def packs_of(self, rows: Sequence[int]) -> list[Digest | None]:
        """Return the packs of the objects of rows, None for -1; errors as for `pack`."""
        names, packs = self.packs, self._pack
        try:
            return [names[packs[row]] if row >= 0 else None for row in rows]
        except IndexError:
            raise _not_named() from None

    def all_rows(self, numbers: "array[int]") -> Rows:
        """Return every row, for merging, with new numbers of its packs."""
        integers = (self._pack, self._offsets, self._stored, self._raw)
        packs, offsets, stored, raw = (column.cast("B") for column in integers)
        return Rows(self._digests, packs, offsets, stored, raw, self._kinds, self._codecs, numbers)

    def listed(self) -> tuple[memoryview, memoryview, memoryview]:
        """Return digests, numbers of packs and offsets, to compare them with the packs."""
        return self._digests, self._pack, self._offsets


def _not_named() -> Corrupt:
    return Corrupt("a pack index points to a pack that it does not name")


def build_index(tables: Sequence[tuple[Digest, Table]]) -> bytes:
    """Return the bytes of an index over packs given with their tables."""
    parts = [
        Rows(
            table.digests,
            bytes(4 * len(table.kinds)),
            _column("Q", table.offsets),
            _column("I", table.stored),
            _column("I", table.raw),
            table.kinds,
            table.codecs,
            array("I", [number]),
        )
        for number, (_, table) in enumerate(tables)
    ]
    return _assemble([name for name, _ in tables], parts)


def merge_indexes(indexes: Sequence[PackIndex], live: frozenset[Digest]) -> bytes:
    """Return one index over the packs of `indexes` that are in `live`.

    Raises:
        Corrupt: A row names a pack that its index does not cover.
    """
    names = [name for index in indexes for name in index.packs if name in live]
    # An index that named a dead pack would seem to cover it when the same pack comes again.
    given = iter(range(len(names)))
    parts = [
        index.all_rows(array("I", [next(given) if name in live else GONE for name in index.packs]))
        for index in indexes
    ]
    try:
        return _assemble(names, parts)
    except ValueError:
        raise _not_named() from None


def _column(typecode: str, values: Sequence[int]) -> memoryview:
    """Return numbers as the column of an index."""
    column = values if isinstance(values, array) and values.typecode == typecode else array(typecode, values)
    if sys.byteorder == "big":  # pragma: no cover (no such machine runs the tests)
        column = column[:]
        column.byteswap()
    return memoryview(column).cast("B")


def _assemble(names: Sequence[Digest], parts: Sequence[Rows]) -> bytes:
    prefixes, columns = join_rows(parts)
    digests, packs, offsets, stored, raw, kinds, codecs = columns
    head = _HEAD.pack(MAGIC, len(names), 0, len(kinds))
    ordered = (offsets, digests, packs, stored, raw, kinds, codecs)
    data = b"".join((head, *names, prefixes, *ordered))
    return data + hash_bytes(data)
