"""Writing and opening pack files through a backend."""

from collections import deque
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from blake3 import blake3

from tether.core.digest import Buffer, Digest, hash_bytes
from tether.errors import Corrupt
from tether.repo.frames import (
    FRAME_SIZE,
    HEADER,
    TRAILER,
    Stored,
    Table,
    decode_table,
    frame_header,
    pack_header,
    read_frames,
    role_of,
    tabulate,
    trailer,
)
from tether.storage.backend import Backend

try:
    from tether.repo._blocks import raw_block
except ImportError:  # no compiler at the installation
    from tether.repo.blocks_pure import raw_block

if TYPE_CHECKING:
    from concurrent.futures import Executor, Future

PACK_SIZE = 64 << 20
PACK_FRAMES = 1 << 17
"""A pack is sealed at this many frames too, so that its table stays small in memory."""
_BLOCK = 4 << 20
_UNDER_WAY = 3


class RawObjects(NamedTuple):
    """Objects of one kind that are appended as they are."""

    kind: int
    digests: list[Digest]
    contents: list[bytes]


Pending: TypeAlias = Buffer | RawObjects
"""What goes into a pack next: bytes as they are, or objects that get their frames when they are written."""


def pack_key(name: Digest) -> str:
    """Return the storage key of pack `name`."""
    return f"packs/{name.hex()}.pack"


class PackWriter:
    """Appends frames to one new pack; nothing counts until `finish`. No digest may come twice.

    Args:
        backend: Where the pack goes.
        role: DATA or META.
        pool: One thread that hashes and writes while the caller goes on; None does it at once.
    """

    def __init__(self, backend: Backend, role: int, pool: "Executor | None" = None) -> None:
        self._pool = pool
        self._running: deque[Future[None]] = deque()
        self._upload = backend.upload()
        self._hasher = blake3()
        self._pending: list[Pending] = [pack_header(role)]
        self._pending_size = self.size = HEADER.size
        self._rows: list[tuple[Digest, int, int, int, int, int]] = []

    def add(self, stored: Stored) -> None:
        """Append one object; its data must not change before the next flush."""
        kind, codec, raw, digest, data = stored
        length = len(data)
        self._rows.append((digest, kind, codec, self.size, length, raw))
        self._pending += (frame_header(kind, codec, raw, length, digest), data)
        self.size += FRAME_SIZE + length
        self._pending_size += FRAME_SIZE + length
        if self._pending_size >= _BLOCK:
            self._flush()

    def add_raw(self, kind: int, digests: Sequence[Digest], objects: Sequence[bytes]) -> None:
        """Append several objects as they are."""
        offset = self.size
        for digest, data in zip(digests, objects, strict=True):
            length = len(data)
            self._rows.append((digest, kind, 0, offset, length, length))
            offset += FRAME_SIZE + length
        self._pending.append(RawObjects(kind, list(digests), list(objects)))
        self._pending_size += offset - self.size
        self.size = offset
        if self._pending_size >= _BLOCK:
            self._flush()

    @property
    def full(self) -> bool:
        """Whether it is time for the next pack."""
        return self.size >= PACK_SIZE or len(self._rows) >= PACK_FRAMES

    def finish(self) -> tuple[Digest, Table]:
        """Seal the pack durably under its name and return the name and the table of its frames."""
        try:
            return self._finish()
        except BaseException:
            self._upload.abort()
            raise

    def _finish(self) -> tuple[Digest, Table]:
        table = tabulate(self._rows)
        contents = table.encode()
        for running in self._running:
            running.result()
        self._write([*self._pending, contents, trailer(self.size, contents, len(self._rows))])
        name = Digest(self._hasher.digest())
        self._upload.finish(pack_key(name))
        return name, table

    def abort(self) -> None:
        """Drop what was written."""
        self._upload.abort()

    def _flush(self) -> None:
        pending, self._pending, self._pending_size = self._pending, [], 0
        if self._pool is None:
            self._write(pending)
            return
        self._running.append(self._pool.submit(self._write, pending))
        while len(self._running) > _UNDER_WAY:
            self._running.popleft().result()

    def _write(self, pending: list[Pending]) -> None:
        pieces = [raw_block(*each) if isinstance(each, RawObjects) else each for each in pending]
        block = pieces[0] if len(pieces) == 1 else b"".join(pieces)
        self._hasher.update(block)
        self._upload.write(block)


def read_contents(backend: Backend, name: Digest) -> Table:
    """Return the table of a pack, from its table of contents or, where that is damaged, from its frames.

    Raises:
        NotFound: The pack is missing.
        Corrupt: Neither can be read.
    """
    try:
        return _read_table(backend, name)
    except Corrupt:
        return tabulate(read_frames(backend.read(pack_key(name))))


def _read_table(backend: Backend, name: Digest) -> Table:
    key = pack_key(name)
    size = backend.size(key)
    if size < HEADER.size + TRAILER.size:
        raise Corrupt(f"pack {name.hex()[:12]} is cut off")
    role_of(backend.read(key, 0, HEADER.size))
    start, length, count, digest, _ = TRAILER.unpack(backend.read(key, size - TRAILER.size, TRAILER.size))
    if start + length + TRAILER.size != size:
        raise Corrupt(f"the end of pack {name.hex()[:12]} is damaged")
    contents = backend.read(key, start, length)
    if hash_bytes(contents) != digest:
        raise Corrupt(f"the table of contents of pack {name.hex()[:12]} is damaged")
    table = decode_table(contents, count)
    ends = zip(table.offsets, table.stored, strict=True)
    if any(offset + FRAME_SIZE + stored > start for offset, stored in ends):
        raise Corrupt(f"the table of contents of pack {name.hex()[:12]} points outside it")
    return table


def count_objects(backend: Backend, name: Digest) -> int:
    """Return how many objects a pack holds, by its last bytes alone.

    Raises:
        NotFound: The pack is missing.
        Corrupt: Its end is damaged.
    """
    key = pack_key(name)
    size = backend.size(key)
    if size < HEADER.size + TRAILER.size:
        raise Corrupt(f"pack {name.hex()[:12]} is cut off")
    return int(TRAILER.unpack(backend.read(key, size - TRAILER.size, TRAILER.size))[2])


def verify_pack(backend: Backend, name: Digest) -> None:
    """Hash a whole pack against its name; memory stays at one block.

    Raises:
        NotFound: The pack is missing.
        Corrupt: A bit of it has changed.
    """
    key, hasher, offset = pack_key(name), blake3(), 0
    size = backend.size(key)
    while offset < size:
        block = backend.read(key, offset, min(_BLOCK, size - offset))
        hasher.update(block)
        offset += len(block)
    if hasher.digest() != name:
        raise Corrupt(f"pack {name.hex()[:12]} is damaged", hint="run 'tether fsck --repair'")
