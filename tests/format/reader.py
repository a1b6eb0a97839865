"""A second reader of repositories, written from the pages in `docs/format` alone.

It uses nothing of Tether: only the standard library, `blake3` and `zstandard`. It is slow and simple on
purpose: what it reads is what the pages say, so a difference to Tether is a fault in one of the two.

    python tests/format/reader.py FOLDER/.tether
"""

import struct
import sys
import tomllib
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple
from zlib import crc32

import zstandard
from blake3 import blake3

CHUNK, RECIPE, RECIPE_PAGE, TREE, COMMIT, TAG, STATE, OPERATIONS = range(8)
NAMES = {2: "recipe page", 3: "tree", 4: "commit", 5: "tag", 6: "state", 7: "operations"}
FILE, EXECUTABLE, SYMLINK, DIRECTORY = range(4)
LIMITS = {kind: 67_108_864 if kind in (STATE, OPERATIONS) else 4_194_304 for kind in NAMES} | {
    CHUNK: 131_072,
    RECIPE: 4_194_304,
}
DIFFERENCE = 7
PLANES = {2: (2, False), 3: (4, False), 4: (8, False), 5: (2, True), 6: (4, True)}
EMPTY_FOLDER = bytes.fromhex("9801 00 c400 c400 c400 c400 c400 c400")


class Damaged(Exception):
    """What was read is not what the pages describe."""


def need(condition: bool, what: str) -> None:
    """Stop unless `condition` holds."""
    if not condition:
        raise Damaged(what)


def derived(context: str, data: bytes) -> bytes:
    """Return BLAKE3 with a `derive_key` context (encoding.md)."""
    return blake3(data, derive_key_context=context).digest()


class Decoder:
    """Canonical MessagePack (encoding.md)."""

    def __init__(self, data: bytes) -> None:
        self.data, self.at = data, 0

    def take(self, count: int) -> bytes:
        """Return the next bytes."""
        need(self.at + count <= len(self.data), "cut")
        self.at += count
        return self.data[self.at - count : self.at]

    def number(self, size: int, least: int) -> int:
        """Return an unsigned number that would not fit a shorter form."""
        value = int.from_bytes(self.take(size), "big")
        need(value >= least, "a longer form than needed")
        return value

    def value(self) -> Any:
        """Return the next value."""
        head = self.take(1)[0]
        if head < 0x80 or head >= 0xE0:
            return head if head < 0x80 else head - 256
        if 0x90 <= head < 0xA0:
            return [self.value() for _ in range(head & 15)]
        if 0xA0 <= head < 0xC0:
            return self.take(head & 31).decode()
        return None if head == 0xC0 else self.long_value(head)

    def long_value(self, head: int) -> Any:
        """Return a value whose number or length stands in the bytes that follow."""
        if 0xC4 <= head <= 0xC6:
            return self.take(self.number(1 << head - 0xC4, (0, 1 << 8, 1 << 16)[head - 0xC4]))
        if 0xCC <= head <= 0xCF:
            return self.number(1 << head - 0xCC, (128, 1 << 8, 1 << 16, 1 << 32)[head - 0xCC])
        if 0xD0 <= head <= 0xD3:
            value = int.from_bytes(self.take(1 << head - 0xD0), "big", signed=True)
            need(value < (-32, -(1 << 7), -(1 << 15), -(1 << 31))[head - 0xD0], "a longer form than needed")
            return value
        if 0xD9 <= head <= 0xDB:
            return self.take(self.number(1 << head - 0xD9, (32, 1 << 8, 1 << 16)[head - 0xD9])).decode()
        if head in (0xDC, 0xDD):
            return [self.value() for _ in range(self.number(2 << head - 0xDC, (16, 1 << 16)[head - 0xDC]))]
        raise Damaged(f"the type {head:#x} is not allowed")


def decode(data: bytes) -> Any:
    """Return the one value in `data`."""
    decoder = Decoder(data)
    value = decoder.value()
    need(decoder.at == len(data), "bytes left over")
    return value


