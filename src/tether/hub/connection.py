"""One connection of the server: the parser of uvicorn, with a bound on heads and a deadline of progress.

Without the bound a head without end would fill the memory; without the deadline a client that sends or takes
nothing more would hold a connection, and what its request has open, for ever.
"""

import asyncio
from asyncio.events import TimerHandle
from typing import ClassVar

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

MAX_HEAD = 64 << 10
"""Bytes of a request before its body; one read more may come before it is refused."""
_LOOKS = 4
"""How often progress is looked at in the time that a connection may stand still."""


class Connection(HttpToolsProtocol):
    """A connection that is cut when nothing moves for `stall_s` seconds though something should."""

    stall_s: ClassVar[float]

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn
        """Begin to watch."""
        super().connection_made(transport)
        self._head = 0
        self._begun = self._in_body = self._full = False
        self._moved = self.loop.time()
        self._watch: TimerHandle | None = None
        self._look()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop watching."""
        if self._watch is not None:
            self._watch.cancel()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Count what belongs to a head and refuse one that does not end."""
        self._moved, self._begun = self.loop.time(), True
        if not self._in_body:
            self._head += len(data)
        super().data_received(data)
        if self._head > MAX_HEAD and not self.transport.is_closing():
            self.send_400_response("The head of the request is too large.")

    def on_headers_complete(self) -> None:
        """Go from the head to the body."""
        self._head, self._in_body = 0, True
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        """Expect the next head."""
        self._in_body = False
        super().on_message_complete()

    def pause_writing(self) -> None:
        """Take note that the other side does not keep up."""
        self._moved, self._full = self.loop.time(), True
        super().pause_writing()

    def resume_writing(self) -> None:
        """Take note that it does again."""
        self._moved, self._full = self.loop.time(), False
        super().resume_writing()

    def _look(self) -> None:
        awaits = not self._begun or self._head > 0 or self._in_body
        if self.flow.read_paused:  # what comes lies in the kernel until the application takes it
            self._moved = self.loop.time()
        if (awaits or self._full) and self.loop.time() - self._moved > self.stall_s:
            self.transport.abort()
            return
        self._watch = self.loop.call_later(self.stall_s / _LOOKS, self._look)


def connection_class(stall_s: float) -> type[Connection]:
    """Return the class of connections that may stand still for so long, in seconds."""
    return type("Connection", (Connection,), {"stall_s": stall_s})
