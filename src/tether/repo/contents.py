"""Contents on their way out: whole, by range or in batches, every byte verified."""

from collections.abc import Iterator, Sequence
from itertools import chain
from typing import TYPE_CHECKING, NamedTuple, Protocol

from blake3 import blake3

from tether.core.ahead import ahead
from tether.core.digest import EMPTY_FILE, Buffer, Digest
from tether.core.kinds import ObjectKind
from tether.core.outline import Outline
from tether.core.recipe import ChunkList, Recipe, decode_page, decode_recipe
from tether.core.tree import split_digests
from tether.errors import Corrupt, InvalidInput, NotFound
from tether.repo.delta import Pages
from tether.repo.objectdb import ObjectDb
from tether.repo.packindex import Place
from tether.repo.seeking import SeekableFile

if TYPE_CHECKING:
    from concurrent.futures import ThreadPoolExecutor

SEGMENT = 4 << 20
_GROUP = 64
"""Chunks that are read and unpacked at a time."""
_THREADS = 2
_AHEAD = 3


class Elsewhere(Protocol):
    """Knows of contents that are not here on purpose."""

    @property
    def waiting(self) -> bool:
        """Whether there are contents that come when they are first read."""
        ...

    def remote_of(self, digest: Digest) -> str | None:
        """Return the remote that has a content; None where none is known."""
        ...

    def bring(self, digests: Sequence[Digest]) -> bool:
        """Bring those of some contents that come when they are first read; say whether any came.

        Raises:
            Unavailable: The remote that has them cannot be reached.
        """
        ...


def _unpackers() -> "ThreadPoolExecutor":
    """Return threads that read and unpack: few contents are long enough to wait for their import."""
    from concurrent.futures import ThreadPoolExecutor

    return ThreadPoolExecutor(_THREADS, "unpack")


class _Piece(NamedTuple):
    """Chunks of a file from a known offset on."""

    start: int
    chunks: ChunkList


class _Group(NamedTuple):
    """Neighbouring chunks of a file from a known offset on."""

    start: int
    digests: list[Digest]
    lengths: Sequence[int]


