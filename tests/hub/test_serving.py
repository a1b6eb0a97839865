"""The socket of a hub."""

import socket

import pytest

from tether.errors import Unavailable
from tether.hub.serving import listen


@pytest.mark.parametrize(("host", "start"), [("127.0.0.1", "http://127.0.0.1:"), ("::1", "http://[::1]:")])
def test_the_socket_queues_before_anything_is_served(host: str, start: str) -> None:
    """Whoever reads the address can connect at once; connections do not collect small replies.

    The server turns that collecting off only on a socket that names its protocol: 40 ms a request.
    """
    with listen(host, 0) as (listener, url):
        assert url.startswith(start)
        with socket.create_connection((host, int(url.rpartition(":")[2]))):
            accepted, _ = listener.accept()
            assert accepted.proto == socket.IPPROTO_TCP
            accepted.close()


def test_an_address_that_is_not_ours() -> None:
    """It is told before anything is served."""
    with pytest.raises(Unavailable, match=r"192\.0\.2\.1"), listen("192.0.2.1", 0):
        pass
