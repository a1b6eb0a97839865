"""Pack indexes: where every object lies, as sorted columns that are mapped, not loaded.

An index names the packs it covers and can always be built again from their tables of contents, so it
is never trusted for more than a place to look: what is read there is verified against its digest.
Byte table: docs/format/packindex.md.
"""

import struct
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from itertools import chain
from typing import Any, NamedTuple

from tether.core.codec import pack_u32, pack_u64
from tether.core.digest import DIGEST_SIZE, Buffer, Digest, hash_bytes
from tether.errors import Corrupt
from tether.repo.frames import Frame, Table

try:
    from tether.repo._search import find_rows
except ImportError:  # no compiler at the installation
    from tether.repo.search_pure import find_rows

MAGIC = b"TETHIDX1"
_HEAD = struct.Struct("<8sIIQ")
_NUMPY_FROM = 20_000
"""Rows from which on arrays are worth the import."""


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

    def columns(self) -> tuple[memoryview, ...]:
        """Return digests, pack numbers, offsets, stored, raw, kinds and codecs, for merging."""
        return self._digests, self._pack, self._offsets, self._stored, self._raw, self._kinds, self._codecs


def _not_named() -> Corrupt:
    return Corrupt("a pack index points to a pack that it does not name")


def build_index(tables: Sequence[tuple[Digest, Table]]) -> bytes:
    """Return the bytes of an index over packs given with their tables."""
    if sum(len(table.kinds) for _, table in tables) >= _NUMPY_FROM:
        return _build_arrays(tables)
    joined = [table.digests for _, table in tables]
    digests = [column[at : at + 32] for column in joined for at in range(0, len(column), 32)]
    order: Sequence[int] = range(len(digests))

    def in_order(columns: Iterable[Sequence[int]]) -> list[int]:
        values = list(chain.from_iterable(columns))
        return values if len(tables) == 1 else [values[row] for row in order]

    if len(tables) > 1:
        order = sorted(order, key=digests.__getitem__)
        digests = [digests[row] for row in order]
    return _assemble(
        [name for name, _ in tables],
        len(digests),
        pack_u64([int.from_bytes(digest[:8], "big") for digest in digests]),
        [
            pack_u64(in_order(table.offsets for _, table in tables)),
            b"".join(digests),
            pack_u32(in_order([number] * len(table.kinds) for number, (_, table) in enumerate(tables))),
            pack_u32(in_order(table.stored for _, table in tables)),
            pack_u32(in_order(table.raw for _, table in tables)),
            bytes(in_order(table.kinds for _, table in tables)),
            bytes(in_order(table.codecs for _, table in tables)),
        ],
    )


def merge_indexes(indexes: Sequence[PackIndex], live: frozenset[Digest]) -> bytes:
    """Return one index over the packs of `indexes` that are in `live`; of doubles the first is kept."""
    if sum(index.count for index in indexes) >= _NUMPY_FROM:
        return _merge_arrays(indexes, live)
    tables = []
    for index in indexes:
        digests, packs, offsets, stored, raw, kinds, codecs = index.columns()
        for number, name in enumerate(index.packs):
            mine = [row for row in range(index.count) if packs[row] == number] if name in live else []
            if mine:
                table = Table(
                    b"".join([digests[row * 32 : row * 32 + 32] for row in mine]),
                    [offsets[row] for row in mine],
                    [stored[row] for row in mine],
                    [raw[row] for row in mine],
                    bytes([kinds[row] for row in mine]),
                    bytes([codecs[row] for row in mine]),
                )
                tables.append((name, table))
    return build_index(tables)


def _merge_arrays(indexes: Sequence[PackIndex], live: frozenset[Digest]) -> bytes:
    import numpy as np

    parts, first = [], 0
    for index in indexes:
        digests, packs, *rest = index.columns()
        parts.append((digests, np.frombuffer(packs, "<u4") + np.uint32(first), *rest))
        first += len(index.packs)
    return _sort_arrays([name for index in indexes for name in index.packs], parts, live)


def _build_arrays(tables: Sequence[tuple[Digest, Table]]) -> bytes:
    import numpy as np

    parts = [
        (table.digests, np.full(len(table.kinds), number, "<u4"), *table[1:])
        for number, (_, table) in enumerate(tables)
    ]
    names = [name for name, _ in tables]
    return _sort_arrays(names, parts, frozenset(names))


def _sort_arrays(names: Sequence[Digest], parts: Sequence[Sequence[Any]], live: frozenset[Digest]) -> bytes:
    """Return the index over those packs that are live, of rows that are given by columns, in parts."""
    import numpy as np

    def joined(column: Sequence[Any], kind: str) -> Any:
        arrays = (np.frombuffer(c, kind) if isinstance(c, bytes) else np.asarray(c, kind) for c in column)
        return np.concatenate(list(arrays))

    columns = map(joined, zip(*parts, strict=True), ("u1", "<u4", "<u8", "<u4", "<u4", "u1", "u1"))
    digests, packs, *rest = columns
    digests = digests.reshape(-1, 32)
    prefixes = digests[:, :8].copy().view(">u8").ravel()
    order = np.lexsort(
        (*(digests[:, 8 * k : 8 * k + 8].copy().view(">u8").ravel() for k in (3, 2, 1)), prefixes)
    )
    kept = np.array([name in live for name in names], dtype=bool)
    order = order[kept[packs[order]]]
    # An index that named a dead pack would seem to cover it when the same pack comes again.
    packs = (np.cumsum(kept) - 1)[packs[order]]
    offsets, stored, raw, kinds, codecs = (column[order] for column in rest)
    body = [offsets, digests[order], packs.astype("<u4"), stored, raw, kinds, codecs]
    prefix_bytes = prefixes[order].astype("<u8").tobytes()
    names = [name for name in names if name in live]
    return _assemble(names, len(order), prefix_bytes, [column.tobytes() for column in body])


def _assemble(names: Sequence[Digest], count: int, prefixes: bytes, columns: Sequence[bytes]) -> bytes:
    data = b"".join((_HEAD.pack(MAGIC, len(names), 0, count), *names, prefixes, *columns))
    return data + hash_bytes(data)
