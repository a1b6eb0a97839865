"""The object database of one repository: verified reads of everything in its live packs."""

from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from threading import Lock
from typing import TypeVar

from tether.core.compression import Codec, Compressor, decompress, decompress_joined
from tether.core.difference import decode_difference
from tether.core.digest import Digest, hash_bytes
from tether.core.kinds import CONTEXTS, ObjectKind, object_digest
from tether.core.recipe import decode_recipe
from tether.core.tree import EMPTY_TREE, encode_leaf
from tether.core.treeread import NodeMemory
from tether.errors import Corrupt, NotFound
from tether.repo.frames import FRAME_SIZE, Frame, check_lengths, parse_frame
from tether.repo.lookup import Lookup
from tether.repo.packindex import Place
from tether.repo.packs import pack_key
from tether.repo.spans import spans_of
from tether.repo.unpacking import check_kind, cut_chunks
from tether.storage.backend import Backend

_T = TypeVar("_T")
_CACHE_BYTES = 32 << 20
_BASES = 64
"""Chunks that differences refer to, kept in memory: at most 8 MiB."""

_BUILT_IN = {EMPTY_TREE: encode_leaf(())}
"""Objects that every repository has without storing them."""


class ObjectDb:
    """Reads objects by digest. Safe for use from several threads.

    Args:
        backend: Holds the packs.
        live: Returns the names of the live packs as the root lists them now.
    """

    def __init__(self, backend: Backend, live: Callable[[], Sequence[Digest]]) -> None:
        self._backend, self._live = backend, live
        self.cache_bytes = _CACHE_BYTES  # of trees, commits and recipes
        self._lookup: Lookup | None = None
        self._cache: OrderedDict[tuple[ObjectKind, Digest], bytes] = OrderedDict()
        self._cached = 0
        self.nodes = NodeMemory()  # decoded, since they are read again soon
        self._packer: Compressor | None = None
        self._bases: OrderedDict[tuple[Digest, Digest], bytes] = OrderedDict()
        self._lock = Lock()

    @property
    def lookup(self) -> Lookup:
        """Which pack holds what; the root is read when this is first asked for."""
        if self._lookup is None:
            self._lookup = Lookup(self._backend, self._live())
        return self._lookup

    def get(self, kind: ObjectKind, digest: Digest) -> bytes:
        """Return one object, verified; see `ObjectReader.get`."""
        known = _BUILT_IN.get(digest) or self._cache.get((kind, digest))
        if known is not None:
            return known
        data = self._read_at(digest, partial(self._read, kind=kind))
        if data is None:
            raise NotFound(f"{kind.name.lower()} {digest.hex()[:12]} is not in this repository")
        if kind != ObjectKind.CHUNK:
            self._remember((kind, digest), data)
        return data

    def get_many(self, kind: ObjectKind, digests: Sequence[Digest]) -> list[bytes]:
        """Return several objects in the order asked for, read in the order in which they lie."""
        with self._lock:
            found = {d: self._cache[kind, d] for d in digests if (kind, d) in self._cache}
        wanted = [d for d in dict.fromkeys(digests) if d not in found]
        if len(wanted) > 1 and not _BUILT_IN.keys() & wanted:
            for part in self.scan(kind, wanted):
                found.update(part)
        else:
            found.update((d, self.get(kind, d)) for d in wanted)
        return [found[digest] for digest in digests]

    def scan(self, kind: ObjectKind, digests: Sequence[Digest]) -> Iterator[list[tuple[Digest, bytes]]]:
        """Yield batches of (digest, object) in the order of the packs; each span of a pack is read once.

        Raises:
            NotFound: One is not here; nothing has been yielded then.
            Corrupt: One is damaged.
        """
        places = []
        for digest, place in zip(digests, self.find_many(digests), strict=True):
            if place is None:
                raise NotFound(f"{kind.name.lower()} {digest.hex()[:12]} is not in this repository")
            places.append(place)
        return self.scan_places(kind, places)

    def scan_places(self, kind: ObjectKind, places: list[Place]) -> Iterator[list[tuple[Digest, bytes]]]:
        """Yield what `scan` yields of objects that were looked up.

        Raises:
            Corrupt: One is damaged.
        """
        places.sort(key=lambda place: (place.pack, place.frame.offset))
        for span in spans_of(places):
            yield self._read_span(kind, span)

    def joined_chunks(self, digests: Sequence[Digest], lengths: Sequence[int]) -> bytes:
        """Return chunks of known lengths (bytes), one after the other, NOT verified.

        For whoever verifies all of a content by its own digest, which covers every byte of its chunks.

        Raises:
            NotFound: One is not where it was.
            Corrupt: One cannot be unpacked, or has another length.
        """
        places = []
        for place, length in zip(self.find_many(digests), lengths, strict=True):
            if place is None:
                raise NotFound("a chunk is not in this repository")
            if place.frame.kind != ObjectKind.CHUNK or place.frame.raw != length:
                raise Corrupt("a chunk has another kind or length than a recipe says")
            check_lengths(place.frame.kind, place.frame.raw, place.frame.stored)
            places.append(place)
        parts = [self._joined_span(span) for span in spans_of(places)]
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def has(self, digest: Digest) -> bool:
        """Say whether an object is here."""
        return digest in _BUILT_IN or self.lookup.find(digest) is not None

    def has_many(self, digests: Sequence[Digest]) -> list[bool]:
        """Say of each digest whether its object is here."""
        found = zip(digests, self.lookup.has_many(digests), strict=True)
        return [there or digest in _BUILT_IN for digest, there in found]

    def find(self, digest: Digest) -> Place | None:
        """Return where an object lies; see `find_many`."""
        place = self.lookup.find(digest)
        return place if place is not None else self.find_many([digest])[0]

    def find_many(self, digests: Sequence[Digest]) -> list[Place | None]:
        """Return where objects lie; if one is missed it is looked for again while the root moves on."""
        return self._looked_up(digests, Lookup.find_many)

    def kinds_of(self, digests: Sequence[Digest]) -> list[int | None]:
        """Return the kinds of objects, None of those that are not here; looked for as by `find_many`."""
        return self._looked_up(digests, Lookup.kinds_of)

    def packs_of(self, digests: Sequence[Digest]) -> list[Digest | None]:
        """Return the packs that objects lie in, None of those that are not here; see `find_many`."""
        return self._looked_up(digests, Lookup.packs_of)

    def _looked_up(
        self, digests: Sequence[Digest], look: Callable[[Lookup, Sequence[Digest]], list[_T | None]]
    ) -> list[_T | None]:
        lookup = self.lookup
        found = look(lookup, digests)
        while None in found and (newer := self._newer(lookup)) is not None:
            lookup = newer
            found = look(lookup, digests)
        if None in found and lookup.distrust():
            found = look(lookup, digests)
        return found

    def read_frames(self, places: Sequence[Place]) -> Iterator[list[tuple[Frame, bytes]]]:
        """Yield batches of frames with their bytes as they are stored, to copy into another pack.

        A difference comes as a frame that needs no other, and may be longer than its place says.

        Args:
            places: Sorted by pack and offset; neighbours are read together.

        Raises:
            Corrupt: A frame is not the one that the index says.
        """
        for span in spans_of(places):
            try:
                batch = self._span_frames(span)
            except NotFound:
                # The pack was merged into another one since the places were looked up.
                batch = [self._moved_frame(place.frame.digest) for place in span]
            yield batch

    def read_difference(self, place: Place) -> bytes:
        """Return the stored bytes of a chunk that is a difference, verified, to copy it with its bases.

        Raises:
            Corrupt: It is damaged.
            NotFound: The pack was merged into another one since it was looked up.
        """
        frame = place.frame
        check_lengths(frame.kind, frame.raw, frame.stored)
        stored = self._backend.read(pack_key(place.pack), frame.offset + FRAME_SIZE, frame.stored)
        self._unpacked(place, stored, ObjectKind.CHUNK)
        return stored

    def frame(self, digest: Digest) -> Frame | None:
        """Return the frame of an object as its own header gives it; what an index says of it may be damaged.

        Raises:
            Corrupt: The frame is not where an undamaged index says.
        """
        return self._read_at(digest, self._header)

    def reset(self) -> None:
        """Look at the root again and drop what is cached in memory."""
        self._lookup = None
        with self._lock:
            self._cache.clear()
            self._cached = 0
        self.nodes.forget()

    def remember(self, objects: Sequence[tuple[ObjectKind, Digest, bytes]]) -> None:
        """Keep objects that were just stored, no chunks, for they are read next; if there is room for all."""
        if sum(len(data) for _, _, data in objects) <= self.cache_bytes:
            for kind, digest, data in objects:
                self._remember((kind, digest), data)

    def catch_up(self) -> None:
        """Forget which packs hold what if other packs are live now.

        Whoever is about to count on an object to stay calls it when gc is locked out: what was looked
        up before may have been freed since.
        """
        if self._lookup is not None and self._lookup.live != frozenset(self._live()):
            self._lookup = None

    def _newer(self, used: Lookup) -> Lookup | None:
        """Return the look-up of the packs that are live now, unless it is the one that was used."""
        live = frozenset(self._live())
        if self.lookup.live != live:
            self._lookup = Lookup(self._backend, live)
        return self.lookup if self.lookup is not used else None

    def _read_at(self, digest: Digest, read: Callable[[Place], _T]) -> _T | None:
        """Return what `read` makes of the place of an object; None if there is none.

        Where reading fails, the pack may have been merged away since the root was read, or an index may
        be damaged: the object is looked up again for as long as that leads elsewhere.
        """
        place = self.find(digest)
        while place is not None:
            try:
                return read(place)
            except (Corrupt, NotFound):
                if self._newer(self.lookup) is None:
                    self.lookup.distrust()
                before, place = place, self.find(digest)
                if place == before:
                    raise
        return None

    def _read(self, place: Place, kind: ObjectKind) -> bytes:
        frame = place.frame
        check_lengths(frame.kind, frame.raw, frame.stored)
        stored = self._backend.read(pack_key(place.pack), frame.offset + FRAME_SIZE, frame.stored)
        return self._unpacked(place, stored, kind)

    def _unpacked(self, place: Place, stored: bytes | memoryview, kind: ObjectKind) -> bytes:
        """Return an object, verified, also one that is a difference from chunks of its pack."""
        frame = place.frame
        if frame.codec != Codec.DIFFERENCE:
            return unpack(frame, stored, kind)
        return undo_difference(frame, stored, kind, partial(self._base, place.pack))

    def _base(self, pack: Digest, digest: Digest) -> bytes:
        """Return a chunk that differences of its pack refer to, verified."""
        with self._lock:
            known = self._bases.get((pack, digest))
            if known is not None:
                self._bases.move_to_end((pack, digest))
                return known
        frame = self.lookup.find_in(pack, digest)
        if frame is None:
            raise Corrupt(f"the base {digest.hex()[:12]} of a difference is not in its pack")
        check_lengths(frame.kind, frame.raw, frame.stored)
        stored = self._backend.read(pack_key(pack), frame.offset + FRAME_SIZE, frame.stored)
        data = unpack(frame, stored, ObjectKind.CHUNK)
        with self._lock:
            self._bases[pack, digest] = data
            while len(self._bases) > _BASES:
                self._bases.popitem(last=False)
        return data

    def _header(self, place: Place) -> Frame:
        head = self._backend.read(pack_key(place.pack), place.frame.offset, FRAME_SIZE)
        return _same(parse_frame(head, place.frame.offset), place.frame)

    def _span_frames(self, span: Sequence[Place]) -> list[tuple[Frame, bytes]]:
        first, last = span[0].frame, span[-1].frame
        length = last.offset + FRAME_SIZE + last.stored - first.offset
        block = self._backend.read(pack_key(span[0].pack), first.offset, length)
        batch = []
        for _, frame in span:
            begin = frame.offset - first.offset
            _same(parse_frame(block[begin : begin + FRAME_SIZE], frame.offset), frame)
            data = block[begin + FRAME_SIZE : begin + FRAME_SIZE + frame.stored]
            if frame.codec == Codec.DIFFERENCE:
                batch.append(self._whole(Place(span[0].pack, frame), data))
            else:
                batch.append((frame, data))
        return batch

    def _whole(self, place: Place, stored: bytes) -> tuple[Frame, bytes]:
        """Return a frame that needs no other in place of one that is a difference."""
        data = self._unpacked(place, stored, ObjectKind.CHUNK)
        packer = self._packer = self._packer or Compressor()
        codec, packed = packer.compress(data, packer.choose(b""))
        return place.frame._replace(codec=int(codec), stored=len(packed)), bytes(packed)

    def _moved_frame(self, digest: Digest) -> tuple[Frame, bytes]:
        found = self._read_at(digest, lambda place: self._span_frames([place])[0])
        if found is None:
            raise NotFound(f"object {digest.hex()[:12]} is not in this repository")
        return found

    def _read_span(self, kind: ObjectKind, span: Sequence[Place]) -> list[tuple[Digest, bytes]]:
        first, last = span[0].frame, span[-1].frame
        start, end = first.offset, last.offset + FRAME_SIZE + last.stored
        try:
            block = memoryview(self._backend.read(pack_key(span[0].pack), start, end - start))
            if kind == ObjectKind.CHUNK and all(f.codec != Codec.DIFFERENCE for _, f in span):
                return cut_chunks(block, start, [frame for _, frame in span])
            batch = []
            for place in span:
                begin = place.frame.offset - start + FRAME_SIZE
                stored = block[begin : begin + place.frame.stored]
                batch.append((place.frame.digest, self._unpacked(place, stored, kind)))
            return batch
        except (Corrupt, NotFound):
            return [(place.frame.digest, self.get(kind, place.frame.digest)) for place in span]

    def _joined_span(self, span: Sequence[Place]) -> bytes:
        first, last = span[0].frame, span[-1].frame
        begin, end = first.offset + FRAME_SIZE, last.offset + FRAME_SIZE + last.stored
        block = self._backend.read(pack_key(span[0].pack), begin, end - begin)
        if any(frame.codec == Codec.DIFFERENCE for _, frame in span):
            return b"".join([self._read(place, ObjectKind.CHUNK) for place in span])
        frames = [(f.codec, f.offset - first.offset, f.stored, f.raw) for _, f in span]
        return decompress_joined(block, frames)

    def _remember(self, key: tuple[ObjectKind, Digest], data: bytes) -> None:
        with self._lock:
            self._cached += 0 if key in self._cache else len(data)
            self._cache[key] = data
            while self._cached > self.cache_bytes and len(self._cache) > 1:
                self._cached -= len(self._cache.popitem(last=False)[1])


