"""Contents on their way in: cut, hash, look up, compress, append.

Small files come in batches and are worked on one after the other; a large file is streamed in
segments whose chunks are hashed and compressed by a pool, in order and in bounded memory.
"""

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field

from blake3 import blake3

from tether.core.chunker import MIN_SIZE, Chunker, cut_many
from tether.core.compression import Codec, Compressor, Hint
from tether.core.digest import EMPTY_FILE, Buffer, Digest, hash_bytes
from tether.core.kinds import ObjectKind
from tether.core.recipe import PAGE_CHUNKS, ChunkList, Recipe, encode_page
from tether.repo.frames import DATA, Stored
from tether.repo.session import WriteSession

SMALL_FILE = 1 << 20
SEGMENT = 8 << 20
_WORKERS = 2

Packed = list[tuple[Digest, int, tuple[int, Buffer] | None]]
"""Of each chunk: digest, length, and (codec, stored bytes) when it is new."""


class ContentWriter:
    """Stores file contents in a write session and gives back their digests."""

    def __init__(self, session: WriteSession) -> None:
        self._session = session
        self._pool: ThreadPoolExecutor | None = None
        self._spare: list[bytearray] = []

    def add_files(self, contents: Sequence[Buffer], names: Sequence[bytes] = ()) -> list[Digest]:
        """Store whole small files (at most `SMALL_FILE` bytes each) and return their digests in order.

        Args:
            contents: The bytes of the files.
            names: Their names, which help to choose a codec.
        """
        session = self._session
        digests = [hash_bytes(data) for data in contents]
        fresh = [i for i, digest in enumerate(digests) if digest != EMPTY_FILE and not session.known(digest)]
        longer = [i for i in fresh if len(contents[i]) > MIN_SIZE]
        cuts = dict(zip(longer, cut_many([bytes(contents[i]) for i in longer]), strict=True))
        for i in fresh:
            hint = session.compressor.choose(bytes(contents[i][:512]), names[i] if names else b"")
            self._add_small(digests[i], contents[i], cuts.get(i, ()), hint)
        return digests

    def add_stream(self, read_into: Callable[[memoryview], int], name: bytes = b"") -> tuple[Digest, int]:
        """Store a file of any size.

        Args:
            read_into: Fills the buffer from its start and returns how many bytes it gave; 0 at the end.
            name: The file's name, which helps to choose a codec.

        Returns:
            The digest of the content and its length in bytes.
        """
        stream = _Stream(name, self._session)
        for segment, length in self._segments(stream, read_into):
            self._submit(stream, segment, length)
        self._drain(stream, 0)
        digest = Digest(stream.hasher.digest())
        if stream.size:
            self._store_recipe(digest, stream)
        return digest, stream.size

    def close(self) -> None:
        """Stop the workers."""
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)

    def _add_small(self, digest: Digest, data: Buffer, ends: Sequence[int], hint: Hint) -> None:
        session = self._session
        if len(ends) <= 1:
            codec, stored = session.compressor.compress(data, hint)
            session.append(DATA, Stored(ObjectKind.CHUNK, codec, len(data), digest, stored))
            return
        view, start = memoryview(data), 0
        chunks: list[tuple[Digest, int]] = []
        for end in ends:
            piece = view[start:end]
            chunks.append((hash_bytes(piece), end - start))
            if not session.known(chunks[-1][0]):
                codec, stored = session.compressor.compress(piece, hint)
                session.append(DATA, Stored(ObjectKind.CHUNK, codec, end - start, chunks[-1][0], stored))
            start = end
        listed = ChunkList(b"".join(d for d, _ in chunks), tuple(n for _, n in chunks))
        session.put_named(ObjectKind.RECIPE, digest, Recipe(len(data), listed).encode(digest))

    def _segments(
        self, stream: "_Stream", read_into: Callable[[memoryview], int]
    ) -> Iterator[tuple[bytearray, int]]:
        """Yield (buffer, used bytes): what was left of the segment before, then newly read bytes."""
        left = b""
        while True:
            buffer = self._spare.pop() if self._spare else bytearray(SEGMENT + (256 << 10))
            view = memoryview(buffer)
            view[: len(left)] = left
            filled = len(left)
            while filled < len(left) + SEGMENT:
                count = read_into(view[filled : len(left) + SEGMENT])
                if count == 0:
                    break
                filled += count
            new = view[len(left) : filled]
            stream.hasher.update(new)
            stream.size += len(new)
            lengths = stream.chunker.push(new)
            ended = filled < len(left) + SEGMENT
            if ended and (last := stream.chunker.finish()):
                lengths = [*lengths, last]
            stream.lengths = lengths
            used = sum(lengths)
            left = bytes(view[used:filled])
            yield buffer, used
            if ended:
                return

    def _submit(self, stream: "_Stream", buffer: bytearray, used: int) -> None:
        if not used:
            self._spare.append(buffer)
            return
        if self._pool is None:
            self._pool = ThreadPoolExecutor(_WORKERS, "pack")
        if stream.hint is None:
            stream.hint = self._session.compressor.choose(bytes(buffer[: 64 << 10]), stream.name)
        work = _Segment(buffer, tuple(stream.lengths), stream.hint)
        stream.pending.append((work, self._pool.submit(work.run, self._session)))
        self._drain(stream, _WORKERS + 1)

    def _drain(self, stream: "_Stream", keep: int) -> None:
        """Append finished segments in file order until at most `keep` are under way."""
        while len(stream.pending) > keep:
            work, future = stream.pending.popleft()
            for digest, length, packed in future.result():
                stream.digests += digest
                stream.sizes.append(length)
                if packed is not None:
                    self._session.append(DATA, Stored(ObjectKind.CHUNK, packed[0], length, digest, packed[1]))
            self._spare.append(work.buffer)

    def _store_recipe(self, digest: Digest, stream: "_Stream") -> None:
        count, put = len(stream.sizes), self._session.put_named
        if count == 1:
            return
        whole = ChunkList(bytes(stream.digests), tuple(stream.sizes))
        if count <= PAGE_CHUNKS:
            put(ObjectKind.RECIPE, digest, Recipe(stream.size, whole).encode(digest))
            return
        pages, starts, offset = [], [], 0
        for first in range(0, count, PAGE_CHUNKS):
            sizes = whole.lengths[first : first + PAGE_CHUNKS]
            page = ChunkList(whole.digests[32 * first : 32 * (first + len(sizes))], sizes)
            pages.append(self._session.put(ObjectKind.RECIPE_PAGE, encode_page(page)))
            starts.append(offset)
            offset += sum(sizes)
        put(ObjectKind.RECIPE, digest, Recipe(stream.size, None, tuple(pages), tuple(starts)).encode(digest))


