"""Large files on their way in: read ahead, cut, hashed and compressed by threads, in order.

Four things happen to each byte of a stream, each at a thread of its own: it is read, cut, hashed with its
file, and hashed and compressed with its chunk. Memory is that of a few segments whatever the size.
"""

from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from itertools import accumulate, pairwise
from typing import NamedTuple

from blake3 import blake3

from tether.core.chunker import MAX_SIZE, Chunker
from tether.core.compression import Codec, Hint
from tether.core.digest import Buffer, Digest, hash_many
from tether.core.kinds import ObjectKind
from tether.core.outline import FAST, Outline, OutlineHasher
from tether.core.recipe import ChunkList
from tether.repo.frames import DATA, Batch
from tether.repo.session import WriteSession

SEGMENT = 4 << 20
_WORKERS = 2
_HEAD = 64 << 10
_TOGETHER = 8
"""Chunks that are hashed and compressed one after the other, while they are in the processor's cache."""

ReadInto = Callable[[memoryview], int]
"""Fills a buffer from its start and returns how many bytes it gave; 0 at the end."""


@dataclass(frozen=True, slots=True)
class StoredStream:
    """What became of one stream."""

    digest: Digest
    size: int
    chunks: ChunkList
    outline: Outline | None


class StreamWriter:
    """Stores the chunks of streams in a write session, one stream after the other."""

    def __init__(self, session: WriteSession) -> None:
        self._session = session
        self._reading = ThreadPoolExecutor(1, "read")
        self._hashing = ThreadPoolExecutor(1, "hash")
        self._packing = ThreadPoolExecutor(_WORKERS, "pack")
        self._spare: list[bytearray] = []

    def add(self, read_into: ReadInto, name: bytes) -> StoredStream:
        """Store the chunks of a stream; its recipe is the caller's.

        When this returns or raises, `read_into` is not called any more.
        """
        stream = _Stream(name)
        ahead = self._reading.submit(self._read, read_into)
        left = b""
        try:
            while True:
                buffer, count = ahead.result()
                if count == SEGMENT:
                    ahead = self._reading.submit(self._read, read_into)
                left = self._cut(stream, left, buffer, count)
                if count < SEGMENT:
                    break
            self._drain(stream, 0)
        finally:
            wait([ahead])
        chunks = ChunkList(bytes(stream.digests), tuple(stream.sizes))
        hasher = stream.hasher
        outline = hasher.outline() if isinstance(hasher, OutlineHasher) else None
        digest = outline.digest() if outline is not None else Digest(hasher.digest())
        return StoredStream(digest, stream.size, chunks, outline)

    def close(self) -> None:
        """Stop the threads."""
        for pool in (self._reading, self._hashing, self._packing):
            pool.shutdown(cancel_futures=True)

    def _read(self, read_into: ReadInto) -> tuple[bytearray, int]:
        """Return a buffer and how many bytes were read behind the room for what is left of the one before."""
        buffer = self._spare.pop() if self._spare else bytearray(MAX_SIZE + SEGMENT)
        view, filled = memoryview(buffer)[MAX_SIZE:], 0
        while filled < SEGMENT and (count := read_into(view[filled:])):
            filled += count
        return buffer, filled

    def _cut(self, stream: "_Stream", left: bytes, buffer: bytearray, count: int) -> bytes:
        """Cut what was read and hand it on; return the bytes of the chunk that is not complete."""
        view, start = memoryview(buffer), MAX_SIZE - len(left)
        view[start:MAX_SIZE] = left
        new = view[MAX_SIZE : MAX_SIZE + count]
        if FAST and count == SEGMENT and not stream.size:
            stream.hasher = OutlineHasher()
        hashed = self._hashing.submit(stream.hasher.update, new)
        stream.size += count
        lengths = stream.chunker.push(new)
        if count < SEGMENT and (last := stream.chunker.finish()):
            lengths = [*lengths, last]
        end = start + sum(lengths)
        if stream.hint is None:
            stream.hint = self._session.compressor.choose(bytes(new[:_HEAD]), stream.name)
        segment = _Segment(view[start:end], lengths, stream.hint)
        stream.pending.append((buffer, hashed, self._packing.submit(segment.pack, self._session)))
        self._drain(stream, _WORKERS)
        return bytes(view[end : MAX_SIZE + count])

    def _drain(self, stream: "_Stream", keep: int) -> None:
        """Append finished segments in the order of the file until at most `keep` are under way."""
        while len(stream.pending) > keep:
            buffer, hashed, packing = stream.pending.popleft()
            packed = packing.result()
            stream.digests += packed.digests
            stream.sizes += packed.lengths
            self._session.append_batch(DATA, packed.fresh)
            hashed.result()
            self._spare.append(buffer)


@dataclass(slots=True)
class _Stream:
    """What is known of one large file so far."""

    name: bytes
    size: int = 0
    hasher: blake3 | OutlineHasher = field(default_factory=blake3)
    """One that makes an outline where there is more than one segment."""
    chunker: Chunker = field(default_factory=Chunker)
    hint: Hint | None = None
    digests: bytearray = field(default_factory=bytearray)
    sizes: list[int] = field(default_factory=list)
    pending: "deque[tuple[bytearray, Future[blake3 | None], Future[_Packed]]]" = field(default_factory=deque)


class _Packed(NamedTuple):
    """The chunks of a segment."""

    digests: bytes
    """One after the other."""
    lengths: Sequence[int]
    fresh: Batch
    """Those that are new."""


@dataclass(frozen=True, slots=True)
class _Segment:
    """Whole chunks, one after the other."""

    data: memoryview
    lengths: Sequence[int]
    hint: Hint

    def pack(self, session: WriteSession) -> _Packed:
        """Hash the chunks and compress the new ones; runs in a worker."""
        ends = list(accumulate(self.lengths, initial=0))
        pieces = [self.data[start:end] for start, end in pairwise(ends)]
        digests: list[Digest] = []
        new: list[int] = []
        stored: list[tuple[Codec, Buffer]] = []
        for first in range(0, len(pieces), _TOGETHER):
            some = pieces[first : first + _TOGETHER]
            digests += hash_many(some)
            fresh = session.unknown(digests[first:])
            stored += session.compressor.compress_batch([some[at] for at in fresh], self.hint)
            new += [first + at for at in fresh]
        batch = Batch(
            ObjectKind.CHUNK,
            [digests[at] for at in new],
            # A chunk kept raw is a view on the segment's buffer, which is used again.
            [bytes(data) for _, data in stored],
            bytes(codec for codec, _ in stored),
            [self.lengths[at] for at in new],
        )
        return _Packed(b"".join(digests), self.lengths, batch)
