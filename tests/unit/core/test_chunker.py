"""Chunk boundaries: the literal rule, the native and the array implementation, and an independent oracle."""

import json
import random
import re
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from types import ModuleType

import pytest
from blake3 import blake3
from hypothesis import given, settings
from hypothesis import strategies as st

from tether.core import chunker, chunker_pure
from tether.core.gear import TABLE

IMPLEMENTATIONS: list[ModuleType] = [chunker_pure]
try:
    from tether.core import _gear

    IMPLEMENTATIONS.append(_gear)
except ImportError:
    pass

PAGE = Path(__file__).parents[3] / "docs/format/chunking.md"
WORD = (1 << 64) - 1


@pytest.fixture(params=IMPLEMENTATIONS, ids=lambda module: module.__name__.rpartition(".")[2])
def implementation(request: pytest.FixtureRequest) -> ModuleType:
    """One of the implementations."""
    module: ModuleType = request.param
    return module


def literal_lengths(data: bytes) -> list[int]:
    """Cut byte by byte exactly as the rule is written, from the first byte of each chunk."""
    lengths = []
    value = length = 0
    for byte in data:
        value = ((value << 1) + TABLE[byte]) & WORD
        length += 1
        if (value & 0xFFFF_0000_0000_0000 == 0 and length >= 8192) or length == 131072:
            lengths.append(length)
            value = length = 0
    return [*lengths, length] if length else lengths


def crafted(seed: int, size: int) -> bytes:
    """Return data with many places where a chunk may end: a window that ends one, set among random bytes."""
    source = random.Random(seed)
    window = ending_window()
    parts = []
    while size > 0:
        parts.append(source.randbytes(source.choice([0, 1, 5, 63, 64, 700, 8190, 8192, 20_000])) + window)
        size -= len(parts[-1])
    return b"".join(parts)


def ending_window() -> bytes:
    """Return 64 bytes whose hash has its 16 highest bits zero, by trying."""
    source = random.Random(3)
    data = source.randbytes(200_000)
    value = 0
    for i, byte in enumerate(data):
        value = ((value << 1) + TABLE[byte]) & WORD
        if i >= 64 and value >> 48 == 0:
            return data[i - 63 : i + 1]
    raise AssertionError("no such window in 200,000 bytes")


INPUTS = {
    "nothing": b"",
    "one byte": b"x",
    "a minimum": random.Random(1).randbytes(8192),
    "random": random.Random(2).randbytes(700_000),
    "zeros": bytes(300_001),
    "text": b"".join(b"line %d of a text that repeats itself\n" % i for i in range(8000)),
    "crafted": crafted(4, 400_000),
    "windows only": ending_window() * 4000,
}


@pytest.mark.parametrize("name", INPUTS)
def test_the_cuts_are_those_of_the_literal_rule(implementation: ModuleType, name: str) -> None:
    """Whatever the content, the lengths are those that the rule gives byte by byte."""
    lengths, rest, _ = implementation.scan(INPUTS[name], 0, 0)
    assert ([*lengths, rest] if rest else lengths) == literal_lengths(INPUTS[name])


@pytest.mark.parametrize("name", ["random", "crafted", "zeros"])
@pytest.mark.parametrize("seed", range(4))
def test_segments_of_any_size_give_the_same_cuts(implementation: ModuleType, name: str, seed: int) -> None:
    """A stream in pieces, tiny ones included, is cut as the whole; so is one that changes implementation."""
    source = random.Random(seed)
    data = memoryview(INPUTS[name])
    lengths: list[int] = []
    done = value = 0
    while data:
        size = source.choice([1, 2, 63, 64, 65, 1000, 8191, 8192, 131_072, 200_000])
        scan = source.choice([*IMPLEMENTATIONS, implementation]).scan
        found, done, value = scan(data[:size], done, value)
        lengths += found
        data = data[size:]
    assert ([*lengths, done] if done else lengths) == literal_lengths(INPUTS[name])


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000), st.lists(st.integers(1, 60_000), max_size=6))
def test_native_and_pure_agree_on_crafted_streams(seed: int, sizes: list[int]) -> None:
    """Both give the same lengths and the same state after every segment."""
    data = crafted(seed, 120_000)
    states = [(0, 0)] * len(IMPLEMENTATIONS)
    for size in [*sizes, len(data)]:
        results = [
            module.scan(data[:size], *state) for module, state in zip(IMPLEMENTATIONS, states, strict=True)
        ]
        assert results[0] == results[-1]
        states = [(done, value) for _, done, value in results]
        data = data[size:]


