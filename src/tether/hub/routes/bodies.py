"""Bodies that are files: read by a thread as fast as it stores them, whatever their length."""

import asyncio
from collections.abc import AsyncIterator, Callable
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from threading import BoundedSemaphore
from typing import TypeVar

from fastapi import Request
from starlette.requests import ClientDisconnect

from tether.errors import Unavailable
from tether.repo.streams import ReadInto

_T = TypeVar("_T")
_MOST_AT_ONCE = 16
_turns = BoundedSemaphore(_MOST_AT_ONCE)
"""Each upload that is worked on takes some 50 MB; the others wait, and their senders with them."""


async def upload(request: Request, work: Callable[[ReadInto], _T]) -> _T:
    """Let a function read the body of a request in a thread of its own, and return what it gives."""
    body = _Body(request)

    def in_turn() -> _T:
        with _turns:
            return work(body.read_into)

    executor = ThreadPoolExecutor(1, "upload")  # uploads take no thread from other requests
    try:
        return await asyncio.get_running_loop().run_in_executor(executor, in_turn)
    finally:
        body.stop()
        executor.shutdown(wait=False)


class _Body:
    """The body of a request, for a thread that reads it; no more is taken than it asks for."""

    def __init__(self, request: Request) -> None:
        self._loop, self._pieces = asyncio.get_running_loop(), request.stream()
        self._left = memoryview(b"")
        self._coming: Future[bytes | None] | None = None
        self._stopped = False

    def stop(self) -> None:
        """End a read that waits: nobody wants the contents any more."""
        self._stopped = True
        if self._coming is not None:
            self._coming.cancel()

    def read_into(self, buffer: memoryview) -> int:
        """Fill a buffer from its start; 0 at the end.

        Raises:
            Unavailable: The sender is gone.
        """
        while not self._left:
            self._coming = asyncio.run_coroutine_threadsafe(_next(self._pieces), self._loop)
            if self._stopped:
                self._coming.cancel()
            try:
                piece = self._coming.result()
            except (ClientDisconnect, CancelledError):
                raise Unavailable("the body ended too soon") from None
            if piece is None:
                return 0
            self._left = memoryview(piece)
        count = min(len(buffer), len(self._left))
        buffer[:count] = self._left[:count]
        self._left = self._left[count:]
        return count


async def _next(pieces: AsyncIterator[bytes]) -> bytes | None:
    return await anext(pieces, None)
