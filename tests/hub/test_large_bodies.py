"""Large bodies that go past the parser: what is before and after them on the connection stays what it was."""

import asyncio
import random
import threading
import time
from collections.abc import Iterator
from contextlib import closing

import pytest
from starlette.requests import ClientDisconnect, Request
from starlette.types import Receive, Scope, Send
from tests.support.rawserver import NEXT, RawServer

from tether.core.digest import hash_bytes
from tether.hub import largebody
from tether.hub.largebody import LEAST, ROOM, take_rooms

STALL_S = 1.0
BODY = random.Random(1).randbytes(5 * ROOM + 12_345)


class Application:
    """Answers with the digest of a body and with how it came; some paths misbehave."""

    def __init__(self) -> None:
        self.cut = threading.Event()
        self.pieces: list[int] = []
        self.rooms: list[object] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["path"] == "/refuse":
            take_rooms(scope)
            await receive()
            await self._reply(send, 403, b"no")
            return
        in_rooms = scope["method"] == "PUT" and take_rooms(scope)
        data, self.pieces, self.rooms = bytearray(), [], []
        try:
            async for piece in Request(scope, receive).stream():
                if scope["path"] == "/slow":
                    await asyncio.sleep(0.02)
                data += piece
                self.pieces.append(len(piece))
                self.rooms.append(memoryview(piece).obj)
        except ClientDisconnect:
            self.cut.set()
            raise
        await self._reply(send, 200, b"%d " % in_rooms + hash_bytes(data).hex().encode())

    async def _reply(self, send: Send, status: int, body: bytes) -> None:
        headers = [(b"content-length", str(len(body)).encode())]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})


class Running(RawServer):
    """A server in a thread, with its application."""

    def __init__(self) -> None:
        self.application = Application()
        super().__init__(self.application, STALL_S)


@pytest.fixture(scope="module")
def running() -> Iterator[Running]:
    """Return a server."""
    made = Running()
    yield made
    made.stop()


@pytest.fixture(autouse=True)
def _narrow(monkeypatch: pytest.MonkeyPatch) -> None:
    """Give all bodies narrow rooms, so that small ones fill several."""
    monkeypatch.setattr(largebody, "WIDE_BODIES", 0)


def put(path: bytes = b"/", body: bytes = BODY, more: bytes = b"") -> bytes:
    """Return a request with a body of known length."""
    return b"PUT %b HTTP/1.1\r\nHost: x\r\n%bContent-Length: %d\r\n\r\n%b" % (path, more, len(body), body)


def said(body: bytes, in_rooms: bool = True) -> bytes:
    """Return what the application says of a body."""
    return b"%d " % in_rooms + hash_bytes(body).hex().encode()


def test_a_body_comes_in_rooms(running: Running) -> None:
    """With what the parser took of it; what follows is another request."""
    replies = running.exchange(put(), NEXT)
    assert replies.count(b"HTTP/1.1 200") == 2
    assert said(BODY) in replies
    assert said(b"", in_rooms=False) in replies


def test_rooms_begin_at_multiples_of_their_length(running: Running) -> None:
    """Whatever came with the head: so a disk can take them as they are."""
    request = put(more=b"Connection: close\r\n")
    head = len(request) - len(BODY)
    more = head + 999
    for parts in (
        [request],
        [request[:head], request[head:]],
        [request[:more], request[more:]],
    ):
        assert said(BODY) in running.exchange(*parts, pause_s=0.05)
        assert [size for size in running.application.pieces if size] == [ROOM] * 5 + [12_345]


@pytest.mark.parametrize("size", [LEAST + 70_000, ROOM, 2 * ROOM, 2 * ROOM + 1])
def test_bodies_of_any_length(running: Running, size: int) -> None:
    """The head comes alone, then the body in one go or in two; what follows is taken for the next request."""
    head, body = put(body=BODY[:size])[:-size], BODY[:size]
    assert said(body) in running.exchange(head, body + NEXT, pause_s=0.05)
    replies = running.exchange(head + body[:-1], body[-1:] + NEXT, pause_s=0.05)
    assert hash_bytes(body).hex().encode() in replies  # in whichever way: much may have come with the head
    assert replies.count(b"HTTP/1.1 200") == 2


def test_requests_that_do_not_wait_for_replies(running: Running) -> None:
    """Several in one row, while the application is slow: each has its own body."""
    replies = running.exchange(put(b"/slow") + put(body=BODY[: 2 * ROOM]) + put(body=b"small") + NEXT)
    assert replies.count(b"HTTP/1.1 200") == 4
    order = [replies.index(said(BODY)), replies.index(said(BODY[: 2 * ROOM]))]
    assert order == sorted(order)
    assert said(b"small", in_rooms=False) in replies


def test_a_slow_application_has_every_byte(running: Running) -> None:
    """Nothing is written over before it asks for more."""
    assert said(BODY) in running.exchange(put(b"/slow"), NEXT)


