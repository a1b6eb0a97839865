"""A body of known length on its way from the socket to memory, past the parser and without a copy.

While one room is filled, the application works on the other. Reading stops where it does not keep up, and
never goes beyond the body, so what follows on the connection is left to the parser.
"""

import asyncio
from collections.abc import Callable
from mmap import MAP_ANONYMOUS, MAP_PRIVATE, mmap
from typing import TYPE_CHECKING, Any, ClassVar
from weakref import WeakSet

from starlette.types import Message

if TYPE_CHECKING:
    from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

    from tether.hub.connection import Connection

ROOM = 1 << 20
"""Bytes that are given to the application at a time, but for the first and the last ones."""
WIDE_ROOM = 8 << 20
"""The same for the first few bodies at once: each room that changes hands costs the interpreter's lock."""
WIDE_BODIES = 4
"""Bodies at once that have wide rooms, so that many together take little memory."""
LEAST = 256 << 10
"""Bytes of a body for which it is worth it."""
EXTENSION = "tether.rooms"
"""Name in the scope of a request of what `take_rooms` calls."""
SPARE_S = 5.0
"""How long wide rooms wait for the next body, in seconds, after the last one that was kept."""
SPARE_ROOMS = 4
_ROOMS = 2
_UNWANTED = 64 << 10
"""Bytes that are thrown away at a time."""


class SpareRooms:
    """Wide rooms of bodies that ended, for those to come: new ones have 2048 pages to get and to clear."""

    def __init__(self) -> None:
        self._rooms: list[memoryview] = []
        self._kept_s = 0.0

    def take(self, size: int) -> memoryview:
        """Return a room of so many bytes, with whatever it had."""
        if size == WIDE_ROOM and self._rooms:
            return self._rooms.pop()
        return memoryview(mmap(-1, size, flags=MAP_PRIVATE | MAP_ANONYMOUS))

    def keep(self, room: memoryview, loop: asyncio.AbstractEventLoop) -> None:
        """Keep a room that nobody uses any more for a while, if it is a wide one and there are not enough."""
        if len(room) == WIDE_ROOM and len(self._rooms) < SPARE_ROOMS:
            self._rooms.append(room)
            self._kept_s = loop.time()
            loop.call_later(SPARE_S, self._let_go, self._kept_s)

    def _let_go(self, kept_s: float) -> None:
        if kept_s == self._kept_s:
            self._rooms.clear()


SPARE = SpareRooms()


class LargeBody(asyncio.BufferedProtocol):
    """Takes the place of a connection until the body has come; used by the thread of the event loop alone.

    Args:
        connection: Whose place it takes; everything but the body is told to it.
        cycle: The request, with what the parser has taken of the body.
        left: Bytes that are still to come, at least one.
    """

    _wide: ClassVar[WeakSet["LargeBody"]] = WeakSet()
    """Those with wide rooms."""

    def __init__(self, connection: "Connection", cycle: "RequestResponseCycle", left: int) -> None:
        self._connection, self._cycle, self._left = connection, cycle, left
        began, cycle.body = cycle.body, bytearray()
        # With what the parser took in the first room, each begins at a multiple of its size in the body: so
        # it can be written past the page cache.
        size = max(len(began) + 1, min(self._room(), left + len(began)))
        self._rooms = [SPARE.take(size) for _ in range(_ROOMS)]
        self._free = list(self._rooms)
        self._filling, self._filled = self._free.pop(), len(began)
        self._filling[: len(began)] = began
        self._ready: list[memoryview] = []
        self._given: memoryview | None = None
        self._news = asyncio.Event()
        self._unwanted = False

    def _room(self) -> int:
        """Return how large rooms may be now, in bytes."""
        if len(self._wide) >= WIDE_BODIES:
            return ROOM
        self._wide.add(self)
        return WIDE_ROOM

    # -- what the application asks ------------------------------------------------------------

    async def message(self) -> Message:
        """Return the next message; what the one before had is written over."""
        self._give_back()
        while self._left and not self._ready and not self._is_over():
            await self._news.wait()
            self._news.clear()
        if self._is_over():
            return {"type": "http.disconnect"}
        if not self._ready:
            return {"type": "http.request", "body": b"", "more_body": False}
        self._given = self._ready.pop(0)
        more = self._left > 0 or bool(self._ready)
        if not more:
            for room in self._free:
                SPARE.keep(room, self._connection.loop)
            self._free.clear()
        return {"type": "http.request", "body": self._given, "more_body": more}

    def last(self) -> memoryview | None:
        """Return the room that was given with the end of the body, which is in use until there is a reply."""
        return None if self._given is None else self._room_of(self._given)

    def pass_over(self) -> None:
        """Throw away what is still to come: the request has its reply, or the connection is gone."""
        self._unwanted, self._filled = True, 0
        for rooms in (self._ready, self._free, self._rooms):  # who sends may take for ever
            rooms.clear()
        self._filling = memoryview(bytearray(_UNWANTED))
        self._wide.discard(self)
        self._news.set()

    def _is_over(self) -> bool:
        return self._cycle.disconnected or self._cycle.response_complete

    def _give_back(self) -> None:
        given, self._given = self._given, None
        room = None if given is None else self._room_of(given)
        if room is not None:
            self._free.append(room)
            if self._left:  # else what comes is the parser's
                self._connection.flow.resume_reading()

    def _room_of(self, piece: memoryview) -> memoryview | None:
        return next((room for room in self._rooms if room.obj is piece.obj), None)

    # -- what the transport tells -------------------------------------------------------------

    def get_buffer(self, sizehint: int) -> memoryview:
        """Return where the next bytes go, which is never more than there is of the body."""
        if self._filled == len(self._filling):
            self._filling, self._filled = self._free.pop(), 0
        return self._filling[self._filled : self._filled + self._left]

    def buffer_updated(self, nbytes: int) -> None:
        """Take note of bytes that came."""
        self._connection.moved()
        self._left -= nbytes
        if not self._unwanted:
            self._filled += nbytes
            if self._filled == len(self._filling) or not self._left:
                self._ready.append(self._filling[: self._filled])
                self._news.set()
                if self._left and not self._free:
                    self._connection.flow.pause_reading()
        if not self._left:
            self._connection.end_large()

    def eof_received(self) -> None:
        """Tell the connection."""
        self._connection.eof_received()

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell the connection."""
        self._connection.connection_lost(exc)

    def pause_writing(self) -> None:
        """Tell the connection."""
        self._connection.pause_writing()

    def resume_writing(self) -> None:
        """Tell the connection."""
        self._connection.resume_writing()


def length_of(headers: list[tuple[bytes, bytes]]) -> int | None:
    """Return how long a body is; None where that is not said, or in another way."""
    found: list[bytes] = []
    for name, value in headers:
        if name in (b"transfer-encoding", b"upgrade"):
            return None
        if name == b"content-length":
            found.append(value)
    return int(found[0]) if len(found) == 1 and found[0].isdigit() and len(found[0]) < 19 else None


def take_rooms(scope: Any) -> bool:
    """Ask for the body of a request in rooms.

    Each is written over when the next one is asked for, or, for another request, when there is a reply.

    Returns:
        Whether it comes so; else it comes as always, in pieces that stay.
    """
    ask: Callable[[], bool] | None = (scope.get("extensions") or {}).get(EXTENSION)
    return ask is not None and ask()