def column(data: bytes, width: int) -> list[int]:
    """Return the numbers of a column, low byte first (encoding.md)."""
    need(len(data) % width == 0, "a column of a wrong length")
    return [int.from_bytes(data[i : i + width], "little") for i in range(0, len(data), width)]


def digests(data: bytes) -> list[bytes]:
    """Return the digests of a column."""
    need(len(data) % 32 == 0, "a column of a wrong length")
    return [data[i : i + 32] for i in range(0, len(data), 32)]


def unzstd(stored: bytes, length: int) -> bytes:
    """Return the content of one zstd frame of `length` bytes (codecs.md)."""
    data = zstandard.ZstdDecompressor().decompress(stored, max_output_size=length)
    need(len(data) == length, "a frame of another length")
    return data


def widen(stored: bytes, count: int) -> bytes:
    """Return the values of a narrow plane (codecs.md)."""
    base, size = stored[0], (count + 63) // 64 * 32
    codes: list[int] = []
    for start in range(1, 1 + size, 32):
        block = stored[start : start + 32]
        codes += [byte & 15 for byte in block]
        codes += [byte >> 4 for byte in block]
    outside = iter(stored[1 + size :])
    return bytes(next(outside) if code == 15 else (base + code) % 256 for code in codes[:count])


def plane(mode: int, stored: bytes, count: int) -> bytes:
    """Return the `count` bytes of one plane (codecs.md)."""
    need(mode <= 2, "an unknown way to store a plane")
    if mode == 0:
        return stored
    return unzstd(stored, count) if mode == 1 else widen(stored, count)


def unplane(stored: bytes, width: int, rotated: bool, length: int) -> bytes:
    """Return what is stored as byte planes (codecs.md)."""
    lead, modes = stored[0], stored[1 : 1 + width]
    count, tail = divmod(length - lead, width)
    at = 1 + width
    lengths = []
    for mode in modes:
        lengths.append(count if mode == 0 else int.from_bytes(stored[at : at + 4], "little"))
        at += 4 if mode else 0
    elements = bytearray(count * width)
    for k, (mode, size) in enumerate(zip(modes, lengths, strict=True)):
        elements[k::width] = plane(mode, stored[at : at + size], count)
        at += size
    if rotated:
        bits = 8 * width
        turned = [word >> 1 | (word & 1) << bits - 1 for word in column(bytes(elements), width)]
        elements = bytearray(b"".join(word.to_bytes(width, "little") for word in turned))
    need(at + lead + tail == len(stored), "planes that do not add up")
    return stored[at : at + lead] + bytes(elements) + stored[at + lead :]


def unpack(codec: int, stored: bytes, length: int) -> bytes:
    """Return the bytes that a frame stores (codecs.md)."""
    if codec == 0:
        return stored
    if codec == 1:
        return unzstd(stored, length)
    need(codec in PLANES, "an unknown codec")
    return unplane(stored, *PLANES[codec], length)


class Place(NamedTuple):
    """Where an object lies: a row of a table of contents."""

    pack: Path
    kind: int
    codec: int
    offset: int
    stored: int
    raw: int


class Entry(NamedTuple):
    """A row of a folder."""

    name: bytes
    kind: int
    size: int
    digest: bytes


