"""Chunks stored as the bits in which they differ from others: what a fine-tune is to its base.

A difference names the chunks that hold its counterpart, and where in them that begins. Whoever reads it gives
those chunks, verified; the result is verified by its own digest as every chunk is. A base is never a
difference itself. Byte table: docs/format/codecs.md.
"""

import struct
from collections.abc import Callable
from typing import NamedTuple

from tether.core.chunker import MAX_SIZE
from tether.core.compression import Codec, Compressor, decompress
from tether.core.digest import DIGEST_SIZE, Buffer, Digest
from tether.core.hints import Hint
from tether.errors import Corrupt

MAX_BASES = 32
"""More than the chunks that a chunk can overlap."""
_HEAD = struct.Struct("<BBI")


class Base(NamedTuple):
    """Where the counterpart of a chunk lies.

    Attributes:
        chunks: Digests of chunks that follow each other in some file.
        skip: Bytes of them before the counterpart begins.
    """

    chunks: tuple[Digest, ...]
    skip: int


def encode_difference(chunk: Buffer, base: Base, joined: Buffer, compressor: Compressor, hint: Hint) -> bytes:
    """Return the stored bytes of a chunk as a difference.

    Args:
        chunk: The bytes.
        base: What is named in it.
        joined: The bytes of the base's chunks, one after the other; the counterpart lies within them.
        compressor: Compresses the bits that differ.
        hint: What was learned of differences of this kind.
    """
    bits = _differing(chunk, memoryview(joined)[base.skip : base.skip + len(chunk)])
    codec, stored = compressor.compress(bits, hint)
    return b"".join((_HEAD.pack(len(base.chunks), codec, base.skip), *base.chunks, stored))


def decode_difference(stored: Buffer, raw_length: int, read: Callable[[Digest], Buffer]) -> bytes:
    """Undo `encode_difference`.

    Args:
        stored: The stored bytes.
        raw_length: How many bytes it must give.
        read: Returns a chunk of the base, verified, which is no difference itself.

    Raises:
        Corrupt: The stored bytes are not such a difference.
    """
    base, codec, at = _parse(stored)
    if not 0 <= raw_length <= MAX_SIZE or codec == Codec.DIFFERENCE:
        raise Corrupt("a difference has an impossible form")
    bits = decompress(codec, memoryview(stored)[at:], raw_length)
    joined = memoryview(b"".join([read(digest) for digest in base.chunks]))
    counterpart = joined[base.skip : base.skip + raw_length]
    if len(counterpart) != raw_length:
        raise Corrupt("a difference reaches beyond its base")
    return _differing(bits, counterpart)


def base_of(stored: Buffer) -> Base:
    """Return what a difference needs.

    Raises:
        Corrupt: The stored bytes are no difference.
    """
    return _parse(stored)[0]


def _parse(stored: Buffer) -> tuple[Base, int, int]:
    """Return the base, the codec of the bits, and where they begin."""
    view = memoryview(stored)
    if len(view) < _HEAD.size:
        raise Corrupt("a difference is cut short")
    count, codec, skip = _HEAD.unpack_from(view)
    end = _HEAD.size + count * DIGEST_SIZE
    if not 0 < count <= MAX_BASES or len(view) < end:
        raise Corrupt("a difference names an impossible number of chunks")
    names = bytes(view[_HEAD.size : end])
    chunks = tuple(Digest(names[i : i + DIGEST_SIZE]) for i in range(0, len(names), DIGEST_SIZE))
    return Base(chunks, skip), codec, end


def _differing(left: Buffer, right: Buffer) -> bytes:
    """Return the bits in which two buffers of one length differ."""
    bits = int.from_bytes(left, "little") ^ int.from_bytes(right, "little")
    return bits.to_bytes(len(left), "little")
