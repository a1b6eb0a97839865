"""Contents on their way in: cut, hash, look up, compress, append.

Small files come in batches and are worked on one after the other; a large file is a stream.
"""

from collections.abc import Sequence
from io import BytesIO

from tether.core.chunker import MIN_SIZE, cut_many
from tether.core.digest import EMPTY_FILE, Buffer, Digest, hash_bytes, hash_many
from tether.core.hints import Hint, all_packed
from tether.core.kinds import ObjectKind
from tether.core.recipe import PAGE_CHUNKS, ChunkList, Recipe, encode_page
from tether.repo.frames import DATA, Stored
from tether.repo.session import WriteSession
from tether.repo.streams import ReadInto, StoredStream, StreamWriter

SMALL_FILE = 1 << 20
_HEAD = 512


class ContentWriter:
    """Stores file contents in a write session and gives back their digests."""

    def __init__(self, session: WriteSession) -> None:
        self._session = session
        self._streams: StreamWriter | None = None

    def add_files(self, contents: Sequence[bytes], names: Sequence[bytes] = ()) -> list[Digest]:
        """Store whole small files (at most `SMALL_FILE` bytes each) and return their digests in order.

        Args:
            contents: The bytes of the files.
            names: Their names, which help to choose a codec.
        """
        session = self._session
        digests = hash_many(contents)
        fresh = [i for i in session.unknown(digests) if digests[i] != EMPTY_FILE]
        longer = [i for i in fresh if len(contents[i]) > MIN_SIZE]
        cuts = dict(zip(longer, cut_many([contents[i] for i in longer]), strict=True))
        plain: dict[Digest, bytes] = {}
        for i, packed in zip(fresh, all_packed([contents[i] for i in fresh]), strict=True):
            ends = cuts.get(i, ())
            if packed and len(ends) <= 1:
                plain[digests[i]] = contents[i]
            else:
                hint = session.compressor.choose(contents[i][:_HEAD], names[i] if names else b"")
                self._add_small(digests[i], contents[i], ends, hint)
        session.append_raw(DATA, ObjectKind.CHUNK, plain)
        return digests

    def add(self, data: bytes, name: bytes = b"") -> Digest:
        """Store a whole content of any size that is in memory; see `add_stream`."""
        if len(data) <= SMALL_FILE:
            return self.add_files([data], [name])[0]
        return self.add_stream(BytesIO(data).readinto, name)[0]

    def add_stream(self, read_into: ReadInto, name: bytes = b"") -> tuple[Digest, int]:
        """Store a file of any size.

        Args:
            read_into: Fills the buffer from its start and returns how many bytes it gave; 0 at the end.
            name: The file's name, which helps to choose a codec.

        Returns:
            The digest of the content and its length in bytes.
        """
        if self._streams is None:
            self._streams = StreamWriter(self._session)
        stored = self._streams.add(read_into, name)
        self._store_recipe(stored)
        return stored.digest, stored.size

    def flush(self) -> None:
        """Begin to make durable what was taken in: the caller has work to do before the transaction ends."""
        self._session.flush(DATA)

    def close(self) -> None:
        """Stop the workers."""
        if self._streams is not None:
            self._streams.close()

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

    def _store_recipe(self, stored: StoredStream) -> None:
        whole, put = stored.chunks, self._session.put_named
        count = len(whole.lengths)
        if count <= 1:
            return
        if count <= PAGE_CHUNKS:
            recipe = Recipe(stored.size, whole, outline=stored.outline)
            put(ObjectKind.RECIPE, stored.digest, recipe.encode(stored.digest))
            return
        pages, starts, offset = [], [], 0
        for first in range(0, count, PAGE_CHUNKS):
            sizes = whole.lengths[first : first + PAGE_CHUNKS]
            page = ChunkList(whole.digests[32 * first : 32 * (first + len(sizes))], sizes)
            pages.append(self._session.put(ObjectKind.RECIPE_PAGE, encode_page(page)))
            starts.append(offset)
            offset += sum(sizes)
        recipe = Recipe(stored.size, None, tuple(pages), tuple(starts), stored.outline)
        put(ObjectKind.RECIPE, stored.digest, recipe.encode(stored.digest))
