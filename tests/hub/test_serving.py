"""The socket of a hub."""

import socket
from pathlib import Path

import pytest

from tether.errors import Unavailable
from tether.hub.serving import listen
from tether.hub.settings import load_settings


@pytest.mark.parametrize(("host", "start"), [("127.0.0.1", "http://127.0.0.1:"), ("::1", "http://[::1]:")])
def test_the_socket_queues_before_anything_is_served(tmp_path: Path, host: str, start: str) -> None:
    """Whoever reads the address can connect at once; connections do not collect small replies.

    The server turns that collecting off only on a socket that names its protocol: 40 ms a request.
    """
    with listen(load_settings(tmp_path, {"host": host, "port": 0}, {})) as (listener, url):
        assert url.startswith(start)
        with socket.create_connection((host, int(url.rpartition(":")[2]))):
            accepted, _ = listener.accept()
            assert accepted.proto == socket.IPPROTO_TCP
            accepted.close()


def test_an_address_that_is_not_ours(tmp_path: Path) -> None:
    """It is told before anything is served."""
    settings = load_settings(tmp_path, {"host": "192.0.2.1", "port": 0}, {})

    with pytest.raises(Unavailable, match=r"192\.0\.2\.1"), listen(settings):
        pass
