"""The bytes of a pack: header, frames, table of contents, trailer.

A pack is immutable and named by the BLAKE3 of its whole file. Each frame carries its own digest,
kind, codec and lengths, so that every index can be rebuilt from packs alone, even from one whose
end is missing. Byte tables: docs/format/pack.md.
"""

import struct
from array import array
from collections.abc import Iterable, Iterator, Sequence
from operator import ge
from typing import NamedTuple, TypeAlias
from zlib import crc32

from tether.core.chunker import MAX_SIZE
from tether.core.codec import pack_u32, pack_u64, unpack_u32, unpack_u64
from tether.core.compression import Codec
from tether.core.digest import DIGEST_SIZE, Buffer, Digest, hash_bytes
from tether.core.kinds import ObjectKind
from tether.core.tree import split_digests
from tether.errors import Corrupt, Unsupported

MAGIC = b"TETHPACK"
END_MAGIC = b"TETHEND1"
VERSION = 1
WITH_DIFFERENCES = 2
"""The version of a pack whose frames may be differences from others in it."""
DATA, META = 0, 1
HEADER = struct.Struct("<8sBB6x")
FRAME = struct.Struct("<BBHII32s")
FRAME_CRC = struct.Struct("<I")
FRAME_SIZE = FRAME.size + FRAME_CRC.size
TRAILER = struct.Struct("<QQQ32s8s")
HAS_BASE = 1
MAX_OBJECT = 64 << 20
"""Bytes of a state or of a run of operations, which never come from elsewhere."""
MAX_SHARED = 4 << 20
"""Bytes of any other metadata; decoded, what others send may take many times as much."""
ROW_SIZE = DIGEST_SIZE + 8 + 4 + 4 + 1 + 1
"""Bytes of one object in a table of contents."""


class Frame(NamedTuple):
    """Where one object lies in a pack."""

    digest: Digest
    kind: int
    codec: int
    offset: int
    """Of the frame's header, in bytes from the start of the pack."""
    stored: int
    """Bytes after the header."""
    raw: int
    """Bytes when decompressed."""


def pack_header(role: int, version: int = VERSION) -> bytes:
    """Return the first bytes of a pack of `role` DATA or META."""
    return HEADER.pack(MAGIC, version, role)


def frame_header(kind: int, codec: int, raw: int, stored: int, digest: Digest) -> bytes:
    """Return the header that stands before a frame's stored bytes."""
    head = FRAME.pack(kind, codec, _flags(codec), raw, stored, digest)
    return head + FRAME_CRC.pack(crc32(head))


def _flags(codec: int) -> int:
    return HAS_BASE if codec == Codec.DIFFERENCE else 0


def parse_frame(head: Buffer, offset: int) -> Frame:
    """Read a frame's header found at `offset`.

    Raises:
        Corrupt: The check sum or a length is wrong.
        Unsupported: It has flags of a newer version.
    """
    if len(head) != FRAME_SIZE or FRAME_CRC.unpack_from(head, FRAME.size)[0] != crc32(head[: FRAME.size]):
        raise Corrupt(f"the frame header at offset {offset} is damaged")
    kind, codec, flags, raw, stored, digest = FRAME.unpack_from(head)
    if flags & ~HAS_BASE:
        raise Unsupported(f"the frame at offset {offset} uses features {flags:#x} of a newer Tether")
    if flags != _flags(codec):
        raise Corrupt(f"the frame at offset {offset} is a difference by its codec or its flags alone")
    check_lengths(kind, raw, stored)
    return Frame(Digest(digest), kind, codec, offset, stored, raw)


def check_lengths(kind: int, raw: int, stored: int) -> None:
    """Refuse lengths that no writer produces, before anything is allocated."""
    if kind not in _KINDS:
        raise Corrupt(f"a frame has the unknown kind {kind}")
    if raw > LIMITS[kind] or stored > LIMITS[kind]:
        raise Corrupt(f"a frame claims an impossible length of {max(raw, stored)} bytes")


LIMITS = {
    **dict.fromkeys(map(int, ObjectKind), MAX_SHARED),
    int(ObjectKind.CHUNK): MAX_SIZE,
    int(ObjectKind.STATE): MAX_OBJECT,
    int(ObjectKind.OPERATIONS): MAX_OBJECT,
}
"""Bytes that an object of each kind has at most, raw and stored."""
_KINDS = frozenset(LIMITS)
LIMIT_COLUMN = array("q", [LIMITS.get(kind, -1) for kind in range(256)])
"""The same by the number of the kind; -1 for unknown ones."""

Columns: TypeAlias = "tuple[bytes, array[int], array[int], array[int], bytes, bytes]"
"""Frames by columns, as in a `Table`, in any order."""


class Stored(NamedTuple):
    """One object in the form in which a frame keeps it."""

    kind: int
    codec: int
    raw: int
    """Bytes when decompressed."""
    digest: Digest
    data: Buffer

    @classmethod
    def of(cls, frame: Frame, data: Buffer) -> "Stored":
        """Return what a frame keeps in `data`."""
        return cls(frame.kind, frame.codec, frame.raw, frame.digest, data)


class Batch(NamedTuple):
    """Several objects of one kind in the form in which their frames keep them."""

    kind: int
    digests: list[Digest]
    contents: list[bytes]
    codecs: bytes
    """How each is stored, one byte each."""
    lengths: list[int]
    """Bytes of each when decompressed."""

    def part(self, places: slice) -> "Batch":
        """Return some of the objects."""
        return Batch(
            self.kind,
            self.digests[places],
            self.contents[places],
            self.codecs[places],
            self.lengths[places],
        )


