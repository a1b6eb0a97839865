"""What it would save to store chunks as differences: `python -m benchmarks.differences OLD NEW --width 4`.

For each way: stored bytes as a share of the raw ones, and seconds of one processor for a gigabyte, there
and back. A chunk's counterpart is what lies at the same distance from the end of the older file.
"""

import argparse
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import zstandard

from tether.core.chunker import cut_points
from tether.core.compression import Compressor, decompress
from tether.core.digest import hash_bytes
from tether.core.planes import Mode, Shape, decode, encode

Pack = Callable[[bytes, bytes], bytes]
Unpack = Callable[[bytes, bytes], bytes]


class Way(NamedTuple):
    """A way to store a chunk, given its counterpart too."""

    name: str
    pack: Pack
    unpack: Unpack


def xor(left: bytes, right: bytes) -> bytes:
    """Return the bits in which two chunks differ."""
    return (np.frombuffer(left, np.uint8) ^ np.frombuffer(right, np.uint8)).tobytes()


def rising(data: bytes, width: int, lead: int) -> np.ndarray:
    """Return floating-point numbers as integers in the same order."""
    words = np.frombuffer(data[lead : len(data) - (len(data) - lead) % width], f"<u{width}")
    top = words.dtype.type(1 << (8 * width - 1))
    return np.where(words & top, ~words, words | top)


def falling(words: np.ndarray, width: int) -> bytes:
    """Undo `rising`."""
    top = words.dtype.type(1 << (8 * width - 1))
    return np.where(words & top, words ^ top, ~words).astype(f"<u{width}").tobytes()


def subtracted(new: bytes, old: bytes, width: int, lead: int) -> bytes:
    """Return the steps from old numbers to new ones, small ones near zero whatever their sign."""
    step = rising(new, width, lead) - rising(old, width, lead)
    signed = step.view(f"<i{width}")
    folded = (step << 1) ^ (signed >> (8 * width - 1)).view(step.dtype)
    end = len(new) - (len(new) - lead) % width
    return new[:lead] + folded.tobytes() + new[end:]


def added(folded: bytes, old: bytes, width: int, lead: int) -> bytes:
    """Undo `subtracted`."""
    end = len(old) - (len(old) - lead) % width
    steps = np.frombuffer(folded[lead:end], f"<u{width}")
    step = (steps >> 1) ^ (-(steps & 1).astype(f"<i{width}")).view(steps.dtype)
    return folded[:lead] + falling(rising(old, width, lead) + step, width) + folded[end:]


def planes(
    width: int, level: int, lead: int
) -> tuple[Callable[[bytes], bytes], Callable[[bytes, int], bytes]]:
    """Return how planes are packed with a level of zstd, and how that is undone."""
    packer = zstandard.ZstdCompressor(level)

    def pack_plane(plane: bytes, _: bool) -> tuple[Mode, bytes]:
        stored = packer.compress(plane)
        return (Mode.ZSTD, stored) if len(stored) < len(plane) else (Mode.PLAIN, plane)

    shape = Shape(width, False)
    return (
        lambda data: encode(data, shape, lead, pack_plane),
        lambda stored, size: decode(stored, shape, size),
    )


def ways(width: int, lead: int) -> Iterator[Way]:
    """Yield all ways for numbers of a width that begin at an offset of the chunk."""
    for level in ("default", "smallest"):
        yield _as_now(level)
    dictionary = "zstd -3, counterpart as dictionary"
    yield Way(
        dictionary, lambda new, old: _with(old).compress(new), lambda got, old: _from(old).decompress(got)
    )
    for level in ("default", "smallest"):
        yield _xor_as_now(level)
    for level in (1, 3, 9):
        pack, unpack = planes(width, level, lead)
        yield Way(
            f"xor, planes, zstd -{level}",
            lambda new, old, pack=pack: pack(xor(new, old)),
            lambda got, old, unpack=unpack: xor(unpack(got, len(old)), old),
        )
        yield Way(
            f"subtraction, planes, zstd -{level}",
            lambda new, old, pack=pack: pack(subtracted(new, old, width, lead)),
            lambda got, old, unpack=unpack: added(unpack(got, len(old)), old, width, lead),
        )