def _same(found: Frame, listed: Frame) -> Frame:
    if found != listed:
        raise Corrupt(f"the frame of {listed.digest.hex()[:12]} is not where its index says")
    return found


def unpack(frame: Frame, stored: bytes | memoryview, kind: ObjectKind) -> bytes:
    """Return the object in `frame`, verified.

    Raises:
        Corrupt: It is of another kind, or its bytes are not what the digest says.
    """
    check_kind(frame, kind)
    data = decompress(frame.codec, stored, frame.raw)
    if kind == ObjectKind.CHUNK:
        good = hash_bytes(data) == frame.digest
    elif kind in CONTEXTS:
        good = object_digest(kind, data) == frame.digest
    else:
        decode_recipe(frame.digest, data)
        good = True
    if not good:
        raise Corrupt(f"{kind.name.lower()} {frame.digest.hex()[:12]} is damaged", hint="run 'tether fsck'")
    return data


def undo_difference(
    frame: Frame, stored: bytes | memoryview, kind: ObjectKind, read: Callable[[Digest], bytes]
) -> bytes:
    """Return the chunk in a frame that is a difference, verified.

    Args:
        frame: Says what it is.
        stored: The stored bytes.
        kind: What it must be.
        read: Returns chunks of the same pack that are no differences, verified.

    Raises:
        Corrupt: It is no chunk, or not what its digest says.
    """
    check_kind(frame, kind)
    if kind != ObjectKind.CHUNK:
        raise Corrupt(f"{kind.name.lower()} {frame.digest.hex()[:12]} is stored as chunks alone may be")
    data = decode_difference(stored, frame.raw, read)
    if hash_bytes(data) != frame.digest:
        raise Corrupt(f"chunk {frame.digest.hex()[:12]} is damaged", hint="run 'tether fsck'")
    return data
