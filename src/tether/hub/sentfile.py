"""A file on its way from the page cache to a socket, without a copy in this process.

An application sends a message of type `FILE` where the server offers it as an extension, with the open file
and how many of its bytes are the body; the server replaces the number by how many went. Threads give them
to the socket, as many as it takes at once, and none waits for whoever is slow: the event loop tells when
there is room again.
Decision: docs/adr/0078-packs-past-the-hub.md.
"""

import asyncio
import errno
import os
import sys
from io import FileIO
from threading import Lock
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
_GONE = frozenset(
    {
        errno.ECONNABORTED,
        errno.ECONNRESET,
        errno.EHOSTUNREACH,
        errno.ENETDOWN,
        errno.ENETUNREACH,
        errno.ENOTCONN,
        errno.EPIPE,
        errno.ETIMEDOUT,
    }
)
"""What a socket says when the other side is not there any more."""
_NOT_POSSIBLE = frozenset({errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP})


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
    """Return how many bytes of a body a message sent, when it is sent."""
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

    async def send(self, file: FileIO, size: int) -> int:
        """Send the first `size` bytes of a file; return how many went, fewer if the connection is gone.

        Then the request says so too: the transport tells it only after the application had its turn.

        Raises:
            Corrupt: The file is shorter.
            OSError: The disk does not give it.
        """
        sent = await self._sent_of(file, size)
        if sent < size:
            self._cycle.disconnected = True
        return sent

    async def _sent_of(self, file: FileIO, size: int) -> int:
        self.waits = True
        while self._transport.get_write_buffer_size() and not self._is_over():
            await asyncio.sleep(_WAIT_S)  # the head of the reply, which goes at once as a rule
        self.waits = False
        if self._is_over():
            return 0
        ends = _Ends(self._transport.get_extra_info("socket").fileno(), file.fileno())
        try:
            return await self._send(ends, size)
        finally:
            ends.give_up()

    def wake(self) -> None:
        """Wait no longer: the connection is gone."""
        if self._room is not None and not self._room.done():
            self._room.set_result(None)

    async def _send(self, ends: "_Ends", size: int) -> int:
        at = 0
        while at < size and not self._is_over():
            try:
                sent, is_full = await run_in_threadpool(ends.push, at, size)
            except OSError as error:
                if error.errno not in _GONE:
                    raise
                self._transport.abort()
                break
            at += sent
            self.moved = self._loop.time()
            if is_full and not self._is_over():
                await self._until_room(ends.target)
        self._cycle.expected_content_length -= at
        return at

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


class _Ends:
    """The socket and the file under numbers of their own, closed when no thread uses them any more.

    A request may be cancelled while a thread is at work. If it had only borrowed the numbers, they would
    name other files by then. And the loop lets nobody else wait for the number of the transport.
    """

    def __init__(self, target: int, source: int) -> None:
        self._lock = Lock()
        self._busy = self._given_up = False
        self.target = os.dup(target)
        try:
            self._source = os.dup(source)
        except OSError:
            os.close(self.target)
            raise

    def push(self, at: int, size: int) -> tuple[int, bool]:
        """Give the socket what it takes now, for one turn; say how much, and whether it is full.

        Raises:
            Corrupt: The file is shorter than `size`.
            OSError: The other side is gone, or the disk does not give it.
        """
        with self._lock:
            if self._given_up:
                return 0, False
            self._busy = True
        try:
            return _push(self.target, self._source, at, size)
        finally:
            self._rest()

    def _rest(self) -> None:
        with self._lock:
            self._busy = False
            if self._given_up:
                self._close()

    def give_up(self) -> None:
        """Close both, or let the thread do so that is at work."""
        with self._lock:
            self._given_up = True
            if not self._busy:
                self._close()

    def _close(self) -> None:
        os.close(self.target)
        os.close(self._source)


def _push(target: int, source: int, at: int, size: int) -> tuple[int, bool]:
    done, end = at, min(size, at + _TURN)
    while done < end:
        try:
            count = _give(target, source, done, min(_AT_ONCE, end - done))
        except BlockingIOError:
            return done - at, True
        except OSError:
            if done == at:
                raise
            break  # the next turn tells
        if not count:
            raise Corrupt("a file became shorter while it was sent")
        done += count
    return done - at, False


def _give(target: int, source: int, at: int, most: int) -> int:
    try:
        return os.sendfile(target, source, at, most)
    except OSError as error:
        if error.errno not in _NOT_POSSIBLE:  # as from some file systems in user space
            raise
    data = os.pread(source, most, at)
    return os.write(target, data) if data else 0


def can_send_files(transport: asyncio.Transport) -> bool:
    """Say whether files can go past this process: not through TLS, and Linux alone is tested."""
    return sys.platform == "linux" and transport.get_extra_info("sslcontext") is None
