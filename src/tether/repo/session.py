"""One writer's new packs: objects put in a transaction, readable at once, live when the root moves."""

from collections.abc import Iterable, Mapping, Sequence
from threading import RLock
from typing import TYPE_CHECKING, NamedTuple

from tether.core.compression import Compressor
from tether.core.digest import Digest
from tether.core.kinds import ObjectKind, object_digest
from tether.core.treeread import NodeMemory
from tether.errors import InvalidInput
from tether.repo.frames import DATA, LIMITS, META, Batch, Stored, Table
from tether.repo.objectdb import ObjectDb
from tether.repo.packs import PackThreads, PackWriter
from tether.storage.backend import Backend

if TYPE_CHECKING:
    from concurrent.futures import Future

_BATCH = 16
"""Objects between looks whether a pack is full."""


class SealedPacks(NamedTuple):
    """The packs that a session wrote, by role."""

    data: tuple[tuple[Digest, Table], ...]
    meta: tuple[tuple[Digest, Table], ...]


class WriteSession:
    """Collects new objects into packs; known objects cost a look-up.

    Metadata written in the session is kept in memory until it is sealed, so that it can be read back.
    """

    def __init__(self, backend: Backend, objects: ObjectDb, level: str) -> None:
        self._backend, self._objects = backend, objects
        self.compressor = Compressor(level)
        self._writers: dict[int, PackWriter] = {}
        self._fresh: dict[Digest, tuple[ObjectKind, bytes]] = {}
        self._sealing: list[tuple[int, PackWriter, Future[tuple[Digest, Table]]]] = []
        self._known: set[Digest] = set()
        self.decoded = NodeMemory()
        """Tree nodes that are read again once this session is done."""
        # Writing goes on with the next pack while the one before is made durable.
        self._threads = PackThreads()
        self._lock = RLock()
        self._hint = self.compressor.choose(b"", b"")
        self.written = 0
        """Bytes of frames appended so far."""

    @property
    def before(self) -> ObjectDb:
        """What the repository has without this session."""
        return self._objects

    @property
    def nodes(self) -> NodeMemory:
        """Tree nodes that the repository keeps decoded."""
        return self._objects.nodes

    def get(self, kind: ObjectKind, digest: Digest) -> bytes:
        """Return an object of this session or of the repository."""
        fresh = self._fresh.get(digest)
        return fresh[1] if fresh and fresh[0] == kind else self._objects.get(kind, digest)

    def get_many(self, kind: ObjectKind, digests: Sequence[Digest]) -> list[bytes]:
        """Return several objects in the order asked for."""
        fresh = {d: found[1] for d in digests if (found := self._fresh.get(d)) and found[0] == kind}
        rest = iter(self._objects.get_many(kind, [d for d in digests if d not in fresh]))
        return [fresh[d] if d in fresh else next(rest) for d in digests]

    def fresh(self) -> list[tuple[ObjectKind, Digest, bytes]]:
        """Return the metadata objects that were written in this session."""
        return [(kind, digest, payload) for digest, (kind, payload) in self._fresh.items()]

    def put(self, kind: ObjectKind, payload: bytes) -> Digest:
        """Store a metadata object; see `ObjectWriter.put`."""
        digest = object_digest(kind, payload)
        self.put_named(kind, digest, payload)
        return digest

    def put_named(self, kind: ObjectKind, digest: Digest, payload: bytes) -> None:
        """Store a metadata object under a digest that the caller worked out (a recipe under its file's).

        Raises:
            InvalidInput: It is larger than any reader accepts.
        """
        if not self.known(digest):
            if len(payload) > LIMITS[kind]:
                raise InvalidInput(f"a {kind.name.lower()} of {len(payload)} bytes is too large to be stored")
            codec, stored = self.compressor.compress(payload, self._hint)
            self._fresh[digest] = (kind, payload)
            self.append(META, Stored(kind, codec, len(payload), digest, stored))

    def put_stored(self, stored: Stored, payload: bytes) -> None:
        """Store a metadata object, verified, as a frame keeps it, with what is in it.

        The caller has looked whether the repository has it.
        """
        if stored.digest not in self._known:
            self._fresh[stored.digest] = (ObjectKind(stored.kind), payload)
            self.append(META, stored)

    def known(self, digest: Digest) -> bool:
        """Say whether an object is in the repository or was written in this session."""
        return digest in self._known or self._objects.has(digest)

    def unknown(self, digests: Sequence[Digest]) -> list[int]:
        """Return the places of those objects that are neither in the repository nor in this session."""
        known = self._known
        fresh = [at for at, digest in enumerate(digests) if digest not in known]
        stored = self._objects.has_many([digests[at] for at in fresh])
        return [at for at, there in zip(fresh, stored, strict=True) if not there]

    def know(self, digests: Iterable[Digest]) -> None:
        """Take note of objects in packs that this transaction adopts: they are not to be appended."""
        with self._lock:
            self._known.update(digests)

    def append(self, role: int, stored: Stored) -> None:
        """Append one frame unless this session has it; seals a pack that is full in the background."""
        with self._lock:
            if stored.digest in self._known:
                return
            self._known.add(stored.digest)
            writer = self._writer(role)
            before = writer.size
            writer.add(stored)
            self._count(role, writer, before)

    def append_raw(self, role: int, kind: int, objects: Mapping[Digest, bytes]) -> None:
        """Append several objects as they are; those that this session has are left out."""
        contents = list(objects.values())
        raw = bytes(len(contents))  # the codec of each: none
        self.append_batch(role, Batch(kind, list(objects), contents, raw, list(map(len, contents))))

    def append_batch(self, role: int, batch: Batch) -> None:
        """Append several objects; those that this session has, or that come again, are left out."""
        with self._lock:
            fresh = self._fresh_of(batch)
            for start in range(0, len(fresh.digests), _BATCH):
                writer = self._writer(role)
                before = writer.size
                writer.add_batch(fresh.part(slice(start, start + _BATCH)))
                self._count(role, writer, before)

    def _fresh_of(self, batch: Batch) -> Batch:
        """Return the objects that are not known yet, and know them from now on."""
        known, digests = self._known, batch.digests
        places = {digest: at for at, digest in enumerate(digests) if digest not in known}.values()
        known.update(digests)
        if len(places) == len(digests):
            return batch
        return Batch(
            batch.kind,
            [digests[at] for at in places],
            [batch.contents[at] for at in places],
            bytes(batch.codecs[at] for at in places),
            [batch.lengths[at] for at in places],
        )

    def _writer(self, role: int) -> PackWriter:
        writer = self._writers.get(role)
        if writer is None:
            writer = self._writers[role] = PackWriter(self._backend, role, self._threads)
        return writer

    def _count(self, role: int, writer: PackWriter, before: int) -> None:
        self.written += writer.size - before
        if writer.full:
            self._seal(role)

    def flush(self, role: int) -> None:
        """Begin to make the open pack of a role durable, since little of that role is to come."""
        with self._lock:
            if role in self._writers:
                self._seal(role)

    def settle(self, role: int) -> tuple[Digest, ...]:
        """Make what was appended so far of a role durable and return its packs; more may be appended."""
        self.flush(role)
        return tuple(future.result()[0] for each, _, future in self._sealing if each == role)

    def seal(self) -> SealedPacks:
        """Make every pack durable and return them; the session takes nothing more."""
        done = [(role, future.result()) for role, _, future in self._sealing]
        # Nothing is left to do meanwhile, so open packs need no thread: most sessions have no others.
        done += [(role, writer.finish()) for role, writer in self._writers.items()]
        self._writers.clear()
        self._stop()
        return SealedPacks(
            tuple(pack for role, pack in done if role == DATA),
            tuple(pack for role, pack in done if role == META),
        )

    def abort(self) -> None:
        """Drop what is not sealed; sealed packs stay as garbage until `gc`."""
        self._stop()
        for writer in (*self._writers.values(), *(writer for _, writer, _ in self._sealing)):
            writer.abort()
        self._writers.clear()

    def _stop(self) -> None:
        self._threads.stop()

    def _seal(self, role: int) -> None:
        writer = self._writers.pop(role)
        self._sealing.append((role, writer, self._threads.seal.submit(writer.finish)))
