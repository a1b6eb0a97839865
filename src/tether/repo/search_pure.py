"""Search for digests in the sorted columns of indexes, and joining of these, in plain Python.

`_search` is the compiled twin.
"""

from array import array
from bisect import bisect_left
from collections.abc import Sequence
from typing import NamedTuple

from tether.core.codec import pack_u32, pack_u64, unpack_u32
from tether.core.digest import DIGEST_SIZE, Buffer, Digest

GONE = 0xFFFFFFFF
"""The number of a pack whose rows are left out."""

_PASS = 8
"""A search costs as much as a pass over so many rows."""


def find_rows(prefixes: memoryview, digests: memoryview, wanted: list[Digest]) -> list[int]:
    """Return the first row of each digest, or -1.

    Args:
        prefixes: The first 8 bytes of each row's digest as a number, sorted.
        digests: The digests, 32 bytes a row, sorted.
        wanted: What is looked for.
    """
    count = len(prefixes)
    if len(wanted) * _PASS < count:
        return [_row(prefixes, digests, digest) for digest in wanted]
    column = bytes(digests)
    # Backwards, so that of several rows of one digest the first is kept.
    rows = range(count - 1, -1, -1)
    known = {column[row * DIGEST_SIZE : row * DIGEST_SIZE + DIGEST_SIZE]: row for row in rows}
    return [known.get(digest, -1) for digest in wanted]


def _row(prefixes: memoryview, digests: memoryview, digest: Digest) -> int:
    prefix = int.from_bytes(digest[:8], "big")
    row = bisect_left(prefixes, prefix)
    while row < len(prefixes) and prefixes[row] == prefix:
        if bytes(digests[row * DIGEST_SIZE : row * DIGEST_SIZE + DIGEST_SIZE]) == digest:
            return row
        row += 1
    return -1


class Rows(NamedTuple):
    """Rows of packs as columns: integers are little-endian."""

    digests: Buffer
    """32 bytes a row."""
    packs: Buffer
    """4 bytes a row: which of `numbers`."""
    offsets: Buffer
    """8 bytes a row."""
    stored: Buffer
    """4 bytes a row."""
    raw: Buffer
    """4 bytes a row."""
    kinds: Buffer
    codecs: Buffer
    numbers: "array[int]"
    """Type code I: the number of each pack in the index, or `GONE`."""


def join_rows(parts: Sequence[Rows]) -> tuple[bytes, list[bytes]]:
    """Return the rows of several tables or indexes in the order of an index.

    Rows are sorted by digest; those of one digest come in the order in which they are given.

    Returns:
        The first 8 bytes of each digest as a number of 8 bytes, and the columns of `Rows` but the last.

    Raises:
        ValueError: Columns differ in length, or a row is of a pack that has no number.
    """
    rows = [row for part in parts for row in _rows_of(part)]
    rows.sort(key=lambda row: row[0])
    digests, packs, offsets, stored, raw, kinds, codecs = zip(*rows, strict=True) if rows else ((),) * 7
    columns = [
        b"".join(digests),
        pack_u32(packs),
        b"".join(offsets),
        b"".join(stored),
        b"".join(raw),
        b"".join(kinds),
        b"".join(codecs),
    ]
    return pack_u64([int.from_bytes(digest[:8], "big") for digest in digests]), columns


_Row = tuple[bytes, int, bytes, bytes, bytes, bytes, bytes]


def _rows_of(part: Rows) -> list[_Row]:
    """Return the rows whose packs stay, each with the number of its pack."""
    count = memoryview(part.codecs).nbytes
    columns = [bytes(memoryview(column).cast("B")) for column in part[:-1]]
    if any(len(column) != width * count for column, width in zip(columns, _WIDTHS, strict=True)):
        raise ValueError("columns of one length")
    packs = unpack_u32(columns[1], "pack index")
    if packs and max(packs) >= len(part.numbers):
        raise ValueError("a row of a pack that has no number")
    cut = [
        [column[at : at + width] for at in range(0, len(column), width)]
        for column, width in zip(columns, _WIDTHS, strict=True)
    ]
    numbers = [part.numbers[pack] for pack in packs]
    rows = zip(cut[0], numbers, *cut[2:], strict=True)
    return [row for row in rows if row[1] != GONE]


_WIDTHS = (DIGEST_SIZE, 4, 8, 4, 4, 1, 1)
