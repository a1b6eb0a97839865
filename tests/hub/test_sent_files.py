"""Files that go from the disk to a socket past the hub: all of them, at anybody's pace, or a clear end."""

import os
import random
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from io import FileIO
from pathlib import Path

import pytest
from starlette.types import Receive, Scope, Send
from tests.support.rawserver import NEXT, RawServer

from tether.hub import sentfile
from tether.hub.sentfile import FileReply, takes_files

STALL_S = 1.0
DATA = random.Random(1).randbytes((24 << 20) + 12_345)
"""More than the buffers of two sockets hold, and than one turn of a thread."""
GET = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"


class Application:
    """Answers with a file, or to `/next` with a word."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.files: list[FileIO] = []
        self.ended = threading.Event()
        self.cut_to: int | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["path"] == "/next":
            headers = [(b"content-length", b"4")]
            await send({"type": "http.response.start", "status": 200, "headers": headers})
            await send({"type": "http.response.body", "body": b"next"})
            return
        assert takes_files(scope)
        self.ended.clear()
        self.files.append(FileIO(self.path))
        reply = FileReply(self.files[-1], "application/octet-stream")
        if self.cut_to is not None:
            os.truncate(self.path, self.cut_to)
        try:
            await reply(scope, receive, send)
        finally:
            self.ended.set()


class Running(RawServer):
    """A server in a thread, with its application."""

    def __init__(self, path: Path) -> None:
        self.application = Application(path)
        super().__init__(self.application, STALL_S)


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Running]:
    """Return a server of one file; every file that it opened is closed in the end."""
    path = tmp_path / "file"
    path.write_bytes(DATA)
    made = Running(path)
    yield made
    made.stop()
    assert all(file.closed for file in made.application.files)


def _read(connection: socket.socket, at_once: int, pause_s: float = 0) -> bytes:
    """Read the reply to one request to the end of the file, or of the connection."""
    data = bytearray()
    head: bytes | None = None
    while head is None or len(data) < len(head) + len(DATA):
        piece = connection.recv(at_once)
        if not piece:
            break
        data += piece
        time.sleep(pause_s)
        if head is None and b"\r\n\r\n" in data:
            head = bytes(data[: data.index(b"\r\n\r\n") + 4])
    assert head is not None
    assert b"content-length: %d" % len(DATA) in head.lower()
    return bytes(data[len(head) :])


def _within(seconds: float, is_so: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + seconds
    while not is_so() and time.monotonic() < deadline:
        time.sleep(0.01)
    return is_so()


def test_a_file_comes_whole_and_the_connection_serves_on(running: Running) -> None:
    """Twice, and then another request on the same connection."""
    with closing(running.connected()) as connection:
        for _ in range(2):
            connection.sendall(GET)
            assert _read(connection, 1 << 20) == DATA
        connection.sendall(NEXT)
        assert b"next" in b"".join(iter(lambda: connection.recv(65536), b""))


def test_requests_sent_together_are_answered_in_turn(running: Running) -> None:
    """What follows the file is the reply to the next request."""
    replies = running.exchange(GET + NEXT)
    head = replies.index(b"\r\n\r\n") + 4
    assert replies[head : head + len(DATA)] == DATA
    assert replies.endswith(b"next")


def test_one_who_reads_slowly_gets_all_of_it(running: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    """Longer than a connection may stand still, since something moves all the time."""
    turns = []
    push = sentfile._push

    def counted(*args: int) -> tuple[int, bool]:
        turns.append(push(*args))
        return turns[-1]

    monkeypatch.setattr(sentfile, "_push", counted)
    with closing(running.connected()) as connection:
        connection.sendall(GET)
        assert _read(connection, 256 << 10, pause_s=0.02) == DATA
    assert any(is_full for _, is_full in turns)


def test_one_who_reads_no_more_is_cut(running: Running) -> None:
    """After the time in which something must move, and the file is closed then."""
    with closing(running.connected()) as connection:
        connection.sendall(GET)
        connection.recv(1000)
        assert not running.application.ended.wait(STALL_S / 2)
        assert running.application.ended.wait(4 * STALL_S)
        rest = b"".join(iter(lambda: connection.recv(1 << 20), b""))
        assert len(rest) < len(DATA)


def test_one_who_leaves_is_noticed(running: Running) -> None:
    """Nothing waits for them."""
    with closing(running.connected()) as connection:
        connection.sendall(GET)
        connection.recv(1000)
    assert running.application.ended.wait(STALL_S / 2)
    assert _within(5, lambda: all(file.closed for file in running.application.files))


def test_others_are_served_while_one_waits(running: Running) -> None:
    """No thread waits with who is slow: there are fewer than those who are."""
    waiting = [running.connected() for _ in range(50)]
    try:
        for connection in waiting:
            connection.sendall(GET)
        with closing(running.connected()) as connection:
            connection.sendall(GET)
            assert _read(connection, 1 << 20) == DATA
    finally:
        for connection in waiting:
            connection.close()


def test_a_file_that_is_cut_short_meanwhile_ends_the_connection(running: Running) -> None:
    """The reply says how long it is to be, so whoever reads it knows that some is missing."""
    running.application.cut_to = len(DATA) // 2
    with closing(running.connected()) as connection:
        connection.sendall(GET)
        assert _read(connection, 1 << 20) == DATA[: len(DATA) // 2]
