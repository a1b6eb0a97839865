"""The compiled plane functions and their pure twins give the same bytes."""

import random

import numpy as np
import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from tether.core import planes, planes_pure
from tether.core.compression import Codec, decompress_joined
from tether.errors import Corrupt

_planes = pytest.importorskip("tether.core._planes")
_floats = pytest.importorskip("tether.core._floats")

LENGTHS = [0, 1, 63, 64, 65, 127, 128, 1000, 4096, 8190, 40_000]


def planes_of(length: int) -> list[bytes]:
    """Return planes of very different distributions."""
    source = random.Random(length)
    return [
        source.randbytes(length),
        bytes(length),
        bytes(source.choice(range(100, 115)) for _ in range(length)),
        bytes(int(abs(source.gauss(30, 9))) % 256 for _ in range(length)),
        bytes(source.choice((0, 255)) for _ in range(length)),
        bytes(range(256)) * (length // 256) + bytes(length % 256),
    ]


def floats(seed: int, length: int) -> bytes:
    """Return the bytes of weights, of two or four bytes, some of them zero, cut at any place."""
    source = np.random.default_rng(seed)
    numbers = source.standard_normal(length // 2 + 8).astype(np.float32) * np.float32(
        source.choice([1e-5, 0.02, 1])
    )
    numbers[source.random(len(numbers)) < source.choice([0, 0.05, 0.3])] = 0
    words = numbers if source.random() < 0.5 else (numbers.view(np.uint32) >> 16).astype("<u2")
    start = int(source.integers(0, 4))
    return words.tobytes()[start : start + length]


@pytest.mark.parametrize("length", LENGTHS)
def test_narrow_planes_are_the_same_and_come_back(length: int) -> None:
    """Whatever the values, both narrow them to the same bytes and each widens the other's."""
    for plane in planes_of(length):
        stored = _planes.narrow(plane)
        assert stored == planes_pure.narrow(plane)
        assert _planes.widen(stored, length) == plane
        assert planes_pure.widen(stored, length) == plane
        assert _planes.looks_flat(plane) == planes_pure.looks_flat(plane)


@pytest.mark.parametrize("length", LENGTHS)
@pytest.mark.parametrize(
    ("width", "rotated"), [(2, False), (2, True), (4, False), (4, True), (8, False)], ids=str
)
def test_planes_are_the_same_and_come_back(length: int, width: int, rotated: bool) -> None:
    """Both split alike, and joining gives the elements again."""
    data = random.Random(length).randbytes(length // width * width)
    split = _planes.split(data, width, rotated)
    assert split == planes_pure.split(data, width, rotated)
    assert _planes.join(split, width, rotated) == data
    assert planes_pure.join(split, width, rotated) == data


@pytest.mark.parametrize("module", [_planes, planes_pure])
def test_shapes_that_cannot_be_are_refused(module: object) -> None:
    """Only whole elements of 2, 4 or 8 bytes are split, and only the first two kinds rotated."""
    for data, width, rotated in (
        (b"abc", 2, False),
        (b"abc", 3, False),
        (bytes(8), 8, True),
        (b"", 0, False),
    ):
        for function in (module.split, module.join):  # type: ignore[attr-defined]
            with pytest.raises(ValueError, match="planes are of elements"):
                function(data, width, rotated)


@settings(max_examples=60, deadline=None)
@given(
    st.integers(0, 1 << 30),
    st.sampled_from([0, 1, 63, 64, 66, 129, 1000, 4094, 4099, 8193, 65_536, 65_539, 131_072]),
    st.sampled_from([2, 4]),
)
def test_packed_floats_are_the_same_and_come_back(seed: int, length: int, width: int) -> None:
    """The compiled packing of a whole chunk gives what the steps one by one give."""
    data = floats(seed, length)
    shape = planes.Shape(width, True)
    lead = planes_pure.float_lead(data, width)
    assert _floats.float_lead(data, width) == lead
    first, packed = _floats.pack_floats([b"", data], width)
    assert first is None
    if lead < 0:
        assert packed is None
        return
    stored = planes.encode(data, shape, lead, planes._narrow_highest)
    assert packed == (stored if len(stored) < len(data) else None)
    assert planes.decode(stored, shape, len(data)) == data
    if packed is not None:
        assert _floats.unpack_floats(packed, width, len(data)) == data


@settings(max_examples=100, deadline=None)
@given(st.integers(0, 1 << 30), st.sampled_from([2, 4]))
def test_unpacking_agrees_on_damage(seed: int, width: int) -> None:
    """Where the compiled reader takes damaged bytes, the general one gives the same; neither goes astray."""
    source = random.Random(seed)
    data = floats(seed % 7, 4099)
    stored = bytearray(_floats.pack_floats([data], width)[0] or bytes(100))
    for _ in range(source.randrange(1, 4)):
        stored[source.randrange(source.choice([12, len(stored)]))] = source.randrange(256)
    length = source.choice([len(data), len(data) - 1, len(data) + width, 0, 1, 64 << 20])
    native = _floats.unpack_floats(bytes(stored), width, length)
    if native is not None:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(planes, "_unpack_native", None)
            assert planes.decode(bytes(stored), planes.Shape(width, True), length) == native


def chunks_in_a_block(seed: int) -> tuple[bytes, list[tuple[int, int, int, int]], bytes]:
    """Return a block with gaps, its frames, and what they hold together."""
    source = random.Random(seed)
    block, frames, whole = bytearray(), [], []
    for number in range(source.randrange(1, 6)):
        block += source.randbytes(source.randrange(50))
        data = floats(seed + number, source.choice([64, 1001, 4098]))
        width = source.choice([2, 4])
        packed = _floats.pack_floats([data], width)[0] if source.random() < 0.7 else None
        stored = data if packed is None else packed
        codec = Codec.RAW if packed is None else {2: Codec.FLOAT2, 4: Codec.FLOAT4}[width]
        frames.append((int(codec), len(block), len(stored), len(data)))
        block += stored
        whole.append(data)
    return bytes(block), frames, b"".join(whole)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 1 << 30))
