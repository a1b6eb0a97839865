"""A backend whose reads and writes are told: by kind of key and bytes, not by name."""

from collections.abc import Iterator

from tether.core.digest import Buffer
from tether.core.tracing import Tracer
from tether.storage.backend import Backend, Upload
from tether.storage.wrappers import CountedUpload, Wrapper


class Traced(Wrapper):
    """Tells what is asked of storage.

    Args:
        inner: The storage.
        tracer: Is told.
        storage: What it is: `folder` or `bucket`.
    """

    def __init__(self, inner: Backend, tracer: Tracer, storage: str) -> None:
        super().__init__(inner)
        self.tracer, self.storage = tracer, storage

    def read(self, key: str, offset: int = 0, length: int | None = None) -> bytes:
        """Return `length` bytes from `offset`, or all that follows."""
        with self.tracer.span("storage read", storage=self.storage, key=kind_of(key)) as span:
            data = self.inner.read(key, offset, length)
            span.note(bytes=len(data))
        return data

    def read_into(self, key: str, offset: int, buffer: bytearray | memoryview) -> None:
        """Fill `buffer` with the bytes from `offset`."""
        size = memoryview(buffer).nbytes
        with self.tracer.span("storage read", storage=self.storage, key=kind_of(key), bytes=size):
            self.inner.read_into(key, offset, buffer)

    def size(self, key: str) -> int:
        """Return the value's length in bytes."""
        with self.tracer.span("storage look", storage=self.storage, key=kind_of(key)):
            return self.inner.size(key)

    def map(self, key: str) -> Buffer:
        """Return the whole value as a read-only buffer; of a folder its bytes are read when they are used."""
        with self.tracer.span("storage read", storage=self.storage, key=kind_of(key)) as span:
            data = self.inner.map(key)
            span.note(bytes=memoryview(data).nbytes)
        return data

    def exists(self, key: str) -> bool:
        """Tell whether there is a value."""
        with self.tracer.span("storage look", storage=self.storage, key=kind_of(key)):
            return self.inner.exists(key)

    def list(self, prefix: str) -> Iterator[tuple[str, int]]:
        """Return (key, size) of the keys that begin with `prefix`; the whole list is read at once."""
        with self.tracer.span("storage list", storage=self.storage, key=kind_of(prefix)) as span:
            found = [*self.inner.list(prefix)]
            span.note(keys=len(found))
        return iter(found)

    def upload(self) -> "_TracedUpload":
        """Begin a new value; its end is told, with its bytes."""
        return _TracedUpload(self, self.inner.upload())

    def write_new(self, key: str, data: Buffer) -> None:
        """Store a value durably under a key that has none."""
        size = memoryview(data).nbytes
        with self.tracer.span("storage write", storage=self.storage, key=kind_of(key), bytes=size):
            self.inner.write_new(key, data)

    def swap(self, key: str, expected: bytes | None, new: bytes) -> None:
        """Replace the value `expected` by `new`, atomically and durably."""
        with self.tracer.span("storage write", storage=self.storage, key=kind_of(key), bytes=len(new)):
            self.inner.swap(key, expected, new)

    def delete(self, key: str) -> None:
        """Remove a value; one that is missing is fine."""
        with self.tracer.span("storage delete", storage=self.storage, key=kind_of(key)):
            self.inner.delete(key)

    def move(self, source: str, target: str) -> None:
        """Give the value of `source` the key `target`, durably."""
        with self.tracer.span("storage move", storage=self.storage, key=kind_of(source)):
            self.inner.move(source, target)


class _TracedUpload(CountedUpload):
    """An upload whose end is told: before that its bytes go to the disk of the hub, piece by piece."""

    def __init__(self, traced: Traced, upload: Upload) -> None:
        super().__init__(upload)
        self._traced = traced

    def finish(self, key: str) -> None:
        """Make it durable."""
        traced = self._traced
        with traced.tracer.span("storage write", storage=traced.storage, key=kind_of(key), bytes=self.size):
            self.inner.finish(key)


def kind_of(key: str) -> str:
    """Return the first part of a key, which is the same for all values of one kind: `packs`."""
    return key.partition("/")[0]
