"""Codecs: what goes in comes out, what is chosen is worth it, and damage is always noticed."""

import json
import random
import re
import struct
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from tether.core.compression import Codec, Compressor, Hint, decompress
from tether.core.hints import Method, is_packed, is_text
from tether.errors import Corrupt, InvalidInput

PAGE = Path(__file__).parents[3] / "docs/format/codecs.md"
SIZE = 65_536
LEVELS = ("fast", "default", "smallest")


def weights(count: int, seed: int = 1) -> "np.ndarray[tuple[int], np.dtype[np.float32]]":
    """Return numbers as trained weights have them."""
    return (np.random.default_rng(seed).standard_normal(count) * 0.02).astype(np.float32)


def bfloat16(count: int, seed: int = 1) -> bytes:
    """Return weights cut to bfloat16."""
    return (weights(count, seed).view(np.uint32) >> 16).astype("<u2").tobytes()


def contents() -> dict[str, bytes]:
    """Return one chunk of each kind that a repository meets."""
    source = np.random.default_rng(7)
    return {
        "bf16": bfloat16(SIZE // 2),
        "bf16 off by one": b"\x81" + bfloat16(SIZE // 2)[:-2],
        "f32": weights(SIZE // 4).tobytes(),
        "f32 off by three": b"abc" + weights(SIZE // 4).tobytes()[:-1],
        "f16": weights(SIZE // 2).astype(np.float16).tobytes(),
        "f64": source.standard_normal(SIZE // 8).tobytes(),
        "counter": np.arange(SIZE // 8).astype("<i8").tobytes(),
        "samples": (np.cumsum(source.normal(0, 30, SIZE // 2)) % 8000).astype("<i2").tobytes(),
        "sparse": (weights(SIZE // 4) * (source.random(SIZE // 4) < 0.02)).astype(np.float32).tobytes(),
        "text": b"".join(b"%d,category_%02d,%d\n" % (i, i % 50, i * i) for i in range(3000)),
        "random": source.bytes(SIZE),
        "zeros": bytes(SIZE),
        "largest": source.integers(0, 99, 131_072).astype(np.uint8).tobytes(),
        "one": b"x",
        "nothing": b"",
    }


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("name", contents())
def test_what_was_compressed_comes_back(level: str, name: str) -> None:
    """Whatever is chosen for a stream of chunks, each comes back and none is stored larger."""
    data = contents()[name]
    compressor = Compressor(level)
    hint = compressor.choose(data[:512], b"file.bin")
    for chunk in (data, memoryview(data)[1:], data[: len(data) // 2], bytearray(data), data):
        codec, stored = compressor.compress(chunk, hint)
        assert len(stored) <= len(chunk)
        assert decompress(codec, stored, len(chunk)) == chunk


@pytest.mark.parametrize("method", [method for method in Method if method is not Method.RAW])
@pytest.mark.parametrize("name", contents())
def test_every_method_is_exact_wherever_it_applies(method: Method, name: str) -> None:
    """Each way to store gives back any chunk, also one that it does not suit."""
    data = contents()[name]
    codec, stored = Compressor().compress(data, Hint((method,)))
    assert decompress(codec, stored, len(data)) == data


@pytest.mark.parametrize(
    ("level", "name", "largest", "codecs"),
    [
        ("default", "bf16", 0.76, {Codec.FLOAT2}),
        ("default", "bf16 off by one", 0.76, {Codec.FLOAT2}),
        ("smallest", "bf16", 0.67, {Codec.FLOAT2}),
        ("default", "f32", 0.88, {Codec.FLOAT4}),
        ("default", "f32 off by three", 0.88, {Codec.FLOAT4}),
        ("smallest", "f32", 0.84, {Codec.FLOAT4}),
        ("default", "counter", 0.05, {Codec.SHUFFLE2_ZSTD, Codec.SHUFFLE4_ZSTD, Codec.SHUFFLE8_ZSTD}),
        ("default", "samples", 0.65, {Codec.SHUFFLE2_ZSTD}),
        ("smallest", "f64", 0.9, {Codec.SHUFFLE8_ZSTD}),
        ("default", "sparse", 0.2, {Codec.ZSTD, Codec.SHUFFLE4_ZSTD}),
        ("default", "text", 0.4, {Codec.ZSTD}),
        ("default", "zeros", 0.01, set(Codec)),
        ("default", "random", 1.0, {Codec.RAW}),
    ],
)
def test_a_trial_finds_a_codec_that_suits(level: str, name: str, largest: float, codecs: set[Codec]) -> None:
    """Weights lose their exponents' excess, counters and samples their high bytes; noise stays as it is."""
    data = contents()[name]
    compressor = Compressor(level)

    codec, stored = compressor.compress(data, compressor.choose(data[:512]))

    assert codec in codecs
    assert len(stored) <= largest * len(data)


def test_a_stream_that_changes_is_tried_anew() -> None:
    """When weights of two bytes give way to ones of four and these to counters, each gets its codec soon."""
    compressor = Compressor()
    hint = compressor.choose(bfloat16(100))
    pieces = [bfloat16(SIZE // 2, i) for i in range(30)]
    pieces += [weights(SIZE // 4, i).tobytes() for i in range(30)]
    pieces += [np.arange(i, SIZE // 4 + i).astype("<i4").tobytes() for i in range(30)]

    codecs = [codec for codec, _ in compressor.compress_batch(pieces, hint)]

    assert codecs[:60] == [Codec.FLOAT2] * 30 + [Codec.FLOAT4] * 30
    assert set(codecs[60 + 8 :]) <= {Codec.SHUFFLE2_ZSTD, Codec.SHUFFLE4_ZSTD}


def test_noise_followed_by_something_else_is_noticed() -> None:
    """A stream that began raw gets another trial after a while."""
    compressor = Compressor()
    noise = np.random.default_rng(3).bytes(SIZE)
    hint = compressor.choose(noise)
    codecs = [
        codec for codec, _ in compressor.compress_batch([noise] * 10 + [bfloat16(SIZE // 2)] * 20, hint)
    ]
    assert codecs[:10] == [Codec.RAW] * 10
    assert codecs[-1] == Codec.FLOAT2


@pytest.mark.parametrize(
    ("head", "packed"),
    [
        (b"\xff\xd8\xff\xe0\x00\x10JFIF", True),
        (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", True),
        (b"\x00\x00\x00\x20ftypisom", True),
        (b"RIFF\x10\x00\x00\x00WEBPVP8 ", True),
        (b"RIFF\x10\x00\x00\x00WAVEfmt ", False),
        (b"PK\x03\x04\x14\x00\x00\x00\x08\x00", True),
        (b"PK\x03\x04\x14\x00\x00\x00\x00\x00", False),
        (b"\x1f\x8b\x08\x00", True),
        (b"\x28\xb5\x2f\xfd\x20", True),
        (b"PAR1", False),
        (b"\x93NUMPY", False),
        (b"", False),
    ],
)
def test_compressed_formats_are_known_by_their_first_bytes(head: bytes, packed: bool) -> None:
    """They are stored raw without a trial; a zip counts only when its first member is compressed."""
    assert is_packed(head) is packed
    compressor = Compressor()
    data = head + bytes(5000)
    codec, stored = compressor.compress(data, compressor.choose(data))
    assert (codec == Codec.RAW) is packed
    assert (stored is data) is packed


def test_text_is_known_by_its_bytes() -> None:
    """Letters of any script are text; a NUL or another control character is not."""
    assert is_text("größer\tπ\r\n\x1b[0m".encode())
    assert not is_text(b"a\0b")
    assert not is_text(b"a\x01b")
    assert not is_text(b"")


def test_files_of_one_ending_share_what_was_learned() -> None:
    """Small files of one kind need one trial among them, and the memory of endings stays small."""
    compressor = Compressor()
    first = compressor.choose(b"\0\1", b"a/b.npy")
    assert compressor.choose(b"\0\2", b"c.NPY") is first
    assert compressor.choose(b"abc", b"c.npy") is not first
    for i in range(1000):
        compressor.choose(b"\0", b"x.%d" % i)
    assert compressor.choose(b"\0\1", b"a/b.npy") is not first


def test_one_compressor_and_hint_serve_several_threads() -> None:
    """Threads that share them get exact results."""
    compressor = Compressor()
    pieces = [piece for piece in contents().values() for _ in range(4)]
    hint = compressor.choose(b"\0")
    with ThreadPoolExecutor(4) as pool:
        results = list(pool.map(lambda piece: compressor.compress(piece, hint), pieces * 3))
    for piece, (codec, stored) in zip(pieces * 3, results, strict=True):
        assert decompress(codec, stored, len(piece)) == piece


def test_an_unknown_level_is_refused() -> None:
    """The message names the levels."""
    with pytest.raises(InvalidInput, match="no such compression: 'tiny'"):
        Compressor("tiny")


def test_a_frame_that_states_another_size_is_refused_before_it_is_decompressed() -> None:
    """A bomb, a frame without a size, bytes after it and a second frame are damage."""
    bomb = zstandard.ZstdCompressor().compress(bytes(50 << 20))
    unsized = zstandard.ZstdCompressor(write_content_size=False).compress(b"abc" * 100)
    whole = zstandard.ZstdCompressor().compress(b"abc" * 100)
    for stored in (bomb, unsized, whole + b"x", whole + whole, whole[:-1], b""):
        with pytest.raises(Corrupt):
            decompress(Codec.ZSTD, stored, 300)
    assert decompress(Codec.ZSTD, whole, 300) == b"abc" * 100


@pytest.mark.parametrize(
    ("codec", "stored", "length"),
    [
        (0, b"abc", 4),
        (0, b"abc", -1),
        (0, b"", (64 << 20) + 1),
        (7, b"abc", 3),
        (255, b"abc", 3),
        (2, b"", 0),
        (2, b"\0\0", 0),
        (2, b"\2\0\0ab", 2),
        (2, b"\1\0\0", 0),
        (2, b"\0\0\3ab", 2),
        (2, b"\0\0\0abc", 2),
        (5, b"\0\0\2\1\0\0\0\0a", 2),
        (6, b"\0\0\0\0\2\xff\xff\xff\xff", 1 << 20),
        (3, b"\0\1\1\1\1" + b"\xff" * 16, 64),
    ],
)
def test_stored_bytes_that_cannot_be_are_damage(codec: int, stored: bytes, length: int) -> None:
    """Unknown codecs, wrong lengths and layouts that do not add up raise `Corrupt`."""
    with pytest.raises(Corrupt):
        decompress(codec, stored, length)


METHODS = [method for method in Method if method is not Method.RAW]


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(METHODS), st.integers(0, 1 << 32))
def test_damage_gives_corrupt_or_bytes_of_the_right_length(method: Method, seed: int) -> None:
    """Flipped bits, cuts, additions, other codecs and other lengths never do anything else."""
    source = random.Random(seed)
    data = source.choice(list(contents().values()))[: source.choice([100, 3001, SIZE])]
    codec, kept = Compressor().compress(data, Hint((method,)))
    for _ in range(6):
        stored, length, number = bytearray(kept), len(data), int(codec)
        change = source.randrange(5)
        if change == 0 and stored:
            stored[source.randrange(min(len(stored), source.choice([12, SIZE])))] ^= 1 << source.randrange(8)
        elif change == 1:
            del stored[source.randrange(len(stored) + 1) :]
        elif change == 2:
            stored += source.randbytes(3)
        elif change == 3:
            length = source.randrange(2 * SIZE)
        else:
            number = source.randrange(9)
        try:
            result = decompress(number, bytes(stored), length)
        except Corrupt:
            continue
        assert len(result) == length


# The page, read as a stranger would: nothing of the code above is used.


def page_examples() -> list[tuple[int, bytes, bytes]]:
    """Return codec, raw and stored bytes of each example of the page."""
    block = re.findall(r"```json\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)[0]
    return [
        (item["codec"], bytes.fromhex("".join(item["raw"])), bytes.fromhex("".join(item["stored"])))
        for item in json.loads(block)
    ]


def read_narrow(stored: bytes, count: int) -> bytes:
    """Undo a narrow plane as the page describes it."""
    base, codes, outside = stored[0], stored[1 : 1 + 32 * -(-count // 64)], stored[1 + 32 * -(-count // 64) :]
    values, taken = [], 0
    for i in range(count):
        byte = codes[i // 64 * 32 + i % 32]
        code = byte >> 4 if i % 64 >= 32 else byte & 15
        if code == 15:
            values.append(outside[taken])
            taken += 1
        else:
            values.append((base + code) % 256)
    assert taken == len(outside)
    return bytes(values)


def read_planes(stored: bytes, width: int, rotated: bool, raw_length: int) -> bytes:
    """Undo a layout of planes as the page describes it."""
    lead, modes, at = stored[0], stored[1 : 1 + width], 1 + width
    count = (raw_length - lead) // width
    lengths = []
    for mode in modes:
        lengths.append(struct.unpack_from("<I", stored, at)[0] if mode else count)
        at += 4 if mode else 0
    planes = []
    for mode, length in zip(modes, lengths, strict=True):
        piece = stored[at : at + length]
        at += length
        planes.append(
            piece if mode == 0 else zstandard.decompress(piece) if mode == 1 else read_narrow(piece, count)
        )
    raw = bytearray(stored[at : at + lead])
    for i in range(count):
        value = sum(planes[k][i] << (8 * k) for k in range(width))
        if rotated:
            value = value >> 1 | (value & 1) << (8 * width - 1)
        raw += value.to_bytes(width, "little")
    return bytes(raw) + stored[at + lead :]


def test_the_examples_of_the_page_are_what_the_page_says() -> None:
    """A literal reading of the page and our reader give the same raw bytes from the stored ones."""
    examples = page_examples()
    assert [codec for codec, _, _ in examples] == [1, 2, 5]
    for codec, raw, stored in examples:
        assert decompress(codec, stored, len(raw)) == raw
    assert zstandard.decompress(examples[0][2]) == examples[0][1]
    assert read_planes(examples[1][2], 2, False, len(examples[1][1])) == examples[1][1]
    assert read_planes(examples[2][2], 2, True, len(examples[2][1])) == examples[2][1]
    assert Compressor().compress(examples[2][1], Hint((Method.NARROW2,))) == (Codec.FLOAT2, examples[2][2])


@pytest.mark.parametrize(
    "method", [Method.NARROW2, Method.NARROW4, Method.FLOAT2, Method.SHUFFLE4, Method.SHUFFLE8]
)
def test_layouts_are_what_the_page_says(method: Method) -> None:
    """What the writer makes of weights is read by a literal reading of the page."""
    shapes = {2: (2, False), 3: (4, False), 4: (8, False), 5: (2, True), 6: (4, True)}
    data = b"abc" + weights(1000).tobytes() + b"d"
    codec, stored = Compressor().compress(data, Hint((method,)))
    if codec != Codec.RAW:
        assert read_planes(bytes(stored), *shapes[codec], len(data)) == data
    assert codec != Codec.RAW or method in (Method.NARROW2, Method.FLOAT2)
