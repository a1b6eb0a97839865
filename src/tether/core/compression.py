"""Codecs of chunks and metadata: what is stored instead of the bytes, and how it is undone.

Each chunk is stored by itself with the codec that suits it, found by trial and remembered in a `Hint`.
No damaged or hostile input of `decompress` gives anything but `Corrupt` or bytes of the right length.
"""

from collections.abc import Sequence
from enum import IntEnum
from typing import Final, NamedTuple

from tether.core import planes
from tether.core.digest import Buffer
from tether.core.hints import TEXT, Hint, Method, is_packed, is_text
from tether.core.planes import Mode, Shape
from tether.core.zstd import LARGEST_CONTENT, QUICK, SYMBOLS, FrameWriter, Search, decompress_frame
from tether.errors import Corrupt, InvalidInput

__all__ = ["Codec", "Compressor", "Hint", "decompress", "decompress_joined"]


class Codec(IntEnum):
    """How a frame's bytes are stored; the numbers are part of the pack format."""

    RAW = 0
    ZSTD = 1
    SHUFFLE2_ZSTD = 2
    SHUFFLE4_ZSTD = 3
    SHUFFLE8_ZSTD = 4
    FLOAT2 = 5
    FLOAT4 = 6
    DIFFERENCE = 7
    """Needs other chunks: see `tether.core.difference`. `decompress` refuses it."""


_SHAPES: Final[dict[int, Shape]] = {
    Codec.SHUFFLE2_ZSTD: Shape(2, False),
    Codec.SHUFFLE4_ZSTD: Shape(4, False),
    Codec.SHUFFLE8_ZSTD: Shape(8, False),
    Codec.FLOAT2: Shape(2, True),
    Codec.FLOAT4: Shape(4, True),
}

_CODECS: Final = {
    Method.NARROW2: Codec.FLOAT2,
    Method.NARROW4: Codec.FLOAT4,
    Method.SHUFFLE2: Codec.SHUFFLE2_ZSTD,
    Method.SHUFFLE4: Codec.SHUFFLE4_ZSTD,
    Method.SHUFFLE8: Codec.SHUFFLE8_ZSTD,
    Method.FLOAT2: Codec.FLOAT2,
    Method.FLOAT4: Codec.FLOAT4,
}

_SMALLEST_CHUNK = 32
"""Below this nothing is gained."""

_KNOWN_ENDINGS = 256
_PROBE = 4096
_ALREADY_PACKED: Final = Hint((Method.RAW,))
_NARROWING: Final = (Method.NARROW2, Method.NARROW4)
_SHUFFLING: Final = (Method.SHUFFLE2, Method.SHUFFLE4, Method.SHUFFLE8)


class _Level(NamedTuple):
    """What a level tries, in this order; each must leave less than so much of the best before it."""

    text: Search
    other: Search
    trials: tuple[tuple[Method, float], ...]


_LEVELS: Final = {
    "fast": _Level(QUICK, QUICK, ((Method.NARROW2, 0.95), (Method.NARROW4, 0.95), (Method.ZSTD, 0.8))),
    "default": _Level(
        QUICK,
        QUICK,
        (
            (Method.NARROW2, 0.95),
            (Method.NARROW4, 0.95),
            (Method.ZSTD, 0.9),
            (Method.SHUFFLE2, 0.87),
            (Method.SHUFFLE4, 0.87),
            (Method.SHUFFLE8, 0.87),
        ),
    ),
    "smallest": _Level(Search(15), Search(9), tuple((m, 1.0) for m in Method if m is not Method.RAW)),
}