class ContentReader:
    """Reads file contents by digest. Ranges are verified by chunk, whole files by their own digest too.

    Args:
        objects: Has the contents.
        elsewhere: Knows, and may bring, those that are not here; None where nothing is expected elsewhere.
    """

    def __init__(self, objects: ObjectDb, elsewhere: "Elsewhere | None" = None) -> None:
        self._objects, self._elsewhere = objects, elsewhere

    def size(self, digest: Digest) -> int:
        """Return the length of a file in bytes.

        Raises:
            NotFound: The content is not here.
        """
        if digest == EMPTY_FILE:
            return 0
        frame = self._objects.frame(digest)
        if frame is None and self._brought([digest]):
            frame = self._objects.frame(digest)
        if frame is None:
            raise self._lacking(digest)
        return frame.raw if frame.kind == ObjectKind.CHUNK else self._recipe(digest).size

    def read(self, digest: Digest, offset: int = 0, length: int | None = None) -> bytes:
        """Return the whole content, or `length` bytes from `offset` (fewer at the end).

        Raises:
            NotFound: The content is not here.
            Corrupt: It is damaged.
        """
        if length is not None and length < 0:
            raise InvalidInput("a length is negative")
        return b"".join(self.stream(digest, offset, None if length is None else offset + length))

    def stream(self, digest: Digest, start: int = 0, stop: int | None = None) -> Iterator[bytes]:
        """Yield the content in pieces; of the whole, the last is given only when its digest is right.

        Args:
            digest: Of the content.
            start: Offset of the first byte.
            stop: Offset behind the last one; None is the end. Each chunk of a part is verified, no more.

        Raises:
            NotFound: The content is not here.
            Corrupt: It is damaged.
            InvalidInput: An offset is negative.
        """
        if start < 0 or (stop is not None and stop < 0):
            raise InvalidInput("an offset is negative")
        if digest == EMPTY_FILE:
            return
        size = self.size(digest)
        end = size if stop is None else min(stop, size)
        if start == 0 and end == size:
            yield from self._whole(digest, size)
        elif start < end:
            yield from self._range(digest, start, end)

    def _whole(self, digest: Digest, size: int) -> Iterator[bytes]:
        hasher, held = blake3(), b""
        for data in self._range(digest, 0, size):
            hasher.update(data)
            if held:
                yield held
            held = data
        if hasher.digest() != digest:
            raise Corrupt(f"content {digest.hex()[:12]} is damaged", hint="run 'tether fsck'")
        yield held

    def segments(self, digest: Digest, group: int = _GROUP) -> Iterator[bytes]:
        """Yield the content in large pieces that count only when the iteration ends without an error.

        Faster than `stream`: each byte is hashed once, with the file, and not with its chunk as well.

        Args:
            digest: Names it.
            group: Chunks that are read at a time; some groups are in memory at once.

        Raises:
            NotFound: The content is not here.
            Corrupt: What was yielded is not the content.
        """
        if self.size(digest) <= SEGMENT:
            yield from self.stream(digest)
            return
        hasher = blake3()
        groups = self._groups(digest, 0, self.size(digest), group)
        with _unpackers() as pool:
            for segment in ahead(pool, self._joined, groups, _AHEAD):
                hasher.update(segment)
                yield segment
        if hasher.digest() != digest:
            raise Corrupt(f"content {digest.hex()[:12]} is damaged", hint="run 'tether fsck'")

    def small_batches(self, items: Sequence[tuple[Digest, int]]) -> Iterator[list[tuple[int, bytes]]]:
        """Yield batches of (index into `items`, whole content) in the order in which they lie in the packs.

        Args:
            items: Digest and size of files of at most `SMALL_FILE` bytes each.

        Raises:
            NotFound: A content is not here.
            Corrupt: A content is damaged or has another size.
        """
        wanted: dict[Digest, list[int]] = {}
        for i, (digest, _) in enumerate(items):
            wanted.setdefault(digest, []).append(i)
        empty = wanted.pop(EMPTY_FILE, [])
        if empty:
            yield [(i, b"") for i in empty]
        single, several = self._sorted_out(list(wanted))
        for batch in self._objects.scan_places(ObjectKind.CHUNK, single):
            yield [(i, _sized(data, items[i])) for digest, data in batch for i in wanted[digest]]
        for digest in several:
            data = self.read(digest)
            yield [(i, _sized(data, items[i])) for i in wanted[digest]]

    @property
    def is_partial(self) -> bool:
        """Whether some contents come only when they are read."""
        return self._elsewhere is not None and self._elsewhere.waiting

    def prepare(self, digests: Sequence[Digest]) -> None:
        """Bring in one go those of some contents that would come one by one when they are read.

        Raises:
            Unavailable: The remote that has them cannot be reached.
        """
        if self.is_partial:
            places = self._objects.find_many(digests)
            self._brought([digest for digest, at in zip(digests, places, strict=True) if at is None])

    def open(self, digest: Digest) -> "ContentFile":
        """Return a seekable binary file over the content; nothing is read before it is asked for."""
        return ContentFile(self, digest, self.size(digest))

    def chunks(self, digest: Digest) -> Iterator[Digest]:
        """Yield the digests of the chunks of a file, in order."""
        place = self._objects.find(digest)
        if place is None and digest != EMPTY_FILE and self._brought([digest]):
            place = self._objects.find(digest)
        if place is not None and place.frame.kind == ObjectKind.CHUNK:
            yield digest
        elif digest != EMPTY_FILE:
            for _, chunks in self.pages(digest):
                yield from split_digests(chunks.digests)

    def pages(self, digest: Digest, start: int = 0) -> Pages:
        """Return the chunks of a content of several; nothing is said of whether they are here.

        Args:
            digest: Names the content.
            start: What lies before this offset, in bytes, may be left out.
        """
        return self._pieces(self._recipe(digest), start, None)

    def outline(self, digest: Digest) -> Outline | None:
        """Return the outline of a content of several chunks, which need not be true, where it has one."""
        return self._recipe(digest).outline

    def joined(self, chunks: Sequence[tuple[Digest, int]]) -> bytes:
        """Return chunks of known lengths (bytes), one after the other, each verified.

        Raises:
            NotFound: One is not here.
            Corrupt: One is damaged, or has another length.
        """
        return b"".join(self._unpacked(_Group(0, [each for each, _ in chunks], [size for _, size in chunks])))

    def _lacking(self, digest: Digest) -> NotFound:
        """Return the error for a content that is not here; names the remote that has it."""
        remote = self._elsewhere.remote_of(digest) if self._elsewhere is not None else None
        message = f"content {digest.hex()[:12]} is not in this repository"
        if remote is None:
            return NotFound(message)
        hint = "bring it back with 'tether drop --fetch PATH'"
        return NotFound(f"{message}; it was dropped and is at {remote}", hint=hint)

    def _brought(self, digests: Sequence[Digest]) -> bool:
        return bool(digests) and self._elsewhere is not None and self._elsewhere.bring(digests)

    def _sorted_out(self, digests: Sequence[Digest]) -> tuple[list[Place], list[Digest]]:
        """Return the places of those that are one chunk, and the digests of the others."""
        single: list[Place] = []
        several: list[Digest] = []
        places = self._objects.find_many(digests)
        lacking = [digest for digest, place in zip(digests, places, strict=True) if place is None]
        if self._brought(lacking):
            places = self._objects.find_many(digests)
        for digest, place in zip(digests, places, strict=True):
            if place is None:
                raise self._lacking(digest)
            if place.frame.kind == ObjectKind.CHUNK:
                single.append(place)
            else:
                several.append(digest)
        return single, several

    def _recipe(self, digest: Digest) -> Recipe:
        return decode_recipe(digest, self._objects.get(ObjectKind.RECIPE, digest))

    def _pieces(self, recipe: Recipe, start: int, stop: int | None) -> Iterator[_Piece]:
        if recipe.chunks is not None:
            yield _Piece(0, recipe.chunks)
            return
        ends = (*recipe.starts[1:], recipe.size)
        for page, begin, end in zip(recipe.pages, recipe.starts, ends, strict=True):
            if end <= start or (stop is not None and begin >= stop):
                continue
            chunks = decode_page(self._objects.get(ObjectKind.RECIPE_PAGE, page))
            if sum(chunks.lengths) != end - begin:
                raise Corrupt("a recipe page does not fit its place")
            yield _Piece(begin, chunks)

    def _range(self, digest: Digest, start: int, stop: int) -> Iterator[bytes]:
        """Yield the bytes from `start` to `stop`, chunk by chunk, reading several chunks at a time."""
        place = self._objects.find(digest)
        if place is not None and place.frame.kind == ObjectKind.CHUNK:
            yield self._objects.get(ObjectKind.CHUNK, digest)[start:stop]
            return
        groups = self._groups(digest, start, stop)
        first = next(groups)
        second = next(groups, None)
        if second is None:
            yield from _within(first, self._unpacked(first), start, stop)
            return
        everything = chain((first, second), groups)
        with _unpackers() as pool:
            for group, data in ahead(pool, lambda each: (each, self._unpacked(each)), everything, _AHEAD):
                yield from _within(group, data, start, stop)

    def _groups(self, digest: Digest, start: int, stop: int, count: int = _GROUP) -> Iterator[_Group]:
        for begin, chunks in self._pieces(self._recipe(digest), start, stop):
            first, last, offset = chunks.within(max(start - begin, 0), stop - begin)
            position = begin + offset
            for at in range(first, last, count):
                end = min(at + count, last)
                group = _Group(position, [chunks.digest(i) for i in range(at, end)], chunks.lengths[at:end])
                yield group
                position += sum(group.lengths)

    def _joined(self, group: _Group) -> bytes:
        try:
            return self._objects.joined_chunks(group.digests, group.lengths)
        except (Corrupt, NotFound):
            # A pack was merged away, or an index or a chunk is damaged: the careful way knows which.
            return b"".join(self._unpacked(group))

    def _unpacked(self, group: _Group) -> list[bytes]:
        data = self._objects.get_many(ObjectKind.CHUNK, group.digests)
        for digest, chunk, length in zip(group.digests, data, group.lengths, strict=True):
            if len(chunk) != length:
                raise Corrupt(f"chunk {digest.hex()[:12]} has another length than a recipe says")
        return data


def _within(group: _Group, data: list[bytes], start: int, stop: int) -> Iterator[bytes]:
    """Yield the parts of the chunks that lie between two offsets of the file."""
    position = group.start
    for chunk in data:
        yield chunk[max(start - position, 0) : stop - position]
        position += len(chunk)


class ContentFile(SeekableFile):
    """A read-only, seekable file over one stored content."""

    def __init__(self, reader: ContentReader, digest: Digest, size: int) -> None:
        super().__init__(size)
        self._reader, self._digest = reader, digest

    def readinto(self, buffer: Buffer) -> int:  # type: ignore[override]
        """Fill `buffer` from the position on and return how many bytes were read."""
        view = memoryview(buffer).cast("B")
        data = self._reader.read(self._digest, self._at, len(view))
        view[: len(data)] = data
        self._at += len(data)
        return len(data)


def _sized(data: bytes, item: tuple[Digest, int]) -> bytes:
    if len(data) != item[1]:
        raise Corrupt(f"content {item[0].hex()[:12]} has {len(data)} bytes where a tree says {item[1]}")
    return data