class Reader:
    """Reads the repository in a folder (README.md, "Reading a repository")."""

    def __init__(self, folder: Path) -> None:
        settings = tomllib.loads((folder / "format").read_text())
        features = set(settings.pop("features"))
        need(settings == {"version": 1, "hash": "blake3"}, "another format")
        need(features <= {"differences"}, "an unknown feature")
        self.in_packs: dict[tuple[Path, bytes], Place] = {}
        self.root = self._root((folder / "root").read_bytes())
        self.refs: dict[str, bytes] = dict(self.root[4])
        self.places: dict[bytes, Place] = {}
        for role, names in ((0, self.root[7]), (1, self.root[8])):
            for name in digests(names):
                self._open_pack(folder / "packs" / f"{name.hex()}.pack", name, role)

    @staticmethod
    def _root(data: bytes) -> list[Any]:
        body, seal = data[:-32], data[-32:]
        need(blake3(body).digest() == seal, "the seal of the root")
        fields: list[Any] = decode(body)
        need(len(fields) == 12 and fields[0] == 1, "the version of the root")
        return fields

    def _open_pack(self, path: Path, name: bytes, role: int) -> None:
        data = path.read_bytes()
        need(blake3(data).digest() == name, "the name of a pack")
        version = data[8]
        need(data[:8] == b"TETHPACK" and data[9] == role, "the header of a pack")
        need(version == 1 or (version == 2 and role == 0), "the version of a pack")
        start, length, rows, seal, end = struct.unpack("<QQQ32s8s", data[-64:])
        table = data[start : start + length]
        need(end == b"TETHEND1" and start + length + 64 == len(data), "the trailer of a pack")
        need(blake3(table).digest() == seal and length == 50 * rows, "the table of a pack")
        names = digests(table[: 32 * rows])
        need(all(a < b for a, b in pairwise(names)), "the order of a table")
        numbers = zip(
            table[48 * rows : 49 * rows],
            table[49 * rows :],
            column(table[32 * rows : 40 * rows], 8),
            column(table[40 * rows : 44 * rows], 4),
            column(table[44 * rows : 48 * rows], 4),
            strict=True,
        )
        at = 16
        for digest, row in sorted(zip(names, numbers, strict=True), key=lambda item: item[1][2]):
            place = Place(path, *row)
            need(place.offset == at, "frames with gaps")
            need((place.kind == CHUNK) == (role == 0), "an object in a pack of the wrong role")
            need(max(place.raw, place.stored) <= LIMITS[place.kind], "a length of a frame")
            need(place.codec != DIFFERENCE or version == 2, "a difference in a pack of version 1")
            flags = int(place.codec == DIFFERENCE)
            head = struct.pack("<BBHII32s", place.kind, place.codec, flags, place.raw, place.stored, digest)
            need(data[at : at + 48] == head + struct.pack("<I", crc32(head)), "the header of a frame")
            self.places[digest] = self.in_packs[path, digest] = place
            at += 48 + place.stored
        need(at == start, "bytes between the frames and the table")

    def get(self, kind: int, digest: bytes) -> bytes:
        """Return an object, checked against its digest."""
        if kind == TREE and derived("tether 2026 tree v1", EMPTY_FOLDER) == digest:
            return EMPTY_FOLDER
        place = self.places[digest]
        need(place.kind == kind, "an object of another kind")
        data = self.unpacked(place)
        need(len(data) == place.raw, "an object of another length")
        if kind == CHUNK:
            need(blake3(data).digest() == digest, "the digest of a chunk")
        elif kind == RECIPE:
            need(derived("tether 2026 recipe v1", digest + data[:-32]) == data[-32:], "the seal of a recipe")
        else:
            need(derived(f"tether 2026 {NAMES[kind]} v1", data) == digest, "the digest of an object")
        return data

    def unpacked(self, place: Place) -> bytes:
        """Return what lies at a place (codecs.md)."""
        with place.pack.open("rb") as file:
            file.seek(place.offset + 48)
            stored = file.read(place.stored)
        return (
            self.joined(place, stored)
            if place.codec == DIFFERENCE
            else unpack(place.codec, stored, place.raw)
        )

    def joined(self, place: Place, stored: bytes) -> bytes:
        """Return a chunk from the bits in which it differs from others of its pack (codecs.md)."""
        count, codec, skip = struct.unpack("<BBI", stored[:6])
        bases = [self.in_packs[place.pack, name] for name in digests(stored[6 : 6 + 32 * count])]
        need(0 < count <= 32, "a difference from nothing, or from too much")
        need(all(base.codec != DIFFERENCE for base in bases), "a difference from a difference")
        counterpart = b"".join(map(self.unpacked, bases))[skip : skip + place.raw]
        bits = unpack(codec, stored[6 + 32 * count :], place.raw)
        return bytes(left ^ right for left, right in zip(bits, counterpart, strict=True))

    def file(self, digest: bytes) -> bytes:
        """Return the content of a file (recipe.md)."""
        if digest == blake3(b"").digest():
            return b""
        if self.places[digest].kind == CHUNK:
            return self.get(CHUNK, digest)
        version, form, size, first, second, *outline = decode(self.get(RECIPE, digest)[:-32])
        need((version, len(outline)) in ((1, 0), (2, 2)) and form in (0, 1), "the version of a recipe")
        need(not outline or len(outline[1]) == 32 * -(-size // outline[0]), "the outline of a recipe")
        lists = [(first, second)] if form == 0 else [self._page(page) for page in digests(first)]
        parts: list[bytes] = []
        starts: list[int] = []
        for names, lengths in lists:
            starts.append(sum(map(len, parts)))
            for name, length in zip(digests(names), column(lengths, 4), strict=True):
                parts.append(self.get(CHUNK, name))
                need(len(parts[-1]) == length, "the length of a chunk")
        need(form == 0 or starts == column(second, 8), "the starts of pages")
        data = b"".join(parts)
        need(len(data) == size and blake3(data).digest() == digest, "the digest of a file")
        return data

    def _page(self, digest: bytes) -> tuple[bytes, bytes]:
        version, names, lengths = decode(self.get(RECIPE_PAGE, digest))
        need(version == 1, "the version of a recipe page")
        return names, lengths

    def folder(self, digest: bytes, level: int | None = None) -> Iterator[Entry]:
        """Yield the entries of a folder (tree.md)."""
        version, found, lengths, joined, *columns = decode(self.get(TREE, digest))
        need(version == 1 and (level is None or found == level), "the version or level of a node")
        names, at = [], 0
        for length in column(lengths, 2):
            names.append(joined[at : at + length])
            at += length
        need(at == len(joined), "the names of a node")
        need(all(a < b for a, b in pairwise(names)), "the order of names")
        if found == 0:
            yield from map(Entry, names, columns[0], column(columns[1], 8), digests(columns[2]))
            return
        for name, child in zip(names, digests(columns[0]), strict=True):
            entries = list(self.folder(child, found - 1))
            need(entries[-1].name == name, "the last name of a node")
            yield from entries

    def tree(self, digest: bytes, prefix: bytes = b"") -> Iterator[tuple[bytes, int, bytes]]:
        """Yield path, kind and content of everything in a tree; an empty folder has no content."""
        for entry in self.folder(digest):
            path = prefix + entry.name
            if entry.kind == DIRECTORY:
                below = list(self.tree(entry.digest, path + b"/"))
                yield from below or [(path, DIRECTORY, b"")]
            else:
                data = self.file(entry.digest)
                need(len(data) == entry.size, "the size of a file")
                yield path, entry.kind, data

    def commits(self) -> Iterator[tuple[bytes, list[Any]]]:
        """Yield the id and the fields of every commit that a ref leads to (commit.md, tag.md)."""
        seen: set[bytes] = set()
        queue = list(self.refs.values())
        while queue:
            digest = queue.pop()
            if digest in seen:
                continue
            seen.add(digest)
            if self.places[digest].kind == TAG:
                queue.append(decode(self.get(TAG, digest))[2])
                continue
            fields = decode(self.get(COMMIT, digest))
            need(fields[0] == 1, "the version of a commit")
            yield digest, fields
            queue += fields[2]

    def operations(self) -> Iterator[list[Any]]:
        """Yield every operation from the newest to the oldest (root.md)."""
        operations, older = self.root[9], self.root[10]
        yield from reversed(operations)
        while older is not None:
            version, operations, older = decode(self.get(OPERATIONS, older))
            need(version == 1, "the version of operations")
            yield from reversed(operations)


def main(folder: Path) -> None:
    """Print every file of every commit with its digest."""
    reader = Reader(folder)
    for commit, fields in reader.commits():
        print("commit", commit.hex(), repr(fields[5]))
        for path, kind, data in reader.tree(fields[1]):
            print(" ", blake3(data).hexdigest(), "fxld"[kind], path.decode(errors="replace"))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
