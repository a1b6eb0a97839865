"""A dict as a backend: for tests and for throw-away stores. Safe to use from several threads."""

import threading
from collections.abc import Iterator, Sequence

from tether.core.digest import Buffer
from tether.errors import AlreadyExists, Conflict, NotFound
from tether.storage.backend import GivenUp, check_key, check_prefix, span


class MemoryUpload(GivenUp):
    """A value that is being gathered; see `storage.backend.Upload`."""

    def __init__(self, backend: "MemoryBackend") -> None:
        self._backend = backend
        self._data = bytearray()

    def write(self, data: Buffer) -> None:
        """Append all of `data`."""
        self._data += data

    def write_many(self, buffers: Sequence[Buffer]) -> None:
        """Append the buffers in order."""
        self._data += b"".join(buffers)

    def finish(self, key: str) -> None:
        """Store the value under `key`, all or nothing."""
        self._backend.keep(key, bytes(self._data))

    def abort(self) -> None:
        """Give the value up."""
        self._data = bytearray()


class MemoryBackend:
    """Values in a dict; see `storage.backend.Backend`."""

    def __init__(self) -> None:
        self._values: dict[str, bytes] = {}
        self._lock = threading.Lock()

    def read(self, key: str, offset: int = 0, length: int | None = None) -> bytes:
        """Return `length` bytes from `offset`, or all that follows."""
        value = self._get(key)
        return value[offset : offset + span(key, len(value), offset, length)]

    def read_into(self, key: str, offset: int, buffer: bytearray | memoryview) -> None:
        """Fill `buffer` with the bytes from `offset`."""
        view = memoryview(buffer).cast("B")
        view[:] = self.read(key, offset, len(view))

    def size(self, key: str) -> int:
        """Return the value's length in bytes."""
        return len(self._get(key))

    def map(self, key: str) -> Buffer:
        """Return the whole value."""
        return self._get(key)

    def exists(self, key: str) -> bool:
        """Tell whether there is a value."""
        return check_key(key) in self._values

    def list(self, prefix: str) -> Iterator[tuple[str, int]]:
        """Yield (key, size) of the keys that begin with `prefix`, in order of the keys."""
        check_prefix(prefix)
        with self._lock:
            found = [(key, len(value)) for key, value in self._values.items() if key.startswith(prefix)]
        return iter(sorted(found))

    def upload(self) -> MemoryUpload:
        """Begin a new value."""
        return MemoryUpload(self)

    def keep(self, key: str, value: bytes) -> None:
        """Store a value that is named after its content; see `storage.backend.Upload.finish`."""
        check_key(key)
        with self._lock:
            if len(self._values.setdefault(key, value)) != len(value):
                raise AlreadyExists(f"another value is stored as {key}", hint="run `tether fsck`")

    def write_new(self, key: str, data: Buffer) -> None:
        """Store a value under a key that has none."""
        check_key(key)
        with self._lock:
            if key in self._values:
                raise AlreadyExists(f"already exists: {key}")
            self._values[key] = bytes(data)

    def swap(self, key: str, expected: bytes | None, new: bytes) -> None:
        """Replace the value `expected` by `new`, atomically."""
        check_key(key)
        with self._lock:
            if self._values.get(key) != expected:
                raise Conflict(
                    f"another writer changed {key}", hint="look at the new state, then run it again"
                )
            self._values[key] = bytes(new)

    def delete(self, key: str) -> None:
        """Remove a value; one that is missing is fine."""
        check_key(key)
        with self._lock:
            self._values.pop(key, None)

    def move(self, source: str, target: str) -> None:
        """Give the value of `source` the key `target`."""
        check_key(target)
        with self._lock:
            value = self._get(source)
            if source == target:
                return
            if target in self._values:
                raise AlreadyExists(f"another value is stored as {target}")
            self._values[target] = value
            del self._values[source]

    def close(self) -> None:
        """Keep the values: a closed backend can be opened again by whoever holds it."""

    def _get(self, key: str) -> bytes:
        try:
            return self._values[check_key(key)]
        except KeyError:
            raise NotFound(f"not found: {key}") from None