def test_few_bodies_at_once_have_wide_rooms(running: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    """Those that come while there are enough have narrow ones, until others end in whatever way."""
    monkeypatch.setattr(largebody, "WIDE_BODIES", 2)
    monkeypatch.setattr(largebody, "WIDE_ROOM", 2 * ROOM)
    request, wide = put(more=b"Connection: close\r\n"), [2 * ROOM, 2 * ROOM, ROOM + 12_345]

    def pieces() -> list[int]:
        assert said(BODY) in running.exchange(request)
        return [size for size in running.application.pieces if size]

    for path in (b"/", b"/refuse"):
        assert pieces() == wide
        with closing(running.connected()) as one, closing(running.connected()) as two:
            for connection in (one, two):
                connection.sendall(put(path)[: 2 * ROOM + 500])
            time.sleep(0.1)
            assert pieces() == ([ROOM] * 5 + [12_345] if path == b"/" else wide)
        time.sleep(0.1)
    assert pieces() == wide


def test_wide_rooms_are_used_again(running: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    """Those of one body by the next, for a while; those of one that was refused or cut by none."""
    monkeypatch.setattr(largebody, "WIDE_BODIES", 2)
    monkeypatch.setattr(largebody, "WIDE_ROOM", 2 * ROOM)
    monkeypatch.setattr(largebody, "SPARE_S", 0.5)
    request = put(more=b"Connection: close\r\n")

    def spare() -> set[int]:
        kept.extend(largebody.SPARE._rooms)  # so that no other has the same address
        return {id(room.obj) for room in largebody.SPARE._rooms}

    kept: list[memoryview] = []
    assert said(BODY) in running.exchange(request)
    first = spare()
    assert len(first) == 2
    assert said(BODY) in running.exchange(request)
    assert {id(room) for room in running.application.rooms if room} <= first
    assert spare() == first
    assert b"HTTP/1.1 403" in running.exchange(put(b"/refuse"), NEXT)
    assert spare() == set()  # the rest of its body may have been on its way to them
    assert said(BODY) in running.exchange(request)
    assert len(spare()) == 2
    running.application.cut.clear()
    with closing(running.connected()) as connection:
        connection.sendall(put()[: 2 * ROOM + 17])
    assert running.application.cut.wait(10)
    assert spare() == set()
    assert said(BODY) in running.exchange(request)
    assert len(spare()) == 2
    time.sleep(1)
    assert spare() == set()


def test_few_wide_rooms_are_kept(running: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many bodies had some."""
    monkeypatch.setattr(largebody, "WIDE_BODIES", 9)
    monkeypatch.setattr(largebody, "WIDE_ROOM", 2 * ROOM)
    threads = [threading.Thread(target=running.exchange, args=(put(b"/slow"), NEXT)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert 0 < len(largebody.SPARE._rooms) <= largebody.SPARE_ROOMS


def test_what_is_not_wanted_is_passed_over(running: Running) -> None:
    """The reply came while the body was on its way; the connection is good for the next request."""
    replies = running.exchange(put(b"/refuse"), put(), NEXT, pause_s=0.05)
    assert replies.startswith(b"HTTP/1.1 403")
    assert said(BODY) in replies
    assert replies.count(b"HTTP/1.1 ") == 3


@pytest.mark.parametrize(
    "request_",
    [
        put(body=BODY[:1000]),
        b"PUT / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
        b"%x\r\n%b\r\n0\r\n\r\n" % (len(BODY), BODY),
        put(more=b"Expect: 100-continue\r\n"),
        b"POST" + put()[3:],
    ],
    ids=["small", "chunked", "expected", "not asked for"],
)
def test_other_bodies_come_as_always(running: Running, request_: bytes) -> None:
    """Those whose length is not known, and those that nobody asked for in this way."""
    body = BODY[:1000] if len(request_) < 2000 else BODY
    assert said(body, in_rooms=False) in running.exchange(request_, NEXT)


def test_a_client_that_goes_away_is_noticed(running: Running) -> None:
    """In the middle of a body."""
    running.application.cut.clear()
    with closing(running.connected()) as connection:
        connection.sendall(put()[: 2 * ROOM + 17])
    assert running.application.cut.wait(10)


@pytest.mark.parametrize("path", [b"/", b"/refuse"])
def test_a_client_that_sends_nothing_more_is_cut(running: Running, path: bytes) -> None:
    """Whether what it owes is wanted or not."""
    with closing(running.connected()) as connection:
        connection.sendall(put(path)[:-1])
        begun = time.monotonic()
        while connection.recv(65536):
            pass
        assert STALL_S / 2 < time.monotonic() - begun < 10 * STALL_S


def test_a_client_that_is_slow_is_not_cut(running: Running) -> None:
    """A piece now and then is progress."""
    request = put(body=BODY[: 2 * LEAST])
    parts = [request[at : at + 60_000] for at in range(0, len(request), 60_000)]
    assert said(BODY[: 2 * LEAST]) in running.exchange(*parts, NEXT, pause_s=STALL_S / 5)