def test_chunker_follows_a_stream_and_begins_anew() -> None:
    """Push and finish add up to the cut points of the whole, and a finished chunker starts afresh."""
    cutter = chunker.Chunker()
    for name in ("random", "text", "nothing", "zeros"):
        data = INPUTS[name]
        lengths = [*cutter.push(data[:50_000]), *cutter.push(bytearray(data[50_000:]))]
        last = cutter.finish()
        assert ([*lengths, last] if last else lengths) == literal_lengths(data)
        assert cutter.finish() is None


def test_cut_points_are_ends_and_cut_many_does_several(implementation: ModuleType) -> None:
    """Ends are the running sums of the lengths; a batch gives what single calls give."""
    expected = []
    for data in INPUTS.values():
        end = 0
        expected.append([end := end + length for length in literal_lengths(data)])

    assert [chunker.cut_points(data) for data in INPUTS.values()] == expected
    assert chunker.cut_many(tuple(INPUTS.values())) == expected
    assert implementation.cut_many(list(INPUTS.values())) == expected
    assert chunker.cut_many([]) == []


def test_a_state_that_cannot_be_is_refused(implementation: ModuleType) -> None:
    """An open chunk never has the maximum already."""
    with pytest.raises(ValueError, match="maximum"):
        implementation.scan(b"x", 131_072, 0)


def test_sizes_are_those_of_the_format() -> None:
    """The three sizes are part of the format."""
    assert (chunker.MIN_SIZE, chunker.TARGET_SIZE, chunker.MAX_SIZE) == (8192, 65_536, 131_072)


# The published Xet rules, written down again as an oracle: hf_xet knows nothing of this project.

CHUNK_KEY = bytes.fromhex("6697f5775b9550de3135cbaca597181c9de421109beb2b58b4d0b04b93adf229")
NODE_KEY = bytes.fromhex("017ec5c7a5472996fd946666b48a02e65ddd536f37c76dd2f86352e64a53713f")


def xet_text(digest: bytes) -> str:
    """Print four little-endian words."""
    return "".join(f"{int.from_bytes(digest[i : i + 8], 'little'):016x}" for i in range(0, 32, 8))


def group_sizes(nodes: list[tuple[bytes, int]]) -> Iterator[list[tuple[bytes, int]]]:
    """Split one level into groups of children."""
    while nodes:
        size = min(len(nodes), 9)
        for i in range(2, size):
            if int.from_bytes(nodes[i][0][24:], "little") % 4 == 0:
                size = i + 1
                break
        yield nodes[:size]
        nodes = nodes[size:]


def xet_file_hash(data: bytes) -> str:
    """Compute the Xet hash of a file from our cut points."""
    if not data:
        return "0" * 64
    starts = [0, *chunker.cut_points(data)]
    pieces = [data[start:end] for start, end in pairwise(starts)]
    nodes = [(blake3(piece, key=CHUNK_KEY).digest(), len(piece)) for piece in pieces]
    while len(nodes) > 1:
        groups = list(group_sizes(nodes))
        texts = ["".join(f"{xet_text(digest)} : {size}\n" for digest, size in group) for group in groups]
        nodes = [
            (blake3(text.encode(), key=NODE_KEY).digest(), sum(size for _, size in group))
            for text, group in zip(texts, groups, strict=True)
        ]
    return xet_text(blake3(nodes[0][0], key=bytes(32)).digest())


def test_xet_file_hashes_over_our_chunks_are_those_of_hf_xet(tmp_path: Path) -> None:
    """An independent implementation gives the same file hash, so every cut of these files is the same."""
    hf_xet = pytest.importorskip("hf_xet")
    contents = [*INPUTS.values(), random.Random(9).randbytes(9_000_000), bytes(3 << 20)]
    paths = []
    for i, content in enumerate(contents):
        paths.append(str(tmp_path / str(i)))
        Path(paths[-1]).write_bytes(content)

    results = hf_xet.hash_files(paths)

    assert [xet_file_hash(content) for content in contents] == [result.hash for result in results]


def test_the_page_states_table_and_example() -> None:
    """The constants, the checksum of the table and the worked example of the format page hold."""
    page = PAGE.read_text(encoding="utf-8")
    words = b"".join(value.to_bytes(8, "little") for value in TABLE)
    assert f"`{blake3(words).hexdigest()}`" in page
    blocks = re.findall(r"```json\n(.*?)```", page, re.DOTALL)
    example = json.loads(blocks[0])
    data = b"".join(b"%d\n" % i for i in range(example["lines"]))
    assert len(data) == example["size"]
    assert literal_lengths(data) == example["chunk_lengths"]
    ends = chunker.cut_points(data)
    assert ends == example["cut_points"]
    assert [blake3(data[a:b]).hexdigest() for a, b in zip([0, *ends], ends, strict=False)] == example[
        "chunk_ids"
    ]
