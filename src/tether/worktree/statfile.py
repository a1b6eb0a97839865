"""The two files of the stat cache: an immutable base and an append-only journal.

The layout is in `docs/format/statcache.md`. Whatever is damaged, cut short or of another version reads
as absent: the cache can be thrown away at any time.
"""

import mmap
import os
import struct
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

import msgspec

from tether.core.digest import Buffer, hash_bytes
from tether.storage.oserrors import translated

MAGIC = b"tether stat cache 1\n"
CHECK_SIZE = 16
_LENGTH = struct.Struct("<Q")
_TRAILER = struct.Struct("<Q16s")


class Index(msgspec.Struct, array_like=True, frozen=True):
    """Where the blocks of a base lie."""

    paths: bytes
    """Paths of the folders joined with NUL; the top folder has the empty path."""
    places: list[tuple[int, int]]
    """Offset and length of each block."""
    contents: bytes
    """Checksum of the checksums of all blocks, so that two bases never have the same name."""


_INDEX = msgspec.msgpack.Decoder(Index)
_ENCODER = msgspec.msgpack.Encoder()


def check(data: Buffer) -> bytes:
    """Return the checksum that is stored before `data`."""
    return hash_bytes(data)[:CHECK_SIZE]


class Base(NamedTuple):
    """An open base file."""

    name: bytes
    """What a journal must begin with to belong to this base."""
    data: "mmap.mmap | bytes"
    places: Mapping[bytes, tuple[int, int]]

    def block(self, path: bytes) -> bytes | None:
        """Return the bytes of a folder's block, or None when there is none or it is damaged."""
        place = self.places.get(path)
        if place is None:
            return None
        start, length = place
        found = self.data[start : start + length]
        payload = found[CHECK_SIZE:]
        return payload if len(found) == length and check(payload) == found[:CHECK_SIZE] else None


NO_BASE = Base(bytes(CHECK_SIZE), b"", {})


def read_base(path: Path) -> Base:
    """Open a base; one that is missing or damaged reads as empty."""
    try:
        with path.open("rb") as file:
            data = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    except (OSError, ValueError):
        return NO_BASE
    if data[: len(MAGIC)] != MAGIC or len(data) < len(MAGIC) + _TRAILER.size:
        return NO_BASE
    start, name = _TRAILER.unpack_from(data, len(data) - _TRAILER.size)
    payload = data[start : len(data) - _TRAILER.size]
    if check(payload) != name:
        return NO_BASE
    try:
        index = _INDEX.decode(payload)
    except msgspec.MsgspecError:
        return NO_BASE
    paths = index.paths.split(b"\0")
    return Base(name, data, dict(zip(paths, index.places, strict=False)))


def write_base(path: Path, blocks: Iterable[tuple[bytes, bytes]]) -> None:
    """Write a base and move it into place; it need not survive a power cut, so nothing is synced."""
    temporary = path.with_name(path.name + ".new")
    with translated(str(path)):
        with temporary.open("wb") as file:
            file.write(MAGIC)
            at = len(MAGIC)
            paths: list[bytes] = []
            places: list[tuple[int, int]] = []
            checks = bytearray()
            for folder, payload in blocks:
                checks += check(payload)
                file.write(checks[-CHECK_SIZE:])
                file.write(payload)
                paths.append(folder)
                places.append((at, CHECK_SIZE + len(payload)))
                at += CHECK_SIZE + len(payload)
            index = _ENCODER.encode(Index(b"\0".join(paths), places, check(checks)))
            file.write(index)
            file.write(_TRAILER.pack(at, check(index)))
        temporary.replace(path)


class Journal(NamedTuple):
    """What was appended after a base."""

    records: list[bytes]
    size: int
    """Bytes that are whole and belong to the base."""


def read_journal(path: Path, base: Base) -> Journal:
    """Read a journal up to the first damaged record; one of another base reads as empty."""
    try:
        data = path.read_bytes()
    except OSError:
        return Journal([], 0)
    start = len(MAGIC) + CHECK_SIZE
    if data[: len(MAGIC)] != MAGIC or data[len(MAGIC) : start] != base.name:
        return Journal([], 0)
    records = list(_records(data, start))
    framing = _LENGTH.size + CHECK_SIZE
    return Journal(records, start + sum(framing + len(record) for record in records))


def _records(data: bytes, at: int) -> Iterator[bytes]:
    framing = _LENGTH.size + CHECK_SIZE
    while at + framing <= len(data):
        (length,) = _LENGTH.unpack_from(data, at)
        payload = data[at + framing : at + framing + length]
        if len(payload) != length or check(payload) != data[at + _LENGTH.size : at + framing]:
            return
        yield payload
        at += framing + length


def append_journal(path: Path, base: Base, journal: Journal, records: Iterable[bytes]) -> None:
    """Append records after the whole ones, starting the journal anew when it is of another base."""
    head = b"" if journal.size else MAGIC + base.name
    added = [_LENGTH.pack(len(record)) + check(record) + record for record in records]
    with translated(str(path)):
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o666)
        try:
            os.ftruncate(descriptor, journal.size)
            rest = memoryview(head + b"".join(added))
            at = journal.size
            while rest:
                done = os.pwrite(descriptor, rest, at)
                at, rest = at + done, rest[done:]
        finally:
            os.close(descriptor)
