"""Cut replies are asked for again, wherever the cut is."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import pytest

from tether.errors import Unavailable
from tether.sync.http import HttpClient, HttpOptions, Request

BODY = b"x" * 100
REPLY = b"HTTP/1.1 200 OK\r\nServer: test\r\nContent-Length: 100\r\nETag: one\r\n\r\n" + BODY


@contextmanager
def answering(*replies: bytes) -> Iterator[HttpClient]:
    """Yield a client of a server that gives one of these on each connection, and then closes it."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            for reply in replies:
                with suppress(OSError):
                    connection, _ = server.accept()
                    with connection:
                        connection.recv(65536)
                        connection.sendall(reply)

        thread = threading.Thread(target=serve)
        thread.start()
        options = HttpOptions(tries=len(replies), sleep=lambda _: None)
        client = HttpClient(f"http://127.0.0.1:{server.getsockname()[1]}", options=options)
        try:
            yield client
        finally:
            client.close()
            with suppress(OSError):
                server.shutdown(socket.SHUT_RDWR)
            thread.join()


@pytest.mark.parametrize("at", [0, 5, 17, 25, 32, 40, 54, 60, 66, 67, 68, 70, 120, len(REPLY) - 1])
def test_a_cut_reply_is_asked_for_again(at: int) -> None:
    """Also where the cut is in the headers, and the body would seem to be empty."""
    with answering(REPLY[:at], REPLY) as client:
        assert client.call(Request("GET", "/")) == BODY


def test_a_reply_without_a_length_is_none() -> None:
    """Nobody could say whether it is whole."""
    with answering(b"HTTP/1.1 200 OK\r\n\r\n" + BODY) as client, pytest.raises(Unavailable):
        client.call(Request("GET", "/"))


def test_replies_that_tell_their_length_otherwise() -> None:
    """In chunks, or empty by their status."""
    chunked = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"
    with answering(chunked) as client:
        assert client.call(Request("GET", "/")) == b"abc"
    with answering(b"HTTP/1.1 204 No Content\r\n\r\n") as client:
        assert client.call(Request("GET", "/")) == b""
