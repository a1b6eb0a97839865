"""The contract of a place that keeps bytes under keys, and the rule for keys.

A backend knows no objects. What was finished, written new or swapped is durable when the call
returns, and other readers see the old value or the new one, never a part. `tests/contract` holds
one suite that every backend passes.
"""

import re
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from types import TracebackType
from typing import Protocol, Self

from tether.core.digest import Buffer
from tether.errors import Corrupt, InvalidInput

MAX_KEY = 1024

RESERVED = "tmp"
"""First component under which a backend may keep unfinished uploads; no key begins with it."""

_KEY = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,199}(?:/[A-Za-z0-9_][A-Za-z0-9._-]{0,199})*")
_PREFIX = re.compile(r"(?:[A-Za-z0-9_][A-Za-z0-9._-]{0,199}/)*(?:[A-Za-z0-9_][A-Za-z0-9._-]{0,199})?")


def check_key(key: str) -> str:
    """Return `key` if it is one: "/"-separated components of letters, digits, ".", "_" and "-".

    No component is empty, begins with "." or "-", or is longer than 200 characters, so that a key
    means the same file on every file system and never one outside the backend's folder.

    Raises:
        InvalidInput: It is not a key.
    """
    if len(key) > MAX_KEY or _KEY.fullmatch(key) is None or _reserved(key):
        raise InvalidInput(f"not a storage key: {key!r}")
    return key


def check_prefix(prefix: str) -> str:
    """Return `prefix` if a key can begin with it; "" is the prefix of every key.

    Raises:
        InvalidInput: No key begins like this.
    """
    if len(prefix) > MAX_KEY or _PREFIX.fullmatch(prefix) is None or prefix.startswith(RESERVED + "/"):
        raise InvalidInput(f"not a prefix of storage keys: {prefix!r}")
    return prefix


def _reserved(key: str) -> bool:
    return key == RESERVED or key.startswith(RESERVED + "/")


def span(key: str, size: int, offset: int, length: int | None) -> int:
    """Return how many bytes a read of `length` from `offset` gives in a value of `size` bytes.

    Raises:
        InvalidInput: The offset or the length is negative.
        Corrupt: The value ends before the range does.
    """
    wanted = size - offset if length is None else length
    if offset < 0 or (length is not None and length < 0):
        raise InvalidInput(f"negative range in {key}: offset {offset}, length {length}")
    if offset > size or offset + wanted > size:
        raise truncated(key)
    return wanted


def truncated(key: str) -> Corrupt:
    """Return the error for a value that ends before the bytes asked for."""
    return Corrupt(f"truncated: {key}", hint="run `tether fsck`")


class Upload(Protocol):
    """A new value on its way in; nobody sees it before `finish`.

    As a context manager it is given up on leaving unless it was finished.
    """

    def write(self, data: Buffer) -> None:
        """Append all of `data`."""
        ...

    def write_many(self, buffers: Sequence[Buffer]) -> None:
        """Append the buffers in order; cheaper than as many calls of `write`."""
        ...

    def finish(self, key: str) -> None:
        """Make the value durable under `key`, all or nothing.

        Keys of uploads are named after their content: when a value of equal size is there already,
        that one stays and this one is dropped.

        Raises:
            AlreadyExists: A value of another size is there.
            Unavailable: It could not be made durable; the upload is lost, not the store.
        """
        ...

    def abort(self) -> None:
        """Give the value up; without effect after `finish`."""
        ...

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


class GivenUp(ABC):
    """The base of uploads: they are given up on leaving, which is without effect after `finish`."""

    __slots__ = ()

    @abstractmethod
    def abort(self) -> None:
        """Give the value up; see `Upload`."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.abort()


class Backend(Protocol):
    """Bytes under keys. Every method may be called from any thread.

    Every method raises InvalidInput for a bad key, Forbidden where access is refused and
    Unavailable when the place cannot answer now.
    """

    def read(self, key: str, offset: int = 0, length: int | None = None) -> bytes:
        """Return `length` bytes from `offset`, or all that follows.

        Raises:
            NotFound: There is no such key.
            Corrupt: The value is shorter than that.
        """
        ...

    def read_into(self, key: str, offset: int, buffer: bytearray | memoryview) -> None:
        """Fill `buffer` with the bytes from `offset`; errors as for `read`."""
        ...

    def size(self, key: str) -> int:
        """Return the value's length in bytes, or raise NotFound."""
        ...

    def map(self, key: str) -> Buffer:
        """Return the whole value as a read-only buffer, mapped where the backend can."""
        ...

    def exists(self, key: str) -> bool:
        """Tell whether there is a value."""
        ...

    def list(self, prefix: str) -> Iterator[tuple[str, int]]:
        """Yield (key, size) of the keys that begin with `prefix`, in order of the keys."""
        ...

    def upload(self) -> Upload:
        """Begin a new value."""
        ...

    def write_new(self, key: str, data: Buffer) -> None:
        """Store a value durably under a key that has none.

        Raises:
            AlreadyExists: The key has a value; it is unchanged.
        """
        ...

    def swap(self, key: str, expected: bytes | None, new: bytes) -> None:
        """Replace the value `expected` (None: no value) by `new`, atomically and durably.

        Of several callers that expect the same value one wins. After any other error than Conflict
        the value is the old or the new one; read it to know.

        Raises:
            Conflict: The value is another one; it is unchanged.
        """
        ...

    def delete(self, key: str) -> None:
        """Remove a value; one that is missing is fine. A power cut may bring it back."""
        ...

    def move(self, source: str, target: str) -> None:
        """Give the value of `source` the key `target`, durably; a stop on the way can leave both.

        Raises:
            NotFound: There is no source.
            AlreadyExists: There is another value at the target.
        """
        ...

    def close(self) -> None:
        """Give back what is held open; the backend may not be used afterwards."""
        ...
