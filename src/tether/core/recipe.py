"""Recipes: which chunks, in order, make up a file of more than one chunk.

A recipe is storage's business and no part of any id. It is named by the file's digest, which its
bytes do not give, so a recipe ends with a seal: a keyed digest over the file's digest and the
recipe's own bytes. A file of more than `PAGE_CHUNKS` chunks has its chunks in pages, so that a
range of a file of any size is found with two small reads. The recipe of a large file may have the file's
outline, so that less of a next version has to be hashed. Byte layout: docs/format/recipe.md.
"""

from bisect import bisect_right
from dataclasses import dataclass, replace
from itertools import accumulate, pairwise

from tether.core.chunker import MAX_SIZE
from tether.core.codec import decode, encode, pack_u32, pack_u64, unpack_u32, unpack_u64
from tether.core.digest import DIGEST_SIZE, Buffer, Digest, derive
from tether.core.outline import Outline
from tether.errors import Corrupt

PAGE_CHUNKS = 65_536
VERSION = 1
_OUTLINED = 2
"""The version of recipes that have an outline."""
_FLAT, _PAGED = 0, 1
_SEAL_CONTEXT = "tether 2026 recipe v1"


@dataclass(frozen=True, slots=True)
class ChunkList:
    """Chunks in file order."""

    digests: bytes
    """32 bytes for each chunk."""
    lengths: tuple[int, ...]
    """Bytes of each chunk."""

    def __len__(self) -> int:
        return len(self.lengths)

    def digest(self, index: int) -> Digest:
        """Return the digest of chunk `index`."""
        return Digest(self.digests[index * DIGEST_SIZE : (index + 1) * DIGEST_SIZE])

    def within(self, start: int, stop: int) -> tuple[int, int, int]:
        """Return first chunk, chunk after the last and offset of the first that cover `start` to `stop`."""
        ends = list(accumulate(self.lengths))
        first = bisect_right(ends, start)
        last = bisect_right(ends, stop - 1) + 1 if stop > start else first
        return first, min(last, len(ends)), ends[first - 1] if first else 0


@dataclass(frozen=True, slots=True)
class Recipe:
    """The chunks of one file, or the pages that list them."""

    size: int
    """Bytes of the file."""
    chunks: ChunkList | None
    """The chunks themselves; None when the recipe is paged."""
    pages: tuple[Digest, ...] = ()
    """Digests of the pages, in file order."""
    starts: tuple[int, ...] = ()
    """Offset in the file (bytes) where each page starts."""
    outline: Outline | None = None
    """By which parts of the file can be checked; whether it is true is not known."""

    def encode(self, file: Digest) -> bytes:
        """Return the sealed bytes that are stored under `file`."""
        if self.chunks is not None:
            fields = [_FLAT, self.size, self.chunks.digests, pack_u32(self.chunks.lengths)]
        else:
            fields = [_PAGED, self.size, b"".join(self.pages), pack_u64(self.starts)]
        if self.outline is None:
            body = encode([VERSION, *fields])
        else:
            body = encode([_OUTLINED, *fields, self.outline.group, self.outline.values])
        return body + derive(_SEAL_CONTEXT, file + body)


def decode_recipe(file: Digest, data: Buffer) -> Recipe:
    """Read the recipe stored under `file`.

    Raises:
        Corrupt: The seal does not fit, or the columns disagree.
    """
    body, seal = bytes(data[:-DIGEST_SIZE]), bytes(data[-DIGEST_SIZE:])
    if derive(_SEAL_CONTEXT, file + body) != seal:
        raise Corrupt(f"the recipe of file {file.hex()[:12]} is damaged", hint="run 'tether fsck'")
    match decode(body, "recipe"):
        case [1, int(form), int(size), bytes(one), bytes(other)]:
            return _recipe(file, form, size, (one, other))
        case [2, int(form), int(size), bytes(one), bytes(other), int(group), bytes(values)]:
            outline = Outline(group, values)
            if not outline.fits(size):
                raise Corrupt(f"the outline of file {file.hex()[:12]} does not fit its size")
            return replace(_recipe(file, form, size, (one, other)), outline=outline)
    raise _unknown(file)


def _recipe(file: Digest, form: int, size: int, columns: tuple[bytes, bytes]) -> Recipe:
    if form == _PAGED:
        return _paged(file, size, columns[0], tuple(unpack_u64(columns[1], "recipe")))
    if form != _FLAT:
        raise _unknown(file)
    chunks = _chunk_list(*columns)
    if sum(chunks.lengths) != size:
        raise Corrupt(f"the recipe of file {file.hex()[:12]} does not add up to {size} bytes")
    return Recipe(size, chunks)


def _unknown(file: Digest) -> Corrupt:
    return Corrupt(f"the recipe of file {file.hex()[:12]} has an unknown form")


def encode_page(chunks: ChunkList) -> bytes:
    """Return the bytes of one page of a paged recipe."""
    return encode([VERSION, chunks.digests, pack_u32(chunks.lengths)])


def decode_page(data: Buffer) -> ChunkList:
    """Read one page of a paged recipe.

    Raises:
        Corrupt: The columns disagree.
    """
    match decode(bytes(data), "recipe page"):
        case [1, bytes(digests), bytes(lengths)]:
            return _chunk_list(digests, lengths)
    raise Corrupt("a recipe page has an unknown form")


def _chunk_list(digests: bytes, lengths: bytes) -> ChunkList:
    sizes = tuple(unpack_u32(lengths, "recipe"))
    if not sizes or len(digests) != DIGEST_SIZE * len(sizes) or len(sizes) > PAGE_CHUNKS:
        raise Corrupt("the columns of a recipe have different lengths")
    if min(sizes) == 0 or max(sizes) > MAX_SIZE:
        raise Corrupt("a recipe names a chunk of an impossible length")
    return ChunkList(digests, sizes)


def _paged(file: Digest, size: int, pages: bytes, starts: tuple[int, ...]) -> Recipe:
    count = len(starts)
    rising = all(a < b for a, b in pairwise(starts))
    if not count or len(pages) != DIGEST_SIZE * count or starts[0] != 0 or not rising or starts[-1] >= size:
        raise Corrupt(f"the recipe of file {file.hex()[:12]} has pages that do not fit")
    digests = tuple(Digest(pages[i : i + DIGEST_SIZE]) for i in range(0, len(pages), DIGEST_SIZE))
    return Recipe(size, None, digests, starts)
