"""Which replies of a hub are asked for again, when, and how often."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from tether.errors import QuotaExceeded, RateLimited, Unavailable
from tether.sync.http import HttpClient, HttpOptions, Reply, Request
from tether.sync.rate import RateLimit

CODES = {429: "rate-limited", 503: "unavailable", 507: "quota-exceeded"}


ALPHABET = b"abcdefghijklmnopqrstuvwxyz"


class Answers(HTTPServer):
    """Gives one status and `Retry-After` after the other; 200 when they are used up."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.planned: list[tuple[int, str | None]] = []
        self.asked = 0


class Handler(BaseHTTPRequestHandler):
    """Answers one request."""

    server: Answers

    def do_GET(self) -> None:
        """Give the next answer."""
        self.server.asked += 1
        if self.path.startswith("/rest/"):
            self._cut(int(self.path.removeprefix("/rest/")))
            return
        status, wait = self.server.planned.pop(0) if self.server.planned else (200, None)
        error = {"code": CODES.get(status), "message": "not now", "hint": "wait"}
        body = b"[1]" if status == 200 else json.dumps({"error": error}).encode()
        self.send_response(status)
        if wait is not None:
            self.send_header("Retry-After", wait)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _cut(self, at: int) -> None:
        """Give one byte of the rest and cut the connection."""
        self.send_response(200)
        self.send_header("Content-Length", str(len(ALPHABET) - at))
        self.end_headers()
        self.wfile.write(ALPHABET[at : at + 1])
        self.close_connection = True

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


@pytest.fixture
def answers() -> Iterator[Answers]:
    """Return a server that runs."""
    with Answers() as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def slept() -> list[float]:
    """Return where the waits are noted."""
    return []


@pytest.fixture
def client(answers: Answers, slept: list[float]) -> Iterator[HttpClient]:
    """Return a client that notes how long it would wait."""
    options = HttpOptions(sleep=slept.append)
    client = HttpClient(f"http://127.0.0.1:{answers.server_port}", None, options)
    yield client
    client.close()


def test_it_waits_as_long_as_it_is_told(answers: Answers, client: HttpClient, slept: list[float]) -> None:
    """Not shorter, and then it asks again."""
    answers.planned = [(429, "3"), (503, "19")]

    assert client.json("GET", "/") == [1]
    assert slept == [3, 19]


@pytest.mark.parametrize(("status", "kind"), [(429, RateLimited), (503, Unavailable)])
def test_a_long_wait_is_left_to_the_user(
    answers: Answers, client: HttpClient, slept: list[float], status: int, kind: type[Exception]
) -> None:
    """Where the hub wants a longer wait than anybody expects of a command, the failure comes at once."""
    answers.planned = [(status, "900")] * 9

    with pytest.raises(kind, match="not now"):
        client.json("GET", "/")
    assert (slept, answers.asked) == ([], 1)


def test_many_who_share_a_limit_wait_more_often(
    answers: Answers, client: HttpClient, slept: list[float]
) -> None:
    """To be told to wait is no failure: others with the same limit may have come first each time."""
    answers.planned = [(429, "1")] * 15

    assert client.json("GET", "/") == [1]
    assert slept == [1] * 15


@pytest.mark.parametrize(("status", "asked"), [(429, 21), (503, 5)])
def test_it_gives_up_in_the_end(
    answers: Answers, client: HttpClient, slept: list[float], status: int, asked: int
) -> None:
    """After a bounded number of times."""
    answers.planned = [(status, "1")] * 50

    with pytest.raises(Unavailable):
        client.json("GET", "/")
    assert (answers.asked, len(slept)) == (asked, asked - 1)


def test_a_quota_is_not_asked_for_again(answers: Answers, client: HttpClient, slept: list[float]) -> None:
    """Waiting would not help."""
    answers.planned = [(507, None)]

    with pytest.raises(QuotaExceeded, match="not now"):
        client.json("GET", "/")
    assert (slept, answers.asked) == ([], 1)


def test_an_address_where_nothing_has_ever_replied_is_given_up_soon(slept: list[float]) -> None:
    """It is likely a wrong one, and a person waits."""
    client = HttpClient("http://127.0.0.1:9", None, HttpOptions(sleep=slept.append))

    with pytest.raises(Unavailable, match=r"no connection to 127\.0\.0\.1:9: NewConnectionError"):
        client.json("GET", "/")
    assert len(slept) == 2


def test_a_hub_that_stops_for_a_while_is_waited_for(
    answers: Answers, client: HttpClient, slept: list[float]
) -> None:
    """It has replied before, so it is started anew, or the network comes back."""
    client.json("GET", "/")
    answers.server_close()
    answers.shutdown()
    client.close()

    with pytest.raises(Unavailable):
        client.json("GET", "/")
    assert len(slept) == 4


def test_what_comes_from_elsewhere_keeps_to_the_limit_too(answers: Answers) -> None:
    """A pack at an address of a bucket counts as one of the hub does."""
    waits: list[float] = []
    limit = RateLimit(1024, lambda: 0.0, waits.append)
    client = HttpClient(f"http://127.0.0.1:{answers.server_port}", None, HttpOptions(rate=limit))
    limit.take(2048)
    before = sum(waits)
    client.fetch_elsewhere(f"http://127.0.0.1:{answers.server_port}/x", b"".join)
    client.close()

    assert sum(waits) > before > 0


@pytest.mark.parametrize("goes_on", [True, False])
def test_cuts_count_from_where_it_went_on(
    answers: Answers, client: HttpClient, slept: list[float], goes_on: bool
) -> None:
    """A download that is cut again and again comes to its end; one that does not go on is given up."""
    got = bytearray()

    def use(reply: Reply) -> None:
        for block in reply.blocks:
            got.extend(block)

    def make() -> Request:
        return Request("GET", f"/rest/{len(got) if goes_on else 0}")

    if goes_on:
        client.exchange(make, use, block=1)
        assert got == ALPHABET
        assert len(slept) == len(ALPHABET) - 1
        assert max(slept) < 0.5
    else:
        with pytest.raises(Unavailable):
            client.exchange(make, use, block=1)
        assert answers.asked == 5