class Compressor:
    """Compresses chunks, in any number of threads at once.

    Args:
        level: `fast`, `default` or `smallest`.

    Raises:
        InvalidInput: There is no such level.
    """

    def __init__(self, level: str = "default") -> None:
        if level not in _LEVELS:
            raise InvalidInput(f"no such compression: {level!r}", hint="choose fast, default or smallest")
        self._level = _LEVELS[level]
        self._frames = FrameWriter()
        self._hints: dict[tuple[bytes, bool], Hint] = {}

    def choose(self, head: Buffer, name: bytes = b"") -> Hint:
        """Return what is to be tried on a content.

        Args:
            head: Its first bytes; a few hundred will do.
            name: Its name: files of one ending share what was learned from them.
        """
        if is_packed(head):
            return _ALREADY_PACKED
        key = (name.rpartition(b".")[2].lower(), is_text(head))
        hint = self._hints.get(key)
        if hint is None:
            if len(self._hints) >= _KNOWN_ENDINGS:
                self._hints.clear()
            methods = TEXT if key[1] else tuple(method for method, _ in self._level.trials)
            hint = self._hints[key] = Hint(methods)
        return hint

    def compress(self, chunk: Buffer, hint: Hint) -> tuple[Codec, Buffer]:
        """Return the codec and the stored bytes: the chunk itself where nothing makes it smaller."""
        if hint.method is Method.RAW and len(hint.methods) == 1:
            return Codec.RAW, chunk
        if len(chunk) < _SMALLEST_CHUNK:
            return Codec.RAW, chunk
        if hint.wants_trial() or (hint.wants_probe() and hint.drifted(self._probe(chunk))):
            return self._try_all(chunk, hint)
        method = hint.method
        if method is Method.RAW:
            return Codec.RAW, chunk
        stored = self._apply(chunk, method, hint)
        if stored is None:
            return self._try_all(chunk, hint)
        hint.report(len(stored) / len(chunk))
        if len(stored) >= len(chunk):
            return Codec.RAW, chunk
        return _CODECS.get(method, Codec.ZSTD), stored

    def compress_batch(self, chunks: Sequence[Buffer], hint: Hint) -> list[tuple[Codec, Buffer]]:
        """Compress several chunks of one stream, one after the other; a few at a time stay in cache."""
        done = self._narrow(chunks, hint) if hint.method in _NARROWING and hint.lasts(len(chunks)) else []
        return done + [self.compress(chunk, hint) for chunk in chunks[len(done) :]]

    def _narrow(self, chunks: Sequence[Buffer], hint: Hint) -> list[tuple[Codec, Buffer]]:
        """Compress chunks by the method that won the last trial, up to one that it does not fit."""
        codec = _CODECS[hint.method]
        if not chunks or hint.drifted(self._probe(chunks[0])):
            return []
        done: list[tuple[Codec, Buffer]] = []
        for chunk, stored in zip(chunks, planes.pack_floats(chunks, _SHAPES[codec].width), strict=True):
            if stored is None:
                break
            done.append((codec, stored))
            hint.report(len(stored) / len(chunk))
        hint.skip(len(done))
        return done

    def _try_all(self, chunk: Buffer, hint: Hint) -> tuple[Codec, Buffer]:
        best, method = chunk, Method.RAW
        for candidate, needed in self._level.trials:
            stored = self._apply(chunk, candidate, hint)
            if stored is not None and len(stored) < needed * len(best):
                best, method = stored, candidate
        if method in _SHUFFLING:
            best = self._try_every_plane(chunk, method, hint, best)
        hint.settle(method, len(best) / len(chunk), self._probe(chunk))
        if method is Method.RAW:
            return Codec.RAW, chunk
        return _CODECS.get(method, Codec.ZSTD), best

    def _probe(self, chunk: Buffer) -> float:
        """Return how small a piece of a chunk gets: cheap, and another for another kind of content."""
        middle = len(chunk) // 2
        piece = chunk[max(0, middle - _PROBE // 2) : middle + _PROBE // 2]
        return len(self._frames.compress(piece, QUICK)) / len(piece)

    def _try_every_plane(self, chunk: Buffer, method: Method, hint: Hint, best: Buffer) -> Buffer:
        """See whether planes of even distribution repeat, as counters do."""
        before = hint.every_plane
        hint.every_plane = not before
        other = self._apply(chunk, method, hint)
        if other is None or len(other) >= len(best):
            hint.every_plane = before
            return best
        return other

    def _apply(self, chunk: Buffer, method: Method, hint: Hint) -> bytes | None:
        """Return the chunk stored by one method, None where the method does not fit it."""
        if method is Method.ZSTD:
            return self._frames.compress(
                chunk, self._level.text if hint.methods is TEXT else self._level.other
            )
        shape = _SHAPES[_CODECS[method]]
        if method in _NARROWING:
            return planes.pack_floats([chunk], shape.width)[0]
        lead = planes.float_lead(chunk, shape.width) if shape.rotated else 0
        if lead < 0:
            return None
        return planes.encode(
            chunk,
            shape,
            lead,
            lambda plane, _: self._pack_plane(plane, hint.every_plane and not shape.rotated),
        )

    def _pack_plane(self, plane: bytes, every: bool) -> tuple[Mode, bytes]:
        if not every and planes.looks_flat(plane):
            return Mode.PLAIN, plane
        stored = self._frames.compress(plane, SYMBOLS)
        return (Mode.ZSTD, stored) if len(stored) < len(plane) else (Mode.PLAIN, plane)


def decompress(codec: int, stored: Buffer, raw_length: int) -> bytes:
    """Return the bytes of a chunk or of metadata.

    Args:
        codec: How it is stored.
        stored: The stored bytes.
        raw_length: How many bytes it must give; no more memory than a few times this is used.

    Raises:
        Corrupt: The codec is unknown, or the stored bytes are not such a chunk.
    """
    if not 0 <= raw_length <= LARGEST_CONTENT:
        raise Corrupt(f"a frame states {raw_length} bytes, more than any has")
    if codec == Codec.RAW:
        if len(stored) != raw_length:
            raise Corrupt("a raw frame has another length")
        return bytes(stored)
    if codec == Codec.ZSTD:
        return decompress_frame(stored, raw_length)
    shape = _SHAPES.get(codec)
    if shape is None:
        raise Corrupt(f"unknown codec {codec}")
    return planes.decode(stored, shape, raw_length)


def decompress_joined(block: Buffer, frames: list[tuple[int, int, int, int]]) -> bytes:
    """Return chunks of one block, one after the other.

    Args:
        block: Holds the stored bytes of all of them.
        frames: Of each chunk: codec, start in the block, stored length, raw length (bytes).

    Raises:
        Corrupt: As `decompress`.
    """
    joined = planes.unpack_chunks(block, frames, sum(raw for _, _, _, raw in frames))
    if joined is not None:
        return joined
    view = memoryview(block)
    return b"".join(
        [decompress(codec, view[start : start + stored], raw) for codec, start, stored, raw in frames]
    )
