"""Frames made and listed many at once, compiled or not, are the same, and readers take them."""

import random
from array import array
from zlib import crc32

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tether.core.chunker import MAX_SIZE
from tether.core.compression import Codec
from tether.core.digest import hash_bytes
from tether.core.kinds import ObjectKind
from tether.repo import blocks_pure
from tether.repo.block import ALIGNMENT, Block
from tether.repo.frames import (
    DATA,
    FRAME,
    FRAME_CRC,
    FRAME_SIZE,
    LIMIT_COLUMN,
    Batch,
    Table,
    pack_header,
    parse_frame,
    read_frames,
    tabulate,
)

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


@given(
    st.lists(st.binary(max_size=90), max_size=12),
    st.integers(0, 9),
    st.one_of(st.none(), st.tuples(st.integers(0, 1 << 20), st.integers(0, 7))),
    st.integers(0, 120),
)
def test_both_list_the_frames_up_to_the_first_that_is_not_sound(
    contents: list[bytes], start: int, flip: tuple[int, int] | None, cut: int
) -> None:
    """Of frames with a flipped bit and an end cut off both list the same ones, which `parse_frame` takes."""
    data = bytearray(start + sum(map(len, contents)) + FRAME_SIZE * len(contents))
    blocks_pure.put_frames(memoryview(data), start, batch_of(contents))
    if flip is not None and len(data) > start:
        data[start + flip[0] % (len(data) - start)] ^= 1 << flip[1]
    del data[max(start, len(data) - cut) :]

    end, columns = _blocks.list_frames(data, start, LIMIT_COLUMN, Codec.DIFFERENCE)

    assert (end, columns) == blocks_pure.list_frames(data, start, LIMIT_COLUMN, Codec.DIFFERENCE)
    for frame in Table(*columns):
        assert parse_frame(data[frame.offset : frame.offset + FRAME_SIZE], frame.offset) == frame


@pytest.mark.parametrize(
    ("values", "listed"),
    [
        ((ObjectKind.CHUNK, Codec.RAW, 0, 3, 3), 1),
        ((ObjectKind.CHUNK, Codec.DIFFERENCE, 1, 9, 3), 1),
        ((ObjectKind.CHUNK, Codec.DIFFERENCE, 0, 9, 3), 0),
        ((ObjectKind.CHUNK, Codec.RAW, 1, 3, 3), 0),
        ((ObjectKind.CHUNK, Codec.RAW, 2, 3, 3), 0),
        ((ObjectKind.CHUNK, Codec.RAW, 256, 3, 3), 0),
        ((ObjectKind.CHUNK, Codec.ZSTD, 0, MAX_SIZE, 3), 1),
        ((ObjectKind.CHUNK, Codec.ZSTD, 0, MAX_SIZE + 1, 3), 0),
        ((ObjectKind.CHUNK, Codec.ZSTD, 0, 3, MAX_SIZE + 1), 0),
        ((ObjectKind.CHUNK, Codec.ZSTD, 0, 3, 0xFFFFFFFF), 0),
        ((200, Codec.RAW, 0, 0, 0), 0),
    ],
)
def test_a_header_with_a_right_sum_is_listed_only_if_its_values_are_right(
    values: tuple[int, int, int, int, int], listed: int
) -> None:
    """What whoever made a pack can put into a header ends the list, however its sum was made to fit."""
    head = FRAME.pack(*values, hash_bytes(b"x"))
    data = head + FRAME_CRC.pack(crc32(head)) + bytes(min(values[4], MAX_SIZE))
    for module in (_blocks, blocks_pure):
        end, columns = module.list_frames(data, 0, LIMIT_COLUMN, Codec.DIFFERENCE)
        assert (len(columns[4]), end) == (listed, listed * len(data))


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 2), st.integers(0, 2)), max_size=20))
def test_both_sort_frames_like_a_table(rows: list[tuple[int, int, int]]) -> None:
    """Also frames of one digest have one order."""
    digests = b"".join(hash_bytes(bytes([number])) for number, _, _ in rows)
    kinds, codecs = bytes(kind for _, kind, _ in rows), bytes(codec for _, _, codec in rows)
    offsets = array("Q", range(len(rows), 0, -1))
    stored, raw = array("I", range(len(rows))), array("I", range(7, len(rows) + 7))
    columns = (digests, offsets, stored, raw, kinds, codecs)

    found = _blocks.sort_frames(columns)

    assert found == blocks_pure.sort_frames(columns)
    table = Table(*columns)
    assert Table(*found).encode() == tabulate(map(table.frame, range(len(rows)))).encode()


def test_columns_that_do_not_fit_are_refused() -> None:
    """A start behind the data, too few limits and columns of several lengths never reach the native loop."""
    with pytest.raises(ValueError, match="start"):
        _blocks.list_frames(b"abc", 4, LIMIT_COLUMN, 0)
    with pytest.raises(ValueError, match="limit"):
        _blocks.list_frames(b"abc", 0, array("q", [1]), 0)
    good = (bytes(32), array("Q", [1]), array("I", [1]), array("I", [1]), b"\0", b"\0")
    for at in range(6):
        columns = tuple(column[:0] if place == at else column for place, column in enumerate(good))
        with pytest.raises(ValueError, match="one length"):
            _blocks.sort_frames(columns)
