"""Packs that arrive whole from somewhere else: hashed, verified frame by frame and written as they come."""

from concurrent.futures import ThreadPoolExecutor
from types import TracebackType
from typing import Self

from blake3 import blake3

from tether.core.digest import Buffer, Digest
from tether.core.kinds import ObjectKind
from tether.core.outline import FAST
from tether.core.tracing import UNTRACED, Tracer
from tether.errors import InvalidInput, TetherError, TooLarge
from tether.repo.block import Block
from tether.repo.checkpacks import check_pack
from tether.repo.frames import DATA, Table
from tether.repo.packs import pack_key
from tether.repo.packstream import PackStream, TakeChunks
from tether.repo.stretches import Begin, Made, StretchHasher
from tether.storage.backend import Backend, Upload
from tether.storage.oserrors import TOO_MANY
from tether.sync.arrivals import note_arrival, note_key
from tether.sync.body import Body
from tether.sync.wire import MAX_PACK

OPEN_KINDS = frozenset(map(int, ObjectKind)) - {ObjectKind.STATE, ObjectKind.OPERATIONS}
"""Kinds that travel; states and operations are a repository's own affair."""
_BLOCK = 1 << 20
"""Bytes of one pack that wait for the disk; a hub receives many at once."""
_ASIDE = 2 << 20
"""Bytes of a piece from which on a thread writes it while it is verified: so many take some 5 ms to verify,
and the thread a tenth of one to turn to it. Decisions: docs/adr/0076-written-while-verified.md and 0078."""
_LARGE_BLOCK = 4 << 20
"""The same for a client, which receives few: each block costs the interpreter's lock."""


class PackReceiver:
    """A pack on its way in; as a context manager it is given up unless it was finished.

    Args:
        backend: Where it goes; it counts only when a root lists it.
        name: What it must be.
        begin: Returns what hashes its chunks as they are verified.
        take: Gets them then too.
    """

    _waiting = _LARGE_BLOCK

    def __init__(
        self, backend: Backend, name: Digest, begin: Begin | None = None, take: TakeChunks | None = None
    ) -> None:
        self._backend, self._name = backend, name
        self._hasher, self._size = blake3(), 0
        self._block, self._stream = Block(), PackStream(begin, take)
        self._fault: TetherError | None = None
        self._upload = self._open()
        self._aside: ThreadPoolExecutor | None = None

    def _open(self) -> Upload | None:
        return self._backend.upload()

    @property
    def growth(self) -> int:
        """How many bytes more storage has when this is finished: none if the pack is there."""
        return 0 if self._backend.exists(pack_key(self._name)) else self._size

    def hold(self, piece: bytes) -> bool:
        """Take more of the pack, quickly; say whether it is time to call `work`.

        Raises:
            TooLarge: It is longer than any pack.
        """
        self._count(len(piece))
        self._block.put([piece], len(piece))
        return self._block.filled >= self._waiting

    def work(self, *, last: bool = False) -> None:
        """Hash, write and verify what came.

        Raises:
            Unavailable: The disk is full.
        """
        self._work_on(self._block.take(last=last))

    def take(self, piece: Buffer) -> None:
        """Hash, write and verify a piece that need not be held, since it is large; it may change afterwards.

        Not to be mixed with `hold`.

        Raises:
            TooLarge: The pack is longer than any.
            Unavailable: The disk is full.
        """
        self._count(len(piece))
        self._work_on(memoryview(piece))

    def _count(self, size: int) -> None:
        self._size += size
        if self._size > MAX_PACK:
            raise TooLarge(f"a pack of more than {MAX_PACK} bytes")

    def _work_on(self, ready: memoryview) -> None:
        if self._upload is None:
            self._verify(ready)
        elif len(ready) < _ASIDE:
            self._upload.write(ready)
            self._verify(ready)
        else:
            if self._aside is None:
                self._aside = ThreadPoolExecutor(1, "write pack")
            written = self._aside.submit(self._upload.write, ready)
            try:
                self._verify(ready)
            finally:
                written.result()

    def _verify(self, ready: memoryview) -> None:
        self._hasher.update(ready)
        if self._fault is None:
            try:
                self._stream.feed(ready)
            except TetherError as error:  # damaged on the way, or at the sender: `finish` tells
                self._fault = error

    def read_body(self, body: Body) -> None:
        """Take all of a body, straight to where it is written from; errors as for `hold` and `work`."""
        while size := body.read_into(self._block.room(self._waiting - self._block.filled)):
            self._count(size)
            self._block.fill(size)
            if self._block.filled >= self._waiting:
                self.work()

    def write(self, piece: bytes) -> None:
        """Take more of the pack; errors as for `hold` and `work`."""
        if self.hold(piece):
            self.work()

    def finish(self) -> Table:
        """Make the pack durable and return its table.

        Raises:
            InvalidInput: It is not what its name says, or not sound; nothing of it is kept then.
        """
        table = self._verified()
        self._keep(table)
        return table

    def made(self) -> Made | None:
        """Return what was made of its chunks, when it is finished; None where nothing hashed them."""
        return self._stream.made()

    def _verified(self) -> Table:
        """Return its table when all of it has come and is what it should be."""
        self.work(last=True)
        if self._hasher.digest() != self._name:
            raise InvalidInput("what arrived is not the pack that was named", hint="send it again")
        return self._table()

    def _keep(self, table: Table) -> None:
        if self._upload is None:
            return
        there = self._backend.exists(pack_key(self._name))
        self._upload.finish(pack_key(self._name))
        if there and not check_pack(self._backend, self._name, table).sound:
            raise InvalidInput("the same pack is here, but damaged", hint="run 'tether fsck --repair' here")

    def _table(self) -> Table:
        try:
            if self._fault is not None:
                raise self._fault
            table = self._stream.finish()
        except TetherError as error:
            hint = "run 'tether fsck' where it was made"
            raise InvalidInput("a pack that arrived is not sound", hint=hint) from error
        kinds = set(table.kinds)
        if not kinds <= OPEN_KINDS or (self._stream.role == DATA) != (kinds == {int(ObjectKind.CHUNK)}):
            raise InvalidInput("a pack that arrived holds what does not travel")
        return table

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._aside is not None:
            self._aside.shutdown()
        if self._upload is not None:
            self._upload.abort()


