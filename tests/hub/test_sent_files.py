"""Files that go from the disk to a socket past the hub: all of them, at anybody's pace, or a clear end."""

import asyncio
import errno
import os
import random
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from io import FileIO
from pathlib import Path
from unittest.mock import Mock

import pytest
from starlette.types import Message, Receive, Scope, Send
from tests.support.rawserver import NEXT, RawServer

from tether.hub import sentfile
from tether.hub.sentfile import FILE, FileReply, SentFile, body_size, takes_files

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
        self.sizes: list[int] = []
        self._task: asyncio.Task[object] | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    def cancel(self) -> None:
        """Cancel the request that was last begun, as a server does that has to stop."""
        assert self._loop is not None
        assert self._task is not None
        self._loop.call_soon_threadsafe(self._task.cancel)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["path"] == "/next":
            headers = [(b"content-length", b"4")]
            await send({"type": "http.response.start", "status": 200, "headers": headers})
            await send({"type": "http.response.body", "body": b"next"})
            return
        assert takes_files(scope)
        self._task, self._loop = asyncio.current_task(), asyncio.get_running_loop()
        self.ended.clear()
        self.files.append(FileIO(self.path))
        reply = FileReply(self.files[-1], "application/octet-stream")
        if self.cut_to is not None:
            os.truncate(self.path, self.cut_to)
        try:
            await reply(scope, receive, self._counted(send))
        finally:
            self.ended.set()

    def _counted(self, send: Send) -> Send:
        async def counted(message: Message) -> None:
            await send(message)
            if message["type"] == FILE:
                self.sizes.append(body_size(message))

        return counted


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


def test_one_who_does_not_take_the_head_is_waited_for_as_for_the_file() -> None:
    """So a connection on which nothing moves is cut then, too."""

    async def run() -> None:
        transport = Mock(**{"get_write_buffer_size.return_value": 1, "is_closing.return_value": False})
        cycle = Mock(disconnected=False)
        sent = SentFile(transport, cycle, asyncio.get_running_loop())
        with FileIO(__file__) as file:
            task = asyncio.create_task(sent.send(file, 10))
            await asyncio.sleep(0.02)
            assert sent.waits
            cycle.disconnected = True
            assert await task == 0

    asyncio.run(run())


def test_one_who_asks_on_and_takes_nothing_is_cut(running: Running) -> None:
    """Though what they ask next waits to be read."""
    with closing(running.connected()) as connection:
        connection.sendall(GET + NEXT)
        assert running.application.ended.wait(6 * STALL_S)


def test_what_is_no_request_does_not_get_into_the_file(running: Running) -> None:
    """The connection ends; what is said of the mistake would be taken for a part of the file."""
    with closing(running.connected()) as connection:
        connection.sendall(GET)
        first = connection.recv(1000)
        connection.sendall(b"no request at all\r\n\r\n")
        rest = first + b"".join(iter(lambda: connection.recv(1 << 20), b""))
    assert b"400" not in rest[-1000:]
    assert len(rest) < len(DATA)


def test_a_thread_outlives_the_request_and_no_number_of_a_file(running: Running) -> None:
    """A request that is cancelled waits for none; the thread has names of its own for socket and file."""
    begun, may, pushed = threading.Event(), threading.Event(), list[tuple[int, int, str]]()

    def slow(target: int, source: int, at: int, size: int) -> tuple[int, bool]:
        begun.set()
        assert may.wait(20)
        pushed.append((target, source, str(Path(f"/proc/self/fd/{source}").readlink())))
        return 0, False

    with pytest.MonkeyPatch.context() as patched, closing(running.connected()) as connection:
        patched.setattr(sentfile, "_push", slow)
        connection.sendall(GET)
        assert begun.wait(20)
        running.application.cancel()
        assert _within(20, lambda: running.application.files[-1].closed)
        others = [FileIO(__file__) for _ in range(10)]
        may.set()
        assert _within(20, lambda: bool(pushed))
        for other in others:
            other.close()
    [(target, source, path)] = pushed
    assert path == str(running.application.path)
    assert _within(20, lambda: not _is_open(source, path))
    assert target != source


def _is_open(number: int, path: str) -> bool:
    try:
        return str(Path(f"/proc/self/fd/{number}").readlink()) == path
    except OSError:
        return False


def test_a_file_that_no_system_call_sends_is_copied(
    running: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Some file systems in user space give no pages away."""

    def refuse(*_: int) -> int:
        raise OSError(errno.EINVAL, "invalid argument")

    monkeypatch.setattr(os, "sendfile", refuse)
    replies = running.exchange(GET + NEXT)
    head = replies.index(b"\r\n\r\n") + 4
    assert replies[head : head + len(DATA)] == DATA


def test_to_a_question_for_the_head_no_file_is_sent(running: Running) -> None:
    """And what follows on the connection is the next reply."""
    replies = running.exchange(GET.replace(b"GET", b"HEAD") + NEXT)
    assert len(replies) < 1000
    assert replies.endswith(b"next")


def test_what_went_is_counted(running: Running) -> None:
    """All of it, or what went before the other side left."""
    running.exchange(GET + NEXT)
    assert running.application.sizes[0] == len(DATA)
    with closing(running.connected()) as connection:
        connection.sendall(GET)
        connection.recv(1000)
    assert running.application.ended.wait(20)
    assert _within(20, lambda: len(running.application.sizes) == 2)
    assert 0 < running.application.sizes[1] < len(DATA)


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
