"""Verifying whole packs: each file is read once, hashed against its name and taken apart frame by frame."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import NamedTuple

from blake3 import blake3

from tether.core.compression import Codec
from tether.core.digest import Digest
from tether.core.kinds import ObjectKind
from tether.core.tree import split_digests
from tether.errors import Corrupt, NotFound, Unsupported
from tether.repo.frames import FRAME, FRAME_SIZE, HEADER, TRAILER, Frame, Table, check_lengths, parse_frame
from tether.repo.objectdb import ObjectDb, undo_difference, unpack
from tether.repo.packindex import Place
from tether.repo.packs import has_differences, pack_key
from tether.storage.backend import Backend

_BLOCK = 4 << 20
_BASES = 64
"""Chunks that differences refer to, kept in memory."""
_THREADS = 2
_CHUNK, _RAW = int(ObjectKind.CHUNK), int(Codec.RAW)


class BadFrame(NamedTuple):
    """An object whose bytes in a pack are not what its digest says."""

    digest: Digest
    kind: int
    message: str


@dataclass(slots=True)
class PackCheck:
    """What was found in one pack.

    Attributes:
        name: Of the pack.
        size: Bytes read.
        frames: Frames verified.
        good: Whether the file is what its name says.
        bad: Frames that are damaged.
        message: What is wrong with the file as a whole.
    """

    name: Digest
    size: int = 0
    frames: int = 0
    good: bool = True
    bad: list[BadFrame] = field(default_factory=list)
    message: str = ""

    @property
    def sound(self) -> bool:
        """Whether nothing is wrong with it."""
        return self.good and not self.bad


def check_packs(
    backend: Backend, tables: dict[Digest, Table], advance: Callable[[int], None]
) -> Iterator[PackCheck]:
    """Verify packs given with their tables, two at a time; memory stays at a few blocks.

    Args:
        backend: Holds the packs.
        tables: What each pack should hold.
        advance: Told of the bytes of each pack that is done.
    """
    with ThreadPoolExecutor(_THREADS, "check") as pool:
        jobs = [pool.submit(check_pack, backend, name, table) for name, table in tables.items()]
        for job in jobs:
            found = job.result()
            advance(found.size)
            yield found


def check_pack(backend: Backend, name: Digest, table: Table) -> PackCheck:
    """Verify one pack against its name and every frame that its table lists against its digest."""
    found = PackCheck(name)
    try:
        _Reader(backend, found, table).run()
    except (Corrupt, NotFound, Unsupported) as error:
        found.good, found.message = False, str(error)
    return found


class _Reader:
    """One pass over the file; what does not end in a block is carried into the next."""

    def __init__(self, backend: Backend, found: PackCheck, table: Table) -> None:
        self._backend, self._found, self._key = backend, found, pack_key(found.name)
        self._hasher = blake3()
        columns = (table.offsets, table.stored, table.raw, table.kinds, table.codecs)
        self._rows = sorted(zip(*columns, range(len(table.kinds)), strict=True))
        self._digests = table.digests
        self._places: dict[Digest, tuple[int, ...]] | None = None
        self._bases: dict[Digest, bytes] = {}
        self._at = 0

    def run(self) -> None:
        found, backend = self._found, self._backend
        found.size = backend.size(self._key)
        carry, begin, offset = b"", 0, 0
        while offset < found.size:
            block = backend.read(self._key, offset, min(_BLOCK, found.size - offset))
            self._hasher.update(block)
            offset += len(block)
            data = carry + block if carry else block
            used = self._verify(data, begin)
            carry, begin = data[used:], begin + used
        if self._hasher.digest() != found.name:
            found.good, found.message = False, "its bytes are not what its name says"
        elif self._at < len(self._rows) or not self._covered():
            found.good, found.message = False, "its table of contents does not fit its frames"

    def _covered(self) -> bool:
        """Say whether the frames of the table fill the file up to the table, so that none is hidden."""
        end = HEADER.size
        for offset, stored, *_ in self._rows:
            if offset != end:
                return False
            end = offset + FRAME_SIZE + stored
        tail = self._backend.read(self._key, self._found.size - TRAILER.size, TRAILER.size)
        return bool(TRAILER.unpack(tail)[0] == end)

    def _verify(self, data: bytes, begin: int) -> int:
        """Verify the frames that lie whole in `data`, which starts at `begin`; return the bytes done with."""
        view, rows, end = memoryview(data), self._rows, begin + len(data)
        at, done, bad = self._at, 0, self._found.bad
        while at < len(rows):
            offset, stored, raw, kind, codec, row = rows[at]
            first = offset - begin
            last = first + FRAME_SIZE + stored
            if begin + last > end:
                break
            done, at = last, at + 1
            digest = self._digests[row * 32 : row * 32 + 32]
            head = FRAME.pack(kind, codec, 0, raw, stored, digest)
            body = view[first + FRAME_SIZE : last]
            plain = kind == _CHUNK and codec == _RAW and raw == stored
            # The common case of contents that do not compress; the rest takes the careful way.
            if plain and view[first : first + FRAME.size] == head and blake3(body).digest() == digest:
                continue
            frame = Frame(Digest(digest), kind, codec, offset, stored, raw)
            message = self._problem(view[first : first + FRAME_SIZE], body, frame)
            if message:
                bad.append(BadFrame(frame.digest, kind, message))
        self._found.frames += at - self._at
        self._at = at
        return done if at < len(rows) else len(data)

    def _problem(self, head: memoryview, body: memoryview, frame: Frame) -> str:
        try:
            if parse_frame(head, frame.offset) != frame:
                return "its frame is not the one that the table of contents lists"
            if frame.codec == Codec.DIFFERENCE:
                self._require_version()
                undo_difference(frame, body, ObjectKind(frame.kind), self._base)
            else:
                unpack(frame, body, ObjectKind(frame.kind))
        except (Corrupt, NotFound, Unsupported) as error:
            return str(error)
        return ""

    def _require_version(self) -> None:
        if not has_differences(self._backend, self._found.name):
            raise Corrupt("it is a difference, which a pack of this version cannot hold")

    def _base(self, digest: Digest) -> bytes:
        """Return a chunk of this pack, verified, that is no difference itself."""
        if self._places is None:
            names = split_digests(self._digests)
            self._places = {names[row[-1]]: row for row in self._rows}
        known = self._bases.get(digest)
        if known is not None:
            return known
        if digest not in self._places:
            raise Corrupt(f"its base {digest.hex()[:12]} is not in its pack")
        offset, stored, raw, kind, codec, _ = self._places[digest]
        check_lengths(kind, raw, stored)
        data = self._backend.read(self._key, offset + FRAME_SIZE, stored)
        if len(self._bases) >= _BASES:
            self._bases.clear()
        base = unpack(Frame(digest, kind, codec, offset, stored, raw), data, ObjectKind.CHUNK)
        self._bases[digest] = base
        return base


def check_places(objects: ObjectDb, places: Sequence[Place]) -> Iterator[BadFrame]:
    """Verify single frames where they lie; gives those that are damaged."""
    for place in places:
        try:
            for batch in objects.read_frames([place]):
                for frame, data in batch:
                    unpack(frame, data, ObjectKind(frame.kind))
        except (Corrupt, NotFound, Unsupported) as error:
            yield BadFrame(place.frame.digest, place.frame.kind, str(error))