def _as_now(level: str) -> Way:
    compressor = Compressor(level)
    hint = compressor.choose(b"\x80\x00\x00\x00", b"x.safetensors")

    def pack(new: bytes, _: bytes) -> bytes:
        codec, stored = compressor.compress(new, hint)
        return bytes([codec]) + stored

    return Way(f"as now, {level}", pack, lambda got, old: decompress(got[0], memoryview(got)[1:], len(old)))


def _xor_as_now(level: str) -> Way:
    way = _as_now(level)
    return Way(
        f"xor, {way.name}",
        lambda new, old: way.pack(xor(new, old), old),
        lambda got, old: xor(way.unpack(got, old), old),
    )


def _with(old: bytes) -> zstandard.ZstdCompressor:
    dictionary = zstandard.ZstdCompressionDict(old, dict_type=zstandard.DICT_TYPE_RAWCONTENT)
    return zstandard.ZstdCompressor(3, dict_data=dictionary)


def _from(old: bytes) -> zstandard.ZstdDecompressor:
    return zstandard.ZstdDecompressor(
        dict_data=zstandard.ZstdCompressionDict(old, dict_type=zstandard.DICT_TYPE_RAWCONTENT)
    )


def pairs(old: bytes, new: bytes, every: int) -> tuple[list[tuple[int, bytes, bytes]], int, int]:
    """Return every n-th new chunk with its start and counterpart, bytes of known chunks, and all bytes."""
    ends = cut_points(old)
    known = {hash_bytes(old[a:b]) for a, b in zip([0, *ends], ends, strict=False)}
    ends, shift, found, same = cut_points(new), len(old) - len(new), [], 0
    for start, end in zip([0, *ends], ends, strict=False):
        if hash_bytes(new[start:end]) in known:
            same += end - start
        elif start + shift >= 0:
            found.append((start, new[start:end], old[start + shift : end + shift]))
    return found[::every], same, len(new)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.differences", description=__doc__)
    parser.add_argument("old", type=Path)
    parser.add_argument("new", type=Path)
    parser.add_argument("--width", type=int, default=4, help="bytes of a number (default 4)")
    parser.add_argument("--every", type=int, default=8, help="measure every n-th chunk (default 8)")
    options = parser.parse_args()
    found, same, size = pairs(options.old.read_bytes(), options.new.read_bytes(), options.every)
    raw = sum(len(new) for _, new, _ in found)
    print(f"{size:,} bytes, {same / size:.1%} in chunks of the older file; {raw:,} bytes measured")
    print(f"{'way':40} {'stored':>7} {'s/GB to':>8} {'s/GB from':>9}")
    for number in range(len(list(ways(options.width, 0)))):
        stored, to, back = measured(found, options.width, len(options.new.read_bytes()), number)
        name = list(ways(options.width, 0))[number].name
        print(f"{name:40} {stored / raw:7.1%} {to / raw * 1e9:8.1f} {back / raw * 1e9:9.1f}")


def measured(
    found: list[tuple[int, bytes, bytes]], width: int, size: int, number: int
) -> tuple[int, float, float]:
    """Return bytes and processor seconds to and from, of one way over all chunks."""
    by_lead = {lead: list(ways(width, lead))[number] for lead in range(width)}
    shared = by_lead[0]
    stored, to, back = 0, 0.0, 0.0
    for start, new, old in found:
        way = shared if shared.name.startswith(("as now", "xor, as now")) else by_lead[(size - start) % width]
        begin = time.process_time()
        packed = way.pack(new, old)
        middle = time.process_time()
        assert way.unpack(packed, old) == new
        stored, to, back = stored + len(packed), to + middle - begin, back + time.process_time() - middle
    return stored, to, back


if __name__ == "__main__":
    main()
