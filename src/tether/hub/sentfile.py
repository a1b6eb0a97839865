"""A file on its way from the page cache to a socket, without a copy in this process.

An application sends a message of type `FILE` where the server offers it as an extension, with the open file
and how many of its bytes are the body. Threads give them to the socket, as many as it takes at once, and
none waits for whoever is slow: the event loop tells when there is room again.
"""

import asyncio
import os
import sys
from io import FileIO
from typing import TYPE_CHECKING

from starlette.concurrency import run_in_threadpool
from starlette.responses import Response
from starlette.types import Message, Receive, Scope, Send

from tether.errors import Corrupt

if TYPE_CHECKING:
    from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

FILE = "tether.file"
"""Name of the extension in the scope of a request, and type of the message."""
_AT_ONCE = 1 << 20
"""Bytes given to one system call."""
_TURN = 8 << 20
"""Bytes after which a thread is free for other requests, also where whoever asked takes all at once."""
_WAIT_S = 0.005


class FileReply(Response):
    """Sends a file whole, by a server that takes files, and closes it.

    Args:
        file: Open, and not to be used elsewhere.
        kind: Its media type.
    """

    def __init__(self, file: FileIO, kind: str) -> None:
        super().__init__(media_type=kind)
        self._file, self._size = file, os.fstat(file.fileno()).st_size
        self.headers["Content-Length"] = str(self._size)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it."""
        with self._file:
            await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
            await send({"type": FILE, "file": self._file, "size": self._size})


def takes_files(scope: Scope) -> bool:
    """Say whether the server of a request takes such messages."""
    return FILE in (scope.get("extensions") or {})


def body_size(message: Message) -> int:
    """Return how many bytes of a body a message sends."""
    return int(message["size"]) if message["type"] == FILE else len(message.get("body", b""))


class SentFile:
    """One file on its way; used by the thread of the event loop alone.

    Args:
        transport: Of the connection, not one of TLS.
        cycle: The request.
        loop: Of both.
    """

    def __init__(
        self, transport: asyncio.Transport, cycle: "RequestResponseCycle", loop: asyncio.AbstractEventLoop
    ) -> None:
        self._transport, self._cycle, self._loop = transport, cycle, loop
        self._room: asyncio.Future[None] | None = None
        self.waits = False
        """Whether the other side does not keep up."""
        self.moved = loop.time()
        """When something was last taken, by the clock of the loop."""

    async def send(self, file: FileIO, size: int) -> bool:
        """Send the first `size` bytes of a file; say whether the connection is still there.

        Raises:
            Corrupt: The file is shorter.
            OSError: The disk does not give it.
        """
        while self._transport.get_write_buffer_size() and not self._is_over():
            await asyncio.sleep(_WAIT_S)  # the head of the reply, which goes at once as a rule
        if self._is_over():
            return False
        # Its own number: the loop lets nobody else wait for that of the transport.
        target = os.dup(self._transport.get_extra_info("socket").fileno())
        try:
            await self._send(target, file.fileno(), size)
        except ConnectionError:  # the transport will notice too, but later than whoever has the reply
            self._cycle.disconnected = True
            self._transport.abort()
        finally:
            os.close(target)
        return not self._is_over()

    def wake(self) -> None:
        """Wait no longer: the connection is gone."""
        if self._room is not None and not self._room.done():
            self._room.set_result(None)

    async def _send(self, target: int, source: int, size: int) -> None:
        at = 0
        while at < size and not self._is_over():
            sent, is_full = await run_in_threadpool(_push, target, source, at, size)
            at += sent
            self.moved = self._loop.time()
            if is_full and not self._is_over():
                await self._until_room(target)
        self._cycle.expected_content_length -= at

    async def _until_room(self, target: int) -> None:
        self._room, self.waits = self._loop.create_future(), True
        self._loop.add_writer(target, self.wake)
        try:
            await self._room
        finally:
            self._loop.remove_writer(target)
            self._room, self.waits = None, False

    def _is_over(self) -> bool:
        return self._cycle.disconnected or self._transport.is_closing()


def _push(target: int, source: int, at: int, size: int) -> tuple[int, bool]:
    """Give a socket what it takes now of a file, for one turn; say how much, and whether it is full."""
    done, end = at, min(size, at + _TURN)
    while done < end:
        try:
            count = os.sendfile(target, source, done, min(_AT_ONCE, end - done))
        except BlockingIOError:
            return done - at, True
        if not count:
            raise Corrupt("a file became shorter while it was sent")
        done += count
    return done - at, False


def can_send_files(transport: asyncio.Transport) -> bool:
    """Say whether files can go past this process: not through TLS, and Linux alone is tested."""
    return sys.platform == "linux" and transport.get_extra_info("sslcontext") is None
