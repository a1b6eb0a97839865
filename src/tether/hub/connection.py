"""One connection of the server: the parser of uvicorn, with a bound on heads and a deadline of progress.

Without the bound a head without end would fill the memory; without the deadline a client that sends or takes
nothing more would hold a connection, and what its request has open, for ever.
"""

import asyncio
from asyncio.events import TimerHandle
from typing import ClassVar

import httptools
from starlette.types import Message
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from tether.hub.largebody import EXTENSION, LEAST, SPARE, LargeBody, length_of
from tether.hub.sentfile import FILE, SentFile, can_send_files

MAX_HEAD = 64 << 10
"""Bytes of a request before its body; of one without end, one read more may come before it is refused."""
_EACH = 32
"""Bytes that a header counts beside its own, so that there are not too many small ones."""
_TOO_LARGE = "The head of the request is too large."
_LOOKS = 4
"""How often progress is looked at in the time that a connection may stand still."""


class Connection(HttpToolsProtocol):
    """A connection that is cut when nothing moves for `stall_s` seconds though something should."""

    stall_s: ClassVar[float]

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn
        """Begin to watch."""
        super().connection_made(transport)
        self._head = self._named = 0
        self._coming: int | None = None
        self._large: LargeBody | None = None
        self._last: memoryview | None = None
        self._sent: SentFile | None = None
        self._begun = self._in_body = self._full = False
        self._moved = self.loop.time()
        self._watch: TimerHandle | None = None
        self._look()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop watching."""
        if self._watch is not None:
            self._watch.cancel()
        super().connection_lost(exc)
        self._last = None
        if self._large is not None:
            self._large.pass_over()
        if self._sent is not None:
            self._sent.wake()

    def data_received(self, data: bytes) -> None:
        """Count what belongs to a head and refuse one that does not end."""
        self.moved()
        self._begun = True
        if not self._in_body:
            self._head += len(data)
        super().data_received(data)
        if self._head > MAX_HEAD and not self.transport.is_closing():
            self.send_400_response(_TOO_LARGE)

    def on_message_begin(self) -> None:
        """Begin to count."""
        self._named = 0
        super().on_message_begin()

    def on_url(self, url: bytes) -> None:
        """Count what came whole in one read too."""
        self._count(len(url))
        super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        """Count what came whole in one read too."""
        self._count(len(name) + len(value) + _EACH)
        super().on_header(name, value)

    def _count(self, size: int) -> None:
        self._named += size
        if self._named > MAX_HEAD:
            raise ValueError(_TOO_LARGE)  # the parser stops, and the request is refused

    def send_400_response(self, msg: str) -> None:
        """Refuse a request, and say why where it is known; within the body of a reply nothing can be said."""
        if self._sent is not None:
            self.transport.abort()
            return
        super().send_400_response(_TOO_LARGE if self._named > MAX_HEAD else msg)

    def on_headers_complete(self) -> None:
        """Go from the head to the body."""
        self._head, self._in_body = 0, True
        self._coming = length_of(self.headers)
        before = self.cycle
        super().on_headers_complete()
        if self.cycle is not before:
            self._offer_rooms(self.cycle)
            if can_send_files(self.transport):
                self._offer_files(self.cycle)

    def on_body(self, body: bytes) -> None:
        """Count what is still to come."""
        if self._coming is not None:
            self._coming -= len(body)
        super().on_body(body)

    def on_message_complete(self) -> None:
        """Expect the next head."""
        self._in_body = False
        super().on_message_complete()

    def on_response_complete(self) -> None:
        """Throw away what is left of the body, and keep the room that had the end of it."""
        if self._large is not None:
            self._large.pass_over()
        last, self._last = self._last, None
        if last is not None:
            SPARE.keep(last, self.loop)
        super().on_response_complete()

    def moved(self) -> None:
        """Take note that something came."""
        self._moved = self.loop.time()
        self._unset_keepalive_if_required()

    def _offer_rooms(self, cycle: RequestResponseCycle) -> None:
        """Let the application have the body of a request past the parser if it asks for that."""
        usual, large = cycle.receive, list[LargeBody]()

        async def receive() -> Message:
            if not large:
                return await usual()  # type: ignore[return-value]
            message = await large[0].message()
            if not message.get("more_body"):  # its rooms must not wait for the garbage collector
                self._last = large.pop().last()
            return message

        def take() -> bool:
            large.extend(self._taken(cycle))
            return bool(large)

        cycle.receive = receive  # type: ignore[method-assign, assignment]
        cycle.scope["extensions"] = {EXTENSION: take}  # type: ignore[dict-item]

    def _taken(self, cycle: RequestResponseCycle) -> list[LargeBody]:
        """Return what takes the rest of a body, none where that is not worth it."""
        left, is_over = self._coming or 0, cycle.disconnected or cycle.response_complete
        if self.cycle is not cycle or left < LEAST or is_over or cycle.waiting_for_100_continue:
            return []
        self._large = LargeBody(self, cycle, left)
        self.transport.set_protocol(self._large)
        self.flow.resume_reading()
        return [self._large]

    def _offer_files(self, cycle: RequestResponseCycle) -> None:
        """Let the application have files sent past this process."""
        usual = cycle.send

        async def send(message: Message) -> None:
            if message["type"] != FILE:
                await usual(message)  # type: ignore[arg-type]
                return
            if cycle.scope["method"] != "HEAD":
                message["size"] = await self._file_sent(cycle, message)
            if not cycle.disconnected:
                await usual({"type": "http.response.body", "body": b"", "more_body": False})

        cycle.send = send  # type: ignore[method-assign, assignment]
        cycle.scope["extensions"][FILE] = {}

    async def _file_sent(self, cycle: RequestResponseCycle, message: Message) -> int:
        """Send a file as the body of a reply; return how many bytes went."""
        self._sent = SentFile(self.transport, cycle, self.loop)
        try:
            return await self._sent.send(message["file"], message["size"])
        finally:
            self._sent = None

    def end_large(self) -> None:
        """Go back to the parser, to one that expects a request: the other one still waits for the body."""
        self._large = None
        self.transport.set_protocol(self)
        self.parser = httptools.HttpRequestParser(self)
        self.parser.set_dangerous_leniencies(lenient_data_after_close=True)
        self.on_message_complete()

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
        is_full = self._full
        if self._sent is not None and self._sent.waits:
            is_full, self._moved = True, max(self._moved, self._sent.moved)
        if self.flow.read_paused and not is_full:  # what comes stays in the kernel until it is asked for
            self._moved = self.loop.time()
        if (awaits or is_full) and self.loop.time() - self._moved > self.stall_s:
            self.transport.abort()
            return
        self._watch = self.loop.call_later(self.stall_s / _LOOKS, self._look)


def connection_class(stall_s: float) -> type[Connection]:
    """Return the class of connections that may stand still for so long, in seconds."""
    return type("Connection", (Connection,), {"stall_s": stall_s})
