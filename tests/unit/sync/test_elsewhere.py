"""Where a hub may send a client for a pack, what the client sends there, and what it does with lies."""

import errno
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from tether.core.digest import Digest, hash_bytes
from tether.errors import Corrupt, Forbidden, InvalidInput
from tether.storage.oserrors import translated
from tether.sync.elsewhere import Elsewhere
from tether.sync.http import HttpClient, HttpOptions
from tether.sync.hubend import HubEnd
from tether.sync.wire import ADDRESS_TYPE, MAX_ADDRESS, decode_address, encode_address

PACK, LIE = b"a pack", b"something else"
NAME = hash_bytes(PACK)
HUB, BUCKET = "/api/v1/", "/bucket/"


class Server(HTTPServer):
    """A hub and a bucket at once; notes what is asked of each."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.asked: list[tuple[str, dict[str, str]]] = []
        self.url = f"http://127.0.0.1:{self.server_port}"
        self.address = f"{self.url}{BUCKET}pack?X-Amz-Signature=secret"
        self.kept, self.status, self.location = PACK, 200, ""
        self.ended = 0
        """How many addresses more are refused since their time is over."""


class Handler(BaseHTTPRequestHandler):
    """Answers one request."""

    server: Server

    def do_GET(self) -> None:
        """Give the address to who knows of them, else the pack."""
        server, headers = self.server, {name.lower(): value for name, value in self.headers.items()}
        server.asked.append((self.path, headers))
        if self.path.startswith(BUCKET):
            server.ended -= 1
            status = 403 if server.ended >= 0 else server.status
            return self._reply(status, "binary/octet-stream", server.kept)
        if ADDRESS_TYPE in headers.get("accept", ""):
            return self._reply(200, ADDRESS_TYPE, encode_address(server.address))
        return self._reply(200, "application/octet-stream", PACK)

    def _reply(self, status: int, kind: str, body: bytes) -> None:
        self.send_response(status)
        if self.server.location and status >= 300:
            self.send_header("Location", self.server.location)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


@pytest.fixture
def server() -> Iterator[Server]:
    """Return a server that runs."""
    with Server() as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def end(server: Server) -> Iterator[HubEnd]:
    """Return a repository on the hub, for somebody with a token."""
    end = HubEnd(HttpClient(server.url, "the-token", HttpOptions(sleep=lambda _: None)), "ada", "photos")
    yield end
    end.close()


def take_pack(end: HubEnd, name: Digest = NAME) -> bytes:
    """Take a pack as a repository does: what is not the one that was named is refused."""
    found: list[bytes] = []

    def take(blocks: Iterator[bytes]) -> None:
        data = b"".join(blocks)
        if hash_bytes(data) != name:
            raise InvalidInput("what arrived is not the pack that was named")
        found.append(data)

    end.pack(name, take)
    [data] = found
    return data


def places(server: Server) -> list[str]:
    """Return which of the two was asked, in order."""
    return ["bucket" if path.startswith(BUCKET) else "hub" for path, _ in server.asked]


def test_the_bucket_is_asked_as_nobody(server: Server, end: HubEnd) -> None:
    """The token is for the hub alone."""
    assert take_pack(end) == PACK
    assert places(server) == ["hub", "bucket"]
    assert server.asked[0][1]["authorization"] == "Bearer the-token"
    assert not {"authorization", "cookie", "referer"} & server.asked[1][1].keys()


def test_lies_of_a_bucket_are_noticed(server: Server, end: HubEnd) -> None:
    """What is not the pack is thrown away; the hub is asked then, and soon not for addresses any more."""
    server.kept = LIE
    for _ in range(3):
        assert take_pack(end) == PACK
    assert places(server) == ["hub", "bucket", "hub"] * 3
    assert take_pack(end) == PACK
    assert places(server)[9:] == ["hub"]


@pytest.mark.parametrize("status", [302, 307, 404, 500, 503])
def test_addresses_that_give_nothing(server: Server, end: HubEnd, status: int) -> None:
    """An address that leads on, or to nothing, is given up at once; a redirect is never followed."""
    server.status, server.location = status, f"{server.url}{BUCKET}more"
    assert take_pack(end) == PACK
    assert places(server) == ["hub", "bucket", "hub"]


@pytest.mark.parametrize("status", [400, 401, 403])
def test_addresses_that_are_refused(server: Server, end: HubEnd, status: int) -> None:
    """A second one is asked for, and then the pack from the hub; soon there are no more questions."""
    server.status = status
    for _ in range(3):
        assert take_pack(end) == PACK
    assert places(server) == ["hub", "bucket", "hub", "bucket", "hub", "hub", "bucket", "hub", "hub"]


def test_addresses_whose_time_is_over(server: Server, end: HubEnd) -> None:
    """The next one counts, however often that happens: the bucket goes on giving the packs."""
    for _ in range(4):
        server.ended = 1
        assert take_pack(end) == PACK
    assert places(server) == ["hub", "bucket"] * 8


def test_a_disk_that_fails_is_no_matter_of_an_address(server: Server, end: HubEnd) -> None:
    """Nothing is asked for again, neither there nor at the hub."""

    def take(blocks: Iterator[bytes]) -> None:
        with translated("packs"):
            raise OSError(errno.EACCES, "no")

    with pytest.raises(Forbidden):
        end.pack(NAME, take)
    assert places(server) == ["hub", "bucket"]


def test_a_bucket_that_is_not_there(server: Server, end: HubEnd) -> None:
    """The hub is."""
    server.address = "http://127.0.0.1:9/pack?X-Amz-Signature=secret"
    assert take_pack(end) == PACK
    assert places(server) == ["hub", "hub"]


@pytest.mark.parametrize(
    ("hub", "url", "follows"),
    [
        ("https://hub.example.org", "https://bucket.example.org/x", True),
        ("https://hub.example.org", "http://bucket.example.org/x", False),
        ("http://hub.example.org", "http://10.0.0.7/x", True),
        ("http://hub.example.org", "http://127.0.0.1/x", False),
        ("http://hub.example.org", "http://localhost:9000/x", False),
        ("http://hub.example.org", "http://[::1]/x", False),
        ("http://hub.example.org", "http://[::ffff:127.0.0.1]/x", False),
        ("http://hub.example.org", "http://169.254.169.254/latest", False),
        ("http://hub.example.org", "http://0.0.0.0/x", False),
        ("http://hub.example.org", "http://name:word@bucket.example.org/x", False),
        ("http://hub.example.org", "file:///etc/passwd", False),
        ("http://hub.example.org", "http:///x", False),
        ("http://hub.example.org", "http://[x/", False),
        ("http://hub.example.org", "http://bucket.example.org/\r\nx", False),
        ("http://127.0.0.1:8000", "http://127.0.0.1:9000/x", True),
    ],
)
def test_where_a_hub_may_send_us(hub: str, url: str, follows: bool) -> None:
    """Not from TLS to none, not to this machine, not with names and passwords."""
    assert Elsewhere(hub).follows(url) is follows


@pytest.mark.parametrize(
    "data", [b"", b"\x92\x02\xa1x", b"\x91\x01", bytes(MAX_ADDRESS + 1), b"\x92\x01\x01"]
)
def test_an_address_that_is_none(data: bytes) -> None:
    """Another form, another version, too long."""
    with pytest.raises(Corrupt):
        decode_address([data])
