"""Backends around a backend: the same contract with one more rule."""

from collections.abc import Callable, Iterator, Sequence
from typing import NoReturn, TypeVar

from tether.core.digest import Buffer
from tether.errors import AlreadyExists, Conflict, Forbidden, NotFound, Unavailable
from tether.storage.backend import Backend, GivenUp, Upload

T = TypeVar("T")


class UploadWrapper(GivenUp):
    """Passes every call of an upload on; the base of those that change some."""

    def __init__(self, inner: Upload) -> None:
        self.inner = inner

    def write(self, data: Buffer) -> None:
        """Append all of `data`."""
        self.inner.write(data)

    def write_many(self, buffers: Sequence[Buffer]) -> None:
        """Append the buffers in order."""
        self.inner.write_many(buffers)

    def finish(self, key: str) -> None:
        """Make the value durable."""
        self.inner.finish(key)

    def abort(self) -> None:
        """Give it up."""
        self.inner.abort()


class CountedUpload(UploadWrapper):
    """An upload that knows its length so far, `size` in bytes."""

    def __init__(self, inner: Upload) -> None:
        super().__init__(inner)
        self.size = 0

    def write(self, data: Buffer) -> None:
        """Append all of `data`."""
        self.size += memoryview(data).nbytes
        self.inner.write(data)

    def write_many(self, buffers: Sequence[Buffer]) -> None:
        """Append the buffers in order."""
        self.size += sum(memoryview(each).nbytes for each in buffers)
        self.inner.write_many(buffers)


class Wrapper:
    """Passes every call on; the base of wrappers, which change some."""

    def __init__(self, inner: Backend) -> None:
        self.inner = inner

    def read(self, key: str, offset: int = 0, length: int | None = None) -> bytes:
        """Return `length` bytes from `offset`, or all that follows."""
        return self.inner.read(key, offset, length)

    def read_into(self, key: str, offset: int, buffer: bytearray | memoryview) -> None:
        """Fill `buffer` with the bytes from `offset`."""
        self.inner.read_into(key, offset, buffer)

    def size(self, key: str) -> int:
        """Return the value's length in bytes."""
        return self.inner.size(key)

    def map(self, key: str) -> Buffer:
        """Return the whole value as a read-only buffer."""
        return self.inner.map(key)

    def exists(self, key: str) -> bool:
        """Tell whether there is a value."""
        return self.inner.exists(key)

    def list(self, prefix: str) -> Iterator[tuple[str, int]]:
        """Yield (key, size) of the keys that begin with `prefix`, in order of the keys."""
        return self.inner.list(prefix)

    def upload(self) -> Upload:
        """Begin a new value."""
        return self.inner.upload()

    def write_new(self, key: str, data: Buffer) -> None:
        """Store a value durably under a key that has none."""
        self.inner.write_new(key, data)

    def swap(self, key: str, expected: bytes | None, new: bytes) -> None:
        """Replace the value `expected` by `new`, atomically and durably."""
        self.inner.swap(key, expected, new)

    def delete(self, key: str) -> None:
        """Remove a value; one that is missing is fine."""
        self.inner.delete(key)

    def move(self, source: str, target: str) -> None:
        """Give the value of `source` the key `target`, durably."""
        self.inner.move(source, target)

    def close(self) -> None:
        """Give back what is held open."""
        self.inner.close()


def innermost(backend: Backend) -> Backend:
    """Return what lies in all wrappers: the place itself, for what only some places can do."""
    while isinstance(backend, Wrapper):
        backend = backend.inner
    return backend


class ReadOnly(Wrapper):
    """Refuses every change with Forbidden, before anything is sent or opened."""

    def upload(self) -> NoReturn:
        """Refuse."""
        raise _refusal("a new value")

    def write_new(self, key: str, data: Buffer) -> NoReturn:
        """Refuse."""
        raise _refusal(key)

    def swap(self, key: str, expected: bytes | None, new: bytes) -> NoReturn:
        """Refuse."""
        raise _refusal(key)

    def delete(self, key: str) -> NoReturn:
        """Refuse."""
        raise _refusal(key)

    def move(self, source: str, target: str) -> NoReturn:
        """Refuse."""
        raise _refusal(source)