def test_chunks_of_a_block_come_back_together(seed: int) -> None:
    """Plain chunks and floating-point ones are unpacked in one call; others one by one, to the same."""
    block, frames, whole = chunks_in_a_block(seed)
    assert _floats.unpack_chunks(block, frames, len(whole)) == whole
    text = zstandard.compress(b"text " * 100)
    frames.append((int(Codec.ZSTD), len(block), len(text), 500))
    assert _floats.unpack_chunks(block + text, frames, len(whole) + 500) is None
    assert decompress_joined(block + text, frames) == whole + b"text " * 100


@settings(max_examples=100, deadline=None)
@given(st.integers(0, 1 << 30))
def test_frames_that_cannot_be_are_refused(seed: int) -> None:
    """Whatever an index claims of places and lengths, nothing outside the block is read or written."""
    source = random.Random(seed)
    block, frames, whole = chunks_in_a_block(seed)
    at, field = source.randrange(len(frames)), source.randrange(4)
    damaged = list(frames[at])
    damaged[field] = source.choice([0, 1, 7, damaged[field] + 1, len(block), 1 << 31])
    frames[at] = (damaged[0], damaged[1], damaged[2], damaged[3])
    joined = _floats.unpack_chunks(block, frames, sum(frame[3] for frame in frames))
    assert joined is None or len(joined) == sum(frame[3] for frame in frames)
    assert _floats.unpack_chunks(block, frames, len(whole) + 1_000_000) is None


@pytest.mark.parametrize("module", [_planes, planes_pure])
def test_narrow_planes_that_do_not_add_up_are_refused(module: object) -> None:
    """Missing codes, missing or left-over values outside, and huge counts are errors."""
    stored = planes_pure.narrow(bytes(range(100)))
    for damaged, count in (
        (b"", 100),
        (stored[:40], 100),
        (stored[:-1], 100),
        (stored + b"x", 100),
        (stored, 1 << 40),
    ):
        with pytest.raises(ValueError, match="narrow plane"):
            module.widen(damaged, count)  # type: ignore[attr-defined]


def test_a_chunk_is_read_without_the_compiled_module(monkeypatch: pytest.MonkeyPatch) -> None:
    """The pure functions alone store and read the same bytes."""
    data = floats(5, 65_537)
    expected = planes.pack_floats([data], 4)
    for name in ("_pack_native", "_unpack_native"):
        monkeypatch.setattr(planes, name, None)
    for name in ("float_lead", "join", "looks_flat", "narrow", "split", "widen"):
        monkeypatch.setattr(planes, name, getattr(planes_pure, name))
    assert planes.pack_floats([data], 4) == expected
    stored = expected[0]
    if stored is not None:
        assert planes.decode(stored, planes.Shape(4, True), len(data)) == data
        with pytest.raises(Corrupt):
            planes.decode(stored[:-1], planes.Shape(4, True), len(data))
    assert planes.pack_floats([random.Random(1).randbytes(5000)], 4) == [None]
