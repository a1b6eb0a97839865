"""Reads of values that never change, kept in memory, so that many small ones cost few requests far away.

What lies near what was asked for comes with it, in whole blocks. Only values below some folders are kept:
those named after their content. What is deleted or moved through this process is forgotten; what others
delete may be read here a while longer, which harms nobody, since it is what its name says.
"""

from collections import OrderedDict
from collections.abc import Callable, Hashable, Sequence
from threading import Lock
from typing import TypeVar

from tether.core.digest import Buffer
from tether.storage.backend import Backend, span
from tether.storage.wrappers import Wrapper

BLOCK = 1 << 20
SPAN = 8 << 20
"""Reads of more pass by."""
LIMIT = 128 << 20

V = TypeVar("V", bound=Buffer | int)


class Kept:
    """What was read, the oldest forgotten first. Safe to use from several threads.

    Args:
        limit: Bytes that are kept in all.
    """

    def __init__(self, limit: int = LIMIT) -> None:
        self._limit, self._size, self._lock = limit, 0, Lock()
        self._values: OrderedDict[Hashable, Buffer | int] = OrderedDict()

    def get(self, name: Hashable) -> Buffer | int | None:
        """Return what was kept under a name, or None."""
        with self._lock:
            value = self._values.get(name)
            if value is not None:
                self._values.move_to_end(name)
            return value

    def keep(self, name: Hashable, value: V) -> V:
        """Keep a value, and return it."""
        with self._lock:
            self._drop(name)
            self._values[name] = value
            self._size += _cost(value)
            while self._size > self._limit and len(self._values) > 1:
                self._drop(next(iter(self._values)))
        return value

    def forget(self, chosen: Callable[[Hashable], bool]) -> None:
        """Forget some values."""
        with self._lock:
            for name in [name for name in self._values if chosen(name)]:
                self._drop(name)

    def _drop(self, name: Hashable) -> None:
        value = self._values.pop(name, None)
        if value is not None:
            self._size -= _cost(value)


class Cached(Wrapper):
    """Keeps what is read of values that never change.

    Args:
        inner: The backend that is read.
        folders: First components of the keys whose values never change.
        kept: Where it is kept; may be shared by backends of different `space`.
        space: Tells the keys of this backend from those of others.
    """

    def __init__(self, inner: Backend, folders: Sequence[str], kept: Kept, space: str = "") -> None:
        super().__init__(inner)
        self._folders, self._kept, self._space = tuple(f"{each}/" for each in folders), kept, space

    def read(self, key: str, offset: int = 0, length: int | None = None) -> bytes:
        """Return `length` bytes from `offset`, or all that follows."""
        small = length is not None and 0 < length <= SPAN and offset >= 0
        if length is None or not small or not self._is_kept(key):
            return self.inner.read(key, offset, length)
        span(key, self.size(key), offset, length)
        first, last = offset // BLOCK, (offset + length - 1) // BLOCK
        blocks = self._blocks(key, first, last)
        data = bytes(blocks[0]) if len(blocks) == 1 else b"".join(blocks)
        begin = offset - first * BLOCK
        return data[begin : begin + length]

    def read_into(self, key: str, offset: int, buffer: bytearray | memoryview) -> None:
        """Fill `buffer` with the bytes from `offset`."""
        view = memoryview(buffer).cast("B")
        view[:] = self.read(key, offset, len(view))

    def size(self, key: str) -> int:
        """Return the value's length in bytes."""
        if not self._is_kept(key):
            return self.inner.size(key)
        known = self._kept.get((self._space, key, "size"))
        return known if isinstance(known, int) else self._keep(key, "size", self.inner.size(key))

    def map(self, key: str) -> Buffer:
        """Return the whole value, in memory."""
        if not self._is_kept(key):
            return self.inner.map(key)
        known = self._kept.get((self._space, key, "whole"))
        if known is None or isinstance(known, int):
            known = self._keep(key, "whole", self.inner.map(key))
        return known

    def delete(self, key: str) -> None:
        """Remove a value; one that is missing is fine."""
        self._forget(key)
        self.inner.delete(key)

    def move(self, source: str, target: str) -> None:
        """Give the value of `source` the key `target`."""
        self._forget(source)
        self.inner.move(source, target)

    def swap(self, key: str, expected: bytes | None, new: bytes) -> None:
        """Replace the value `expected` by `new`."""
        self._forget(key)
        self.inner.swap(key, expected, new)

    def _blocks(self, key: str, first: int, last: int) -> list[Buffer]:
        """Return some blocks of a value; those that are not kept come in one read for each gap."""
        found: dict[int, Buffer] = {}
        for number in range(first, last + 1):
            known = self._kept.get((self._space, key, number))
            if known is not None and not isinstance(known, int):
                found[number] = known
        size, number = self.size(key), first
        while number <= last:
            end = number
            while end <= last and end not in found:
                end += 1
            if end > number:
                stop = min(end * BLOCK, size)
                data = self.inner.read(key, number * BLOCK, stop - number * BLOCK)
                for at in range(number, end):
                    part = data[(at - number) * BLOCK : (at - number + 1) * BLOCK]
                    found[at] = self._keep(key, at, part)
            number = end + 1
        return [found[number] for number in range(first, last + 1)]

    def _keep(self, key: str, what: Hashable, value: V) -> V:
        return self._kept.keep((self._space, key, what), value)

    def _forget(self, key: str) -> None:
        if self._is_kept(key):
            self._kept.forget(lambda name: isinstance(name, tuple) and name[:2] == (self._space, key))

    def _is_kept(self, key: str) -> bool:
        return key.startswith(self._folders)


def _cost(value: Buffer | int) -> int:
    return 64 if isinstance(value, int) else 256 + memoryview(value).nbytes
