"""Writing and opening pack files through a backend."""

from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from operator import add
from typing import TYPE_CHECKING

from blake3 import blake3

from tether.core.digest import Digest, hash_bytes
from tether.errors import Corrupt, Unsupported
from tether.repo.block import Block, Piece
from tether.repo.frames import (
    FRAME_SIZE,
    HEADER,
    TRAILER,
    VERSION,
    Batch,
    Stored,
    Table,
    decode_table,
    frame_header,
    may_have_differences,
    pack_header,
    parse_frame,
    read_frames,
    role_of,
    tabulate,
    trailer,
)
from tether.storage.backend import Backend

if TYPE_CHECKING:
    from concurrent.futures import Future, ThreadPoolExecutor

PACK_SIZE = 64 << 20
PACK_FRAMES = 1 << 17
"""A pack is sealed at this many frames too, so that its table stays small in memory."""
_BLOCK = 2 << 20
"""Bytes that are gathered before they are hashed, while they are in the processor's cache."""
_WRITE = 4 << 20
"""Bytes given to the disk at once."""
_UNDER_WAY = 8


def pack_key(name: Digest) -> str:
    """Return the storage key of pack `name`."""
    return f"packs/{name.hex()}.pack"


class PackThreads:
    """What a session's packs are worked on by: each step has one thread, so that bytes stay in order.

    A session that writes one small pack, as most do, has none, and does not wait for their import.

    Attributes:
        spare: Blocks of packs that are finished; memory that was used before is quicker to fill.
    """

    def __init__(self) -> None:
        self.spare: list[Block] = []
        self._pools: dict[str, ThreadPoolExecutor] = {}

    @property
    def hash(self) -> "ThreadPoolExecutor":
        """Hashes what is appended."""
        return self._pool("hash")

    @property
    def write(self) -> "ThreadPoolExecutor":
        """Writes what is hashed."""
        return self._pool("write")

    @property
    def seal(self) -> "ThreadPoolExecutor":
        """Makes packs durable."""
        return self._pool("seal")

    def _pool(self, step: str) -> "ThreadPoolExecutor":
        if step not in self._pools:
            from concurrent.futures import ThreadPoolExecutor

            self._pools[step] = ThreadPoolExecutor(1, step)
        return self._pools[step]

    def stop(self) -> None:
        """Wait for what runs and drop the rest."""
        for step in ("hash", "write", "seal"):  # each hands on to the next
            if step in self._pools:
                self._pools[step].shutdown(cancel_futures=True)


class PackWriter:
    """Appends frames to one new pack; nothing counts until `finish`. No digest may come twice.

    Args:
        backend: Where the pack goes.
        role: DATA or META.
        threads: Hash and write while the caller goes on; None does it at once.
        version: Of the pack: `WITH_DIFFERENCES` for one that may have some.
    """

    def __init__(
        self, backend: Backend, role: int, threads: "PackThreads | None" = None, version: int = VERSION
    ) -> None:
        self._threads = threads
        self._writing: Future[None] | None = None
        self._running: deque[Future[None]] = deque()
        self._upload = backend.upload()
        self._hasher = blake3()
        self._block = threads.spare.pop() if threads and threads.spare else Block()
        self._pending: list[Piece] = [pack_header(role, version)]
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

    def add_batch(self, batch: Batch) -> None:
        """Append several objects."""
        kind, digests, contents, codecs, lengths = batch
        offset = self.size
        for digest, data, codec, raw in zip(digests, contents, codecs, lengths, strict=True):
            stored = len(data)
            self._rows.append((digest, kind, codec, offset, stored, raw))
            offset += FRAME_SIZE + stored
        self._pending.append(batch)
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
            self.abort()
            raise

    def _finish(self) -> tuple[Digest, Table]:
        table = tabulate(self._rows)
        contents = table.encode()
        for running in self._running:
            running.result()
        end = [contents, trailer(self.size, contents, len(self._rows))]
        size = self._pending_size + sum(map(len, end))
        self._write([*self._pending, *end], size, last=True)
        name = Digest(self._hasher.digest())
        self._upload.finish(pack_key(name))
        if self._threads is not None:
            self._threads.spare.append(self._block)
        return name, table

    def abort(self) -> None:
        """Drop what was written."""
        waiting = [each for each in (*self._running, self._writing) if each is not None]
        if waiting:
            from concurrent.futures import CancelledError

            for each in waiting:
                with suppress(CancelledError):  # `wait` would wait for ever for one that was called off
                    each.exception()
        self._upload.abort()

    def _flush(self) -> None:
        pending, self._pending = self._pending, []
        size, self._pending_size = self._pending_size, 0
        if self._threads is None:
            self._write(pending, size)
            return
        self._running.append(self._threads.hash.submit(self._write, pending, size))
        while len(self._running) > _UNDER_WAY:
            self._running.popleft().result()

    def _write(self, pieces: Sequence[Piece], size: int, *, last: bool = False) -> None:
        self._hasher.update(self._block.put(pieces, size))
        if self._block.filled < _WRITE and not last:
            return
        self._settle()
        ready = self._block.take(last=last)
        if self._threads is None or last:
            self._upload.write(ready)
        else:
            self._writing = self._threads.write.submit(self._upload.write, ready)

    def _settle(self) -> None:
        """Wait until the block before is written: its room is filled again."""
        if self._writing is not None:
            self._writing.result()
            self._writing = None


def has_differences(backend: Backend, name: Digest) -> bool:
    """Say whether chunks of a pack may be differences from others in it; errors as `read_contents`."""
    return may_have_differences(backend.read(pack_key(name), 0, HEADER.size))


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
    if table.kinds and max(map(add, table.offsets, table.stored)) + FRAME_SIZE > start:
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


def first_digest(backend: Backend, name: Digest) -> Digest:
    """Return which object lies first in a pack that has any; errors as `count_objects`."""
    try:
        return parse_frame(backend.read(pack_key(name), HEADER.size, FRAME_SIZE), HEADER.size).digest
    except (Corrupt, Unsupported):
        raise Corrupt(f"pack {name.hex()[:12]} is damaged", hint="run 'tether fsck'") from None


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