@dataclass(slots=True)
class _Stream:
    """What is known of one large file so far."""

    name: bytes
    session: WriteSession
    size: int = 0
    hasher: blake3 = field(default_factory=blake3)
    chunker: Chunker = field(default_factory=Chunker)
    lengths: Sequence[int] = ()
    hint: Hint | None = None
    digests: bytearray = field(default_factory=bytearray)
    sizes: list[int] = field(default_factory=list)
    pending: "deque[tuple[_Segment, Future[Packed]]]" = field(default_factory=deque)


@dataclass(frozen=True, slots=True)
class _Segment:
    """Whole chunks, one after the other from the start of a buffer."""

    buffer: bytearray
    lengths: tuple[int, ...]
    hint: Hint

    def run(self, session: WriteSession) -> Packed:
        """Hash the chunks and compress the new ones; runs in a worker."""
        view, start, packed = memoryview(self.buffer), 0, []
        compressor: Compressor = session.compressor
        for length in self.lengths:
            piece = view[start : start + length]
            digest = hash_bytes(piece)
            new = None if session.known(digest) else _detached(*compressor.compress(piece, self.hint))
            packed.append((digest, length, new))
            start += length
        return packed


def _detached(codec: Codec, stored: Buffer) -> tuple[int, Buffer]:
    # A chunk kept raw is a view on the segment's buffer, which is used again.
    return codec, bytes(stored) if isinstance(stored, memoryview) else stored
