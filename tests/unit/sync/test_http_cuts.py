"""Cut replies are asked for again, wherever the cut is."""

import pytest
from tests.support.answering import answering

from tether.errors import Unavailable
from tether.sync.http import Request

BODY = b"x" * 100
REPLY = b"HTTP/1.1 200 OK\r\nServer: test\r\nContent-Length: 100\r\nETag: one\r\n\r\n" + BODY


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
