"""Chunks as differences come back as they were, and damaged ones are damage."""

import json
import random
import re
import struct
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.damage import damaged
from tests.support.pages import page

from tether.core.compression import Codec, Compressor, decompress
from tether.core.difference import Base, base_of, decode_difference, encode_difference
from tether.core.digest import Digest, hash_bytes
from tether.errors import Corrupt


def stored(chunk: bytes, chunks: list[bytes], skip: int) -> bytes:
    """Return a chunk as the difference from others."""
    compressor = Compressor("smallest")
    base = Base(tuple(map(hash_bytes, chunks)), skip)
    return encode_difference(chunk, base, b"".join(chunks), compressor, compressor.choose(b""))


def reader(chunks: list[bytes]) -> Callable[[Digest], bytes]:
    """Return what gives the chunks; another one is damage."""
    known = {hash_bytes(chunk): chunk for chunk in chunks}

    def read(digest: Digest) -> bytes:
        if digest not in known:
            raise Corrupt("no such base")
        return known[digest]

    return read


@given(st.binary(min_size=1, max_size=400), st.integers(0, 50), st.integers(0, 9))
def test_every_chunk_comes_back(chunk: bytes, skip: int, rest: int) -> None:
    """Whatever the counterpart, and wherever it lies in its chunks."""
    noise = random.Random(len(chunk)).randbytes(skip + len(chunk) + rest)
    chunks = [noise[: skip + 1], noise[skip + 1 :]]

    made = stored(chunk, chunks, skip)

    assert decode_difference(made, len(chunk), reader(chunks)) == chunk
    assert base_of(made) == Base(tuple(map(hash_bytes, chunks)), skip)


def test_weights_that_moved_a_little_get_small() -> None:
    """A step of a thousandth leaves less than seven tenths of what a chunk takes by itself."""
    chance = random.Random(1)
    old = [chance.gauss(0, 0.02) for _ in range(10_000)]
    before = struct.pack("<10000f", *old)
    after = struct.pack("<10000f", *(value + chance.gauss(0, 2e-5) for value in old))
    compressor = Compressor("smallest")

    alone = compressor.compress(after, compressor.choose(after))[1]

    assert len(stored(after, [before], 0)) < 0.7 * len(alone)


def test_the_example_on_the_page() -> None:
    """The stored bytes are those of the page, and give the chunk of the page."""
    block = re.findall(r"```json\n(.*?)```", page("codecs"), re.DOTALL)[1]
    example = json.loads(block)
    bases = [bytes.fromhex("".join(lines)) for lines in example["bases"]]
    chunk, made = (bytes.fromhex("".join(example[name])) for name in ("raw", "stored"))

    assert stored(chunk, bases, 10) == made
    assert decode_difference(made, len(chunk), reader(bases)) == chunk


def test_what_no_writer_writes_is_damage() -> None:
    """A base that is too short, or that lies beyond its chunks, no base, and a difference within one."""
    chunks, chunk = [b"a" * 100, b"b" * 100], b"c" * 150
    made = stored(chunk, chunks, 50)
    for skip in (51, 200, 2**32 - 1):
        with pytest.raises(Corrupt, match="beyond"):
            decode_difference(made[:2] + struct.pack("<I", skip) + made[6:], 150, reader(chunks))
    for count in (0, 33, 255):
        with pytest.raises(Corrupt, match="number of chunks"):
            decode_difference(bytes([count]) + made[1:], 150, reader(chunks))
    with pytest.raises(Corrupt, match="form"):
        decode_difference(made[:1] + bytes([Codec.DIFFERENCE]) + made[2:], 150, reader(chunks))
    with pytest.raises(Corrupt, match="unknown codec 7"):
        decompress(Codec.DIFFERENCE, made, 150)


def test_damaged_differences() -> None:
    """Damaged stored bytes give bytes of the length asked for, or are damage."""
    chunks = [bytes(range(256)) * 4, bytes(500)]
    made = stored(bytes(range(255, -1, -1)) * 4, chunks, 300)
    for data in damaged(made, "difference"):
        for length in (0, 1, 1024, 131_072):
            try:
                found = decode_difference(data, length, reader(chunks))
            except Corrupt:
                continue
            assert len(found) == length
