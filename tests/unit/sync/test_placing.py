"""What a client puts where a hub says, what it tells of itself there, and when the pack goes to the hub."""

import hashlib
import threading
from base64 import b64encode
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from tether.core.digest import hash_bytes
from tether.errors import Corrupt, Forbidden, InvalidInput, QuotaExceeded
from tether.sync.http import HttpClient, HttpOptions
from tether.sync.hubend import HubEnd
from tether.sync.placewire import PLACES_HEADER, GivenPlace, WantedPlace, least_size
from tether.sync.rate import RateLimit
from tether.sync.wire import MAX_ADDRESS, RemoteRefs

PACK = bytes(range(256)) * 4096
NAME = hash_bytes(PACK)
PLACES = f"packs/{NAME.hex()}/places"
ID = bytes(range(16))
BUCKET = "/bucket/"


class Server(HTTPServer):
    """A hub and a bucket at once; notes what is asked of each, as method and path, with headers and body."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.asked: list[tuple[str, dict[str, str], bytes]] = []
        self.url = f"http://127.0.0.1:{self.server_port}"
        self.address: str | None = f"{self.url}{BUCKET}place?X-Amz-Signature=secret"
        self.least = str(len(PACK))
        self.place, self.taken, self.status = 200, 204, 200

    def places(self) -> list[str]:
        """Return what was asked of whom."""
        return [what for what, _, _ in self.asked]


class Handler(BaseHTTPRequestHandler):
    """Answers one request."""

    server: Server
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        """Give the refs."""
        self._note("refs")
        self._reply(200, RemoteRefs(None, {}).encode())

    def do_PUT(self) -> None:
        """Take a pack."""
        bucket = self.path.startswith(BUCKET)
        self._note("bucket" if bucket else "hub")
        self._reply(self.server.status if bucket else 204)

    def do_POST(self) -> None:
        """Give a place, or look at it."""
        server = self.server
        if self.path.endswith(f"/{PLACES}"):
            self._note("place")
            given = GivenPlace(ID, server.address).encode()
            self._reply(server.place, given if server.place == 200 else b"")
        else:
            assert self.path.endswith(f"/{PLACES}/{ID.hex()}")
            self._note("look")
            self._reply(server.taken)

    def _note(self, what: str) -> None:
        headers = {name.lower(): value for name, value in self.headers.items()}
        body = self.rfile.read(int(headers.get("content-length", 0)))
        self.server.asked.append((what, headers, body))

    def _reply(self, status: int, body: bytes = b"") -> None:
        if status == 507:
            body = b'{"error": {"code": "quota-exceeded", "message": "full", "hint": null}}'
        self.send_response(status)
        if 300 <= status < 400:
            self.send_header("Location", f"{self.server.url}{BUCKET}more")
        if self.server.least:
            self.send_header(PLACES_HEADER, self.server.least)
        if status != 204:
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


def end_of(server: Server, rate: RateLimit | None = None) -> HubEnd:
    """Return a repository on the hub, for somebody with a token."""
    options = HttpOptions(sleep=lambda _: None, rate=rate)
    return HubEnd(HttpClient(server.url, "the-token", options), "ada", "photos")


@pytest.fixture
def end(server: Server) -> Iterator[HubEnd]:
    """Return a repository on the hub whose refs were asked for."""
    end = end_of(server)
    end.refs()
    server.asked.clear()
    yield end
    end.close()


def test_a_pack_goes_past_the_hub(server: Server, end: HubEnd) -> None:
    """It is sent as nobody, with the headers that were signed; the hub is told."""
    end.put_pack(NAME, PACK)

    assert server.places() == ["place", "bucket", "look"]
    (_, told, body), (_, headers, pack), _ = server.asked
    digest = hashlib.sha256(PACK).digest()
    assert told["authorization"] == "Bearer the-token"
    assert WantedPlace.decode(body) == (len(PACK), digest)
    assert not {"authorization", "cookie", "referer", "transfer-encoding"} & headers.keys()
    assert headers["content-length"] == str(len(PACK))
    assert headers["if-none-match"] == "*"
    assert headers["x-amz-checksum-sha256"] == b64encode(digest).decode()
    assert pack == PACK


def test_what_lies_there_is_not_sent_again(server: Server, end: HubEnd) -> None:
    """The hub gives no address then, and a store that something is at the address already."""
    server.status = 412
    end.put_pack(NAME, PACK)
    server.address = None
    end.put_pack(NAME, PACK)

    assert server.places() == ["place", "bucket", "look", "place", "look"]


@pytest.mark.parametrize("status", [302, 307, 400, 401, 403, 404, 500, 503])
def test_a_bucket_that_does_not_take_it(server: Server, end: HubEnd, status: int) -> None:
    """One try, no redirect; the hub takes the place back, and then the pack."""
    server.status, server.taken = status, 404
    end.put_pack(NAME, PACK)

    assert server.places() == ["place", "bucket", "look", "hub"]


def test_a_bucket_whose_reply_is_lost(server: Server, end: HubEnd) -> None:
    """Whether the pack arrived is what the hub says."""
    server.status = 500
    end.put_pack(NAME, PACK)

    assert server.places() == ["place", "bucket", "look"]


def test_no_more_places_after_three_that_gave_nothing(server: Server, end: HubEnd) -> None:
    """The hub is not asked for them any more."""
    server.taken = 400
    for _ in range(3):
        end.put_pack(NAME, PACK)
    assert server.places() == ["place", "bucket", "look", "hub"] * 3
    end.put_pack(NAME, PACK)
    assert server.places()[12:] == ["hub"]


def test_a_bucket_that_is_not_there(server: Server, end: HubEnd) -> None:
    """The hub is."""
    server.address, server.taken = "http://127.0.0.1:9/place?X-Amz-Signature=secret", 404
    end.put_pack(NAME, PACK)

    assert server.places() == ["place", "look", "hub"]


@pytest.mark.parametrize("url", ["ftp://bucket/x", "http://name:word@127.0.0.1/x", "http://[x/", "/bucket/x"])
def test_addresses_that_are_not_followed(server: Server, end: HubEnd, url: str) -> None:
    """The hub takes such a place back, since nothing is there."""
    server.address, server.taken = url, 404
    end.put_pack(NAME, PACK)

    assert server.places() == ["place", "look", "hub"]


@pytest.mark.parametrize("least", ["", "many", "9" * 40, str(len(PACK) + 1)])
def test_where_no_place_is_asked_for(server: Server, least: str) -> None:
    """At a hub that gives none, and for small packs."""
    server.least = least
    end = end_of(server)
    end.refs()
    end.put_pack(NAME, PACK)
    end.close()

    assert server.places() == ["refs", "hub"]


def test_a_hub_that_has_no_place_now(server: Server, end: HubEnd) -> None:
    """The pack goes there."""
    server.place = 204
    end.put_pack(NAME, PACK)

    assert server.places() == ["place", "hub"]


def test_what_the_hub_refuses(server: Server, end: HubEnd) -> None:
    """Who has no room, or may not push, need not send it again."""
    server.place = 403
    with pytest.raises(Forbidden):
        end.put_pack(NAME, PACK)
    server.place, server.taken = 200, 403
    with pytest.raises(Forbidden):
        end.put_pack(NAME, PACK)

    assert server.places() == ["place", "place", "bucket", "look"]


def test_a_limit_holds_there_too(server: Server) -> None:
    """Bytes that go to a bucket are bytes on the network."""
    waits: list[float] = []
    end = end_of(server, RateLimit(1 << 20, lambda: 0.0, waits.append))
    end.refs()
    end.put_pack(NAME, PACK)
    end.close()

    assert server.places() == ["refs", "place", "bucket", "look"]
    assert len(waits) > 10
    assert max(waits) == pytest.approx(0.75, abs=0.1)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x93\x02\xc4\x10" + ID + b"\xc0",
        b"\x93\x01\xc4\x0f" + ID[:15] + b"\xc0",
        b"\x93\x01\xc4\x10" + ID + b"\x01",
        GivenPlace(ID, "x" * (MAX_ADDRESS + 1)).encode(),
    ],
)
def test_a_place_that_is_none(data: bytes) -> None:
    """Another version, another id, no address, too long."""
    with pytest.raises(Corrupt):
        GivenPlace.decode(data)


@pytest.mark.parametrize(
    "data", [b"", b"\x93\x01\x00\xc4\x20" + bytes(32), b"\x93\x01\x05\xc4\x01x", b"\x01"]
)
def test_a_request_for_a_place_that_is_none(data: bytes) -> None:
    """Without bytes, or another digest."""
    with pytest.raises(InvalidInput):
        WantedPlace.decode(data)


def test_the_least_size() -> None:
    """It is a number, or there are no places."""
    assert least_size("1048576") == 1 << 20
    assert [least_size(text) for text in (None, "", "-1", "1.5", "²")] == [None] * 5


@pytest.mark.parametrize(("place", "asked"), [(507, ["place"]), (200, ["place", "bucket", "look"])])
def test_a_full_owner(server: Server, end: HubEnd, place: int, asked: list[str]) -> None:
    """Is told so, at either request."""
    server.place, server.taken = place, 507
    with pytest.raises(QuotaExceeded):
        end.put_pack(NAME, PACK)

    assert server.places() == asked
