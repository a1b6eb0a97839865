"""Packs that arrive in large pieces: written while they are verified, and noted once."""

import random
import threading
from pathlib import Path

import pytest

from tether.core.compression import Codec
from tether.core.digest import Buffer, Digest, hash_bytes
from tether.core.kinds import ObjectKind
from tether.errors import InvalidInput, Unavailable
from tether.repo.frames import DATA, Stored
from tether.repo.packs import PackWriter, pack_key, read_contents
from tether.storage.backend import Backend, Upload
from tether.storage.local import LocalBackend
from tether.storage.memory import MemoryBackend
from tether.storage.wrappers import UploadWrapper, Wrapper
from tether.sync.arrivals import note_key
from tether.sync.receiving import PackReceiver, Receiver

WAIT_S = 20
PIECE = 2 << 20
"""Bytes: from so many on a piece is written by a thread."""


class Watched(Wrapper):
    """Gives uploads that tell when they write, and that write only when they may."""

    def __init__(self, inner: Backend) -> None:
        super().__init__(inner)
        self.begun, self.may = threading.Event(), threading.Event()
        self.writers: set[int] = set()
        self.full = False

    def upload(self) -> Upload:
        """Begin a new value."""
        return _WatchedUpload(self, self.inner.upload())


class _WatchedUpload(UploadWrapper):
    def __init__(self, watched: Watched, inner: Upload) -> None:
        super().__init__(inner)
        self._watched = watched

    def write(self, data: Buffer) -> None:
        """Write when it is time."""
        self._watched.writers.add(threading.get_ident())
        self._watched.begun.set()
        assert self._watched.may.wait(WAIT_S), "nothing was verified while it was written"
        if self._watched.full:
            raise Unavailable("the disk is full")
        self.inner.write(data)


def pack_of(size: int) -> tuple[Digest, bytes]:
    """Return a pack of chunks that do not compress, and its name."""
    source, backend = random.Random(size), MemoryBackend()
    writer = PackWriter(backend, DATA)
    for _ in range(size >> 16):
        data = source.randbytes(1 << 16)
        writer.add(Stored(ObjectKind.CHUNK, Codec.RAW, len(data), hash_bytes(data), data))
    name, _ = writer.finish()
    return name, backend.read(pack_key(name))


NAME, PACK = pack_of(5 << 20)


def give(receiver: PackReceiver, pack: bytes, size: int = PIECE) -> None:
    """Give a pack in pieces, in one room that is written over."""
    room = bytearray(size)
    for at in range(0, len(pack), size):
        piece = pack[at : at + size]
        room[: len(piece)] = piece
        receiver.take(memoryview(room)[: len(piece)])
        room[:] = bytes(size)


def test_a_large_piece_is_verified_while_it_is_written() -> None:
    """The write waits for a chunk to be verified, and the chunk for the write to begin: both go on."""
    backend = Watched(MemoryBackend())

    def take(*_: object) -> None:
        assert backend.begun.wait(WAIT_S)
        backend.may.set()

    with PackReceiver(backend, NAME, take=take) as receiver:
        give(receiver, PACK)
        table = receiver.finish()
    assert len(backend.writers - {threading.get_ident()}) == 1  # one for all pieces
    assert all(thread.name != "write pack_0" for thread in threading.enumerate())
    assert table.encode() == read_contents(backend, NAME).encode()
    assert backend.read(pack_key(NAME)) == PACK


def test_small_pieces_take_no_thread() -> None:
    """They are written where they come."""
    backend = Watched(MemoryBackend())
    backend.may.set()
    with PackReceiver(backend, NAME) as receiver:
        give(receiver, PACK, PIECE - 4096)
        receiver.finish()
    assert backend.writers == {threading.get_ident()}


def test_a_full_disk_is_told_at_the_piece() -> None:
    """What a thread met is raised where the piece was given, and nothing is kept."""
    backend = Watched(MemoryBackend())
    backend.may.set()
    backend.full = True
    with PackReceiver(backend, NAME) as receiver, pytest.raises(Unavailable, match="the disk is full"):
        give(receiver, PACK)
    assert threading.get_ident() not in backend.writers
    assert list(backend.list("")) == []


def test_a_damaged_pack_is_not_kept(tmp_path: Path) -> None:
    """Bytes that are written before they are verified are no pack until they are."""
    (tmp_path / "store").mkdir()
    backend = LocalBackend(tmp_path / "store")
    damaged = bytearray(PACK)
    damaged[3 << 20] ^= 1
    name = hash_bytes(damaged)  # who damaged it named it
    with PackReceiver(backend, name) as receiver:
        give(receiver, bytes(damaged))
        with pytest.raises(InvalidInput, match="not sound"):
            receiver.finish()
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_a_pack_is_noted_once(tmp_path: Path) -> None:
    """Each note costs two waits for the disk; the second is made only where the first is gone."""
    steps: list[str] = []
    backend = LocalBackend(tmp_path, before_write=steps.append)
    with Receiver(backend, NAME, 1) as receiver:
        give(receiver, PACK)
        receiver.finish()
    assert steps.count("fsync") == 2  # of the note and of the pack
    assert backend.read(note_key(NAME)) == b"1"


class _Sweeping(Wrapper):
    """Loses the note when the pack comes, as to a gc that found it alone."""

    def upload(self) -> Upload:
        """Begin a new value."""
        return _SweepingUpload(self.inner, self.inner.upload())


class _SweepingUpload(UploadWrapper):
    def __init__(self, backend: Backend, inner: Upload) -> None:
        super().__init__(inner)
        self._backend = backend

    def finish(self, key: str) -> None:
        """Make it durable after the note was removed."""
        assert self._backend.exists(note_key(NAME))
        self._backend.delete(note_key(NAME))
        self.inner.finish(key)


def test_a_note_that_is_gone_is_made_again() -> None:
    """A gc may have met it before its pack was there."""
    backend = _Sweeping(MemoryBackend())
    with Receiver(backend, NAME, 7) as receiver:
        give(receiver, PACK)
        receiver.finish()
    assert backend.read(note_key(NAME)) == b"7"
