"""A limit for the bytes that go over the network, shared by all requests of a process and both directions."""

import time
from collections.abc import Callable, Iterable, Iterator
from threading import Lock

from tether.core.digest import Buffer

_BURST_S = 0.25
_LARGEST, _SMALLEST = 64 << 10, 1 << 10


class RateLimit:
    """A bucket of tokens, one for each byte, that fills with time; safe for use from several threads.

    Who takes more than is there waits until the bucket is even again, and so do those behind.

    Args:
        rate: Bytes in a second.
        clock: Gives seconds.
        sleep: Waits for seconds.
    """

    def __init__(
        self,
        rate: int,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._rate, self._clock, self._sleep = rate, clock, sleep
        self._lock = Lock()
        self._tokens, self._filled = rate * _BURST_S, clock()
        self.piece = max(_SMALLEST, min(_LARGEST, rate // 16))
        """Bytes to send or to take at a time, so that the pace is even."""

    def take(self, count: int) -> None:
        """Take tokens for so many bytes, and wait for as long as they are not there."""
        with self._lock:
            now = self._clock()
            self._tokens = min(self._tokens + (now - self._filled) * self._rate, self._rate * _BURST_S)
            self._filled = now
            self._tokens -= count
            owed = -self._tokens / self._rate
        if owed > 0:
            self._sleep(owed)

    def pieces(self, data: Buffer) -> Iterator[bytes]:
        """Yield a body piece by piece, each when it may be sent."""
        view = memoryview(data).cast("B")
        for start in range(0, len(view), self.piece):
            part = view[start : start + self.piece]
            self.take(len(part))
            yield bytes(part)

    def arriving(self, blocks: Iterable[bytes]) -> Iterator[bytes]:
        """Yield what arrives; what follows is read when it may come."""
        for block in blocks:
            self.take(len(block))
            yield block