def _refusal(what: str) -> Forbidden:
    return Forbidden(f"read-only storage: cannot write {what}")


class Retry(Wrapper):
    """Repeats what was Unavailable, waiting twice as long each time.

    A change whose reply was lost may have been made: when its repetition is refused and the stored
    value is the one to be written, it counts as made. Hence values given to `swap` must be unique
    to their writer (they carry a write id). What was begun with `upload` is not repeated.

    Args:
        inner: The backend to ask.
        sleep: Waits that many seconds; the caller may add jitter or count.
        attempts: How often to ask in all.
        delay_s: The first wait.
    """

    def __init__(
        self, inner: Backend, sleep: Callable[[float], None], *, attempts: int = 5, delay_s: float = 0.1
    ) -> None:
        super().__init__(inner)
        self._sleep = sleep
        self._attempts = attempts
        self._delay_s = delay_s

    def read(self, key: str, offset: int = 0, length: int | None = None) -> bytes:
        """Return `length` bytes from `offset`, or all that follows."""
        return self._ask(lambda: self.inner.read(key, offset, length))

    def read_into(self, key: str, offset: int, buffer: bytearray | memoryview) -> None:
        """Fill `buffer` with the bytes from `offset`."""
        self._ask(lambda: self.inner.read_into(key, offset, buffer))

    def size(self, key: str) -> int:
        """Return the value's length in bytes."""
        return self._ask(lambda: self.inner.size(key))

    def map(self, key: str) -> Buffer:
        """Return the whole value as a read-only buffer."""
        return self._ask(lambda: self.inner.map(key))

    def exists(self, key: str) -> bool:
        """Tell whether there is a value."""
        return self._ask(lambda: self.inner.exists(key))

    def list(self, prefix: str) -> Iterator[tuple[str, int]]:
        """Return (key, size) of the keys that begin with `prefix`; the whole list is read at once."""
        return self._ask(lambda: iter([*self.inner.list(prefix)]))

    def upload(self) -> Upload:
        """Begin a new value."""
        return self._ask(self.inner.upload)

    def write_new(self, key: str, data: Buffer) -> None:
        """Store a value durably under a key that has none."""
        self._change(
            lambda: self.inner.write_new(key, data), AlreadyExists, lambda: self._is(key, bytes(data))
        )

    def swap(self, key: str, expected: bytes | None, new: bytes) -> None:
        """Replace the value `expected` by `new`, atomically and durably."""
        self._change(lambda: self.inner.swap(key, expected, new), Conflict, lambda: self._is(key, new))

    def delete(self, key: str) -> None:
        """Remove a value; one that is missing is fine."""
        self._ask(lambda: self.inner.delete(key))

    def move(self, source: str, target: str) -> None:
        """Give the value of `source` the key `target`, durably."""
        self._change(lambda: self.inner.move(source, target), NotFound, lambda: self.inner.exists(target))

    def _is(self, key: str, value: bytes) -> bool:
        return self._ask(lambda: self.inner.exists(key) and self.inner.read(key) == value)

    def _change(
        self,
        change: Callable[[], None],
        refusal: type[AlreadyExists | Conflict | NotFound],
        made: Callable[[], bool],
    ) -> None:
        calls = 0

        def call() -> None:
            nonlocal calls
            calls += 1
            change()

        try:
            self._ask(call)
        except refusal:
            if calls == 1 or not made():
                raise

    def _ask(self, call: Callable[[], T]) -> T:
        delay_s = self._delay_s
        for _ in range(self._attempts - 1):
            try:
                return call()
            except Unavailable:
                self._sleep(delay_s)
                delay_s *= 2
        return call()
