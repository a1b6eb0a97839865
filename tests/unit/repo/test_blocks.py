"""Frames made many at once, compiled or not, are the same bytes, and readers take them."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tether.core.digest import hash_bytes
from tether.core.kinds import ObjectKind
from tether.repo import blocks_pure
from tether.repo.block import ALIGNMENT, Block
from tether.repo.frames import DATA, FRAME_SIZE, Batch, pack_header, read_frames

_blocks = pytest.importorskip("tether.repo._blocks")


def batch_of(contents: list[bytes]) -> Batch:
    """Return contents with a codec and a length of each that vary."""
    digests = [hash_bytes(data) for data in contents]
    lengths = [len(data) + at for at, data in enumerate(contents)]
    return Batch(ObjectKind.CHUNK, digests, contents, bytes(at % 7 for at in range(len(contents))), lengths)


@given(st.lists(st.binary(max_size=300), max_size=20), st.integers(0, 9))
def test_both_build_the_frames_that_are_read_back(contents: list[bytes], start: int) -> None:
    """The bytes are equal, and a pack that begins with them lists the contents in order."""
    batch, size = batch_of(contents), sum(map(len, contents)) + FRAME_SIZE * len(contents)
    native, pure = bytearray(start + size), bytearray(start + size)

    assert _blocks.put_frames(native, start, batch) == start + size
    assert blocks_pure.put_frames(memoryview(pure), start, batch) == start + size

    assert native == pure
    whole = pack_header(DATA) + native[start:]
    frames = list(read_frames(whole))
    assert [(f.digest, f.codec, f.raw) for f in frames] == list(
        zip(batch.digests, batch.codecs, batch.lengths, strict=True)
    )
    starts = [frame.offset + FRAME_SIZE for frame in frames]
    assert [whole[at : at + f.stored] for at, f in zip(starts, frames, strict=True)] == contents


def test_wrong_values_are_refused() -> None:
    """A short digest, missing values, another kind, no bytes and no room never reach the native loop."""
    digest, room = hash_bytes(b"x"), bytearray(100)
    for kind, digests, contents, codecs, lengths in [
        (0, [b"short"], [b"x"], b"\0", [1]),
        (0, [digest], [], b"\0", [1]),
        (0, [digest], [b"x"], b"", [1]),
        (0, [digest], [b"x"], b"\0", []),
        (0, [digest], [bytes(53)], b"\0", [1]),
        (256, [digest], [b"x"], b"\0", [1]),
        (-1, [digest], [b"x"], b"\0", [1]),
    ]:
        with pytest.raises(ValueError, match=r"digest|kind|fit"):
            _blocks.put_frames(room, 0, (kind, digests, contents, codecs, lengths))
    with pytest.raises(ValueError, match="fit"):
        _blocks.put_frames(room, 101, (0, [], [], b"", []))
    with pytest.raises(TypeError):
        _blocks.put_frames(room, 0, (0, [digest], ["x"], b"\0", [1]))
    with pytest.raises(OverflowError):
        _blocks.put_frames(room, 0, (0, [digest], [b"x"], b"\0", [1 << 32]))
    assert room == bytes(100)


def test_a_block_gives_out_pages_and_at_last_the_rest() -> None:
    """Whatever sizes come, also ones beyond its room, the bytes taken are those that were put."""
    source, block, put, taken = random.Random(5), Block(), bytearray(), bytearray()
    for size in (0, 10, ALIGNMENT, 3 * ALIGNMENT - 10, 7 << 20, 1, 13 << 20):
        piece = source.randbytes(size)
        put += piece
        assert block.put([piece], size) == piece
        if source.random() < 0.7:
            ready = block.take(last=False)
            assert len(ready) % ALIGNMENT == 0
            taken += ready
            assert block.filled < ALIGNMENT
    batch = batch_of([b"a", b"bc"])
    put += block.put([b"x", batch], 1 + 2 * FRAME_SIZE + 3)
    taken += block.take(last=True)
    assert taken == put
    assert block.filled == 0
