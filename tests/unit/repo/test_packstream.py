"""Packs verified while they come: whatever the pieces are, each frame and the table, and nothing else."""

import random
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tether.core.compression import Compressor
from tether.core.digest import hash_bytes
from tether.core.kinds import ObjectKind, object_digest
from tether.errors import Corrupt, TetherError
from tether.repo.frames import DATA, FRAME_SIZE, HEADER, META, Stored, Table
from tether.repo.packs import PackWriter, pack_key, read_contents
from tether.repo.packstream import PackStream
from tether.storage.memory import MemoryBackend


def pack_of(seed: int, role: int = DATA) -> tuple[bytes, Table]:
    """Return a pack of contents stored in several ways, or of metadata, and its table."""
    source, compressor, backend = random.Random(seed), Compressor(), MemoryBackend()
    writer = PackWriter(backend, role)
    kind = ObjectKind.CHUNK if role == DATA else ObjectKind.STATE
    for number in range(source.randrange(1, 30)):
        data = source.choice(
            [
                source.randbytes(source.randrange(1, 3000)),
                b"text and more text " * source.randrange(1, 90),
                bytes(b for i in range(source.randrange(40, 500)) for b in (i * 7 % 251, 63)),
            ]
        )
        data += number.to_bytes(2, "little")
        codec, stored = compressor.compress(data, compressor.choose(data[:100]))
        digest = hash_bytes(data) if role == DATA else object_digest(kind, data)
        writer.add(Stored(kind, codec, len(data), digest, bytes(stored)))
    name, _ = writer.finish()
    return backend.read(pack_key(name)), read_contents(backend, name)


def fed(data: bytes, cuts: list[int]) -> Table:
    """Return the table of a pack that comes in pieces, each in a buffer that is overwritten then."""
    stream = PackStream()
    for start, end in pairwise([0, *sorted(cut % (len(data) + 1) for cut in cuts), len(data)]):
        piece = bytearray(data[start:end])
        stream.feed(memoryview(piece))
        piece[:] = bytes(len(piece))
    return stream.finish()


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 99), st.sampled_from([DATA, META]), st.lists(st.integers(0, 1 << 20), max_size=40))
def test_the_pieces_do_not_matter(seed: int, role: int, cuts: list[int]) -> None:
    """Cut anywhere, a sound pack gives its table."""
    data, table = pack_of(seed, role)
    assert fed(data, cuts).encode() == table.encode()


@settings(max_examples=150, deadline=None)
@given(
    st.integers(0, 20),
    st.integers(0, 1 << 30),
    st.integers(0, 7),
    st.lists(st.integers(0, 1 << 20), max_size=5),
)
def test_a_flipped_bit_is_found(seed: int, at: int, bit: int, cuts: list[int]) -> None:
    """One bit of a frame, of the table or of the trailer is enough; the header's padding the name covers."""
    data, table = pack_of(seed)
    damaged = bytearray(data)
    damaged[HEADER.size + at % (len(data) - HEADER.size)] ^= 1 << bit
    try:
        found = fed(bytes(damaged), cuts)
    except TetherError:
        return
    # Bits that a codec leaves unused change no content: only they may pass here.
    assert found.encode() == table.encode()
    starts = {frame.offset + FRAME_SIZE + i for frame in table for i in range(frame.stored)}
    assert HEADER.size + at % (len(data) - HEADER.size) in starts


@pytest.mark.parametrize("kept", [0, 5, 16, 40, 64, -1, -64])
def test_a_pack_that_ends_early_is_not_whole(kept: int) -> None:
    """Nothing is taken for a pack before its trailer has come."""
    data, _ = pack_of(3)
    with pytest.raises(Corrupt):
        fed(data[:kept], [7, 100])


def test_more_than_a_table_is_not_kept() -> None:
    """A sender that goes on and on after the frames does not fill the memory."""
    data, _ = pack_of(3)
    stream = PackStream()
    stream.feed(memoryview(data))
    with pytest.raises(Corrupt, match="more than its table"):
        for _ in range(20):
            stream.feed(memoryview(bytes(1 << 20)))