class Table(NamedTuple):
    """Frames as columns, sorted by digest."""

    digests: bytes
    """32 bytes a row."""
    offsets: Sequence[int]
    stored: Sequence[int]
    raw: Sequence[int]
    kinds: bytes
    codecs: bytes

    def frame(self, row: int) -> Frame:
        """Return one row."""
        digest = Digest(self.digests[row * DIGEST_SIZE : (row + 1) * DIGEST_SIZE])
        return Frame(
            digest, self.kinds[row], self.codecs[row], self.offsets[row], self.stored[row], self.raw[row]
        )

    def part(self, rows: slice) -> "Table":
        """Return neighbouring rows."""
        digests = self.digests[rows.start * DIGEST_SIZE : rows.stop * DIGEST_SIZE]
        columns = (self.offsets[rows], self.stored[rows], self.raw[rows], self.kinds[rows], self.codecs[rows])
        return Table(digests, *columns)

    def __iter__(self) -> Iterator[Frame]:  # type: ignore[override]
        return (self.frame(row) for row in range(len(self.kinds)))

    def encode(self) -> bytes:
        """Return the bytes of a table of contents."""
        columns = (pack_u64(self.offsets), pack_u32(self.stored), pack_u32(self.raw))
        return b"".join((self.digests, *columns, self.kinds, self.codecs))


def tabulate(frames: Iterable[tuple[Digest, int, int, int, int, int]]) -> Table:
    """Return `frames`, or plain tuples of their fields, as columns sorted by digest."""
    rows = sorted(frames)
    digests, kinds, codecs, offsets, stored, raw = zip(*rows, strict=True) if rows else ((),) * 6
    return Table(b"".join(digests), offsets, stored, raw, bytes(kinds), bytes(codecs))


def decode_table(data: Buffer, count: int) -> Table:
    """Read a table of contents of `count` rows.

    Raises:
        Corrupt: Its length is wrong, its digests do not rise or a length is impossible.
    """
    if len(data) != count * ROW_SIZE:
        raise Corrupt("a pack's table of contents has the wrong length")
    digests = bytes(data[: 32 * count])
    offsets = unpack_u64(bytes(data[32 * count : 40 * count]), "table of contents")
    stored = unpack_u32(bytes(data[40 * count : 44 * count]), "table of contents")
    raw = unpack_u32(bytes(data[44 * count : 48 * count]), "table of contents")
    table = Table(
        digests, offsets, stored, raw, bytes(data[48 * count : 49 * count]), bytes(data[49 * count :])
    )
    _check_table(table)
    return table


def _check_table(table: Table) -> None:
    if not _KINDS.issuperset(table.kinds):
        raise Corrupt("a pack's table of contents has an unknown kind")
    if table.kinds and (max(table.raw) > MAX_OBJECT or max(table.stored) > MAX_OBJECT):
        raise Corrupt("a pack's table of contents claims an impossible length")
    names = split_digests(table.digests)
    if any(map(ge, names, names[1:])):
        raise Corrupt("a pack's table of contents is not sorted")


def trailer(contents_offset: int, contents: bytes, count: int) -> bytes:
    """Return the last bytes of a pack."""
    return TRAILER.pack(contents_offset, len(contents), count, hash_bytes(contents), END_MAGIC)


def read_frames(data: Buffer) -> Iterator[Frame]:
    """Yield the frames of a whole pack in file order by their headers alone, without its table of contents.

    Stops in silence at the table of contents; `data` may end early (a pack cut off midway).

    Raises:
        Corrupt: A header is damaged.
    """
    role_of(data)
    view, end = memoryview(data), frames_end(data)
    offset = HEADER.size
    while offset + FRAME_SIZE <= end:
        frame = parse_frame(view[offset : offset + FRAME_SIZE], offset)
        if offset + FRAME_SIZE + frame.stored > end:
            raise Corrupt(f"the frame at offset {offset} is cut off")
        yield frame
        offset += FRAME_SIZE + frame.stored


def frames_end(data: Buffer) -> int:
    """Return where the frames of a whole pack end: its table, or its length if the trailer is lost."""
    if len(data) >= HEADER.size + TRAILER.size:
        start, length, _, _, magic = TRAILER.unpack_from(data, len(data) - TRAILER.size)
        if magic == END_MAGIC and start + length + TRAILER.size == len(data):
            return int(start)
    return len(data)


def may_have_differences(head: Buffer) -> bool:
    """Say whether frames of the pack that starts with `head` may be differences from others in it.

    Such a pack is its repository's own affair: it is neither sent nor shared as it is.
    """
    role_of(head)
    return bool(head[8] == WITH_DIFFERENCES)


_ROLES = frozenset({(VERSION, DATA), (VERSION, META), (WITH_DIFFERENCES, DATA)})


def role_of(head: Buffer) -> int:
    """Return DATA or META of the pack that starts with `head`.

    Raises:
        Corrupt: It is no pack.
        Unsupported: It is a pack of a newer version.
    """
    if len(head) < HEADER.size or bytes(head[:8]) != MAGIC:
        raise Corrupt("a file among the packs is not a pack")
    _, version, role = HEADER.unpack_from(head)
    if (version, role) not in _ROLES:
        raise Unsupported(f"a pack has version {version}, role {role}", hint="use a newer Tether")
    return int(role)