class Rereader(PackReceiver):
    """A pack that came earlier, on its way through once more: verified where it lies, and not written."""

    def read(self) -> None:
        """Take all of it from where it lies.

        Raises:
            NotFound: It is not there.
            TooLarge: It is longer than any pack.
            InvalidInput: The disk does not give it back.
        """
        key = pack_key(self._name)
        size = self._backend.size(key)
        for at in range(0, size, _BLOCK):
            self.take(self._piece(key, at, min(_BLOCK, size - at)))

    def _piece(self, key: str, offset: int, length: int) -> bytes:
        try:
            return self._backend.read(key, offset, length)
        except TetherError as error:
            if isinstance(error.__cause__, OSError) and error.__cause__.errno in TOO_MANY:
                raise  # nothing is wrong with the pack
            raise InvalidInput(f"a pack that came earlier cannot be read: {error}") from error

    def _open(self) -> Upload | None:
        return None


class Receiver(PackReceiver):
    """A pack on its way in, noted as arrived when it is finished.

    Args:
        backend: Where it goes.
        name: What it must be.
        now: The time, in microseconds since 1970; gc asks the note for it.
        tracer: Is told what takes time.
        start: Where in a file its first chunk belongs, in bytes, if whoever sends it said so. It need not be
            true: nothing is shown by it before a recipe lists the chunks at that place.
    """

    _waiting = _BLOCK

    def __init__(
        self, backend: Backend, name: Digest, now: int, tracer: Tracer = UNTRACED, start: int | None = None
    ) -> None:
        hasher = StretchHasher(start) if FAST and start is not None else None
        super().__init__(backend, name, lambda _: hasher)
        self._now, self._tracer = now, tracer

    def _work_on(self, ready: memoryview) -> None:
        with self._tracer.span("verify pack") as span:
            super()._work_on(ready)
            span.note(bytes=len(ready))

    def finish(self) -> Table:
        """Make the pack durable, verify every frame, and note that it is there.

        A note without its pack says nothing, so it may come first: gc never meets the pack without it.
        Where a file is there already it may be damaged, and the note waits.
        """
        with self._tracer.span("finish pack"):
            table = self._verified()
            noted = not self._backend.exists(pack_key(self._name))
            if noted:
                self._note()
            self._keep(table)
            if not (noted and self._backend.exists(note_key(self._name))):  # gc may have taken it
                self._note()
        return table

    def _note(self) -> None:
        note_arrival(self._backend, self._name, self._now, self.made())
