"""Tries to harm a hub by what is sent to it; docs/threat-model.md lists them with those tested elsewhere."""

import re
import socket
import time
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import pytest
from tests.support.cli import Room
from tests.support.hub import HubRoom, Reply
from tests.support.packs import commit_of, leaf, pack, tree_id
from tests.support.served import Served

from tether.core.digest import Digest, hash_bytes
from tether.core.kinds import ObjectKind, object_digest
from tether.core.tree import Entry, EntryKind
from tether.repo.frames import DATA, META
from tether.sync.wire import PushRequest, RefMove, unpack_bits

STALL_S = 1


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """Return a hub in a process of its own, whose connections may stand still for a second."""
    room = Room(tmp_path_factory.mktemp("attacks"))
    room.environ["TETHER_HUB_STALL_S"] = str(STALL_S)
    served = Served(room, anew=True)
    yield served
    served.stop()


def connected(served: Served) -> socket.socket:
    """Return a connection to the hub."""
    port = int(served.url.rpartition(":")[2])
    return socket.create_connection(("127.0.0.1", port), timeout=20)


def answer(served: Served, data: bytes) -> bytes:
    """Send bytes as they are and return all that comes until the hub closes."""
    with closing(connected(served)) as connection, suppress(ConnectionError):
        connection.sendall(data)
        return b"".join(iter(lambda: connection.recv(65536), b""))
    return b""


def memory_kb(served: Served) -> int:
    """Return the resident memory of the hub."""
    status = Path(f"/proc/{served.process.pid}/status").read_text()
    return int(re.findall(r"VmRSS:\s*(\d+)", status)[0])


# -- the message itself -------------------------------------------------------------------------

SECOND = b"GET /readyz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
POST = b"POST /healthz HTTP/1.1\r\nHost: x\r\n"
SMUGGLED = [
    POST + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + SECOND,
    POST + b"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n" + SECOND,
    POST + b"Content-Length: 5\r\nContent-Length: 0\r\n\r\n" + SECOND,
    POST + b"Content-Length: 0, 0\r\n\r\n" + SECOND,
    POST + b"Content-Length: -1\r\n\r\n" + SECOND,
    POST + b"Content-Length: +1\r\n\r\nx" + SECOND,
    POST + b"Content-Length: 99999999999999999999999\r\n\r\n" + SECOND,
    POST + b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n" + SECOND,
    POST + b"Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n" + SECOND,
    POST + b"Transfer-Encoding: chunked\r\n\r\n-1\r\n\r\n" + SECOND,
    POST + b"Transfer-Encoding: chunked\r\n\r\n0;a=\n\r\n\r\n" + SECOND,
    POST + b"Content-Length : 3\r\n\r\nabc" + SECOND,
    b"GET /healthz HTTP/1.1\nHost: x\n\n" + SECOND,
    b"GET /healthz HTTP/1.1\r\nHost: x\r\n y\r\n\r\n" + SECOND,
    b"GET /healthz HTTP/1.1\r\nHost: x\r\nA: b\0c\r\n\r\n" + SECOND,
    b"CONNECT evil:443 HTTP/1.1\r\nHost: x\r\n\r\n" + SECOND,
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + SECOND,
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + SECOND,
]


@pytest.mark.parametrize("message", SMUGGLED)
def test_a_message_with_two_readings_is_refused(served: Served, message: bytes) -> None:
    """Where a proxy could see another end of the message than the hub, nothing after it is answered."""
    replies = answer(served, message)
    assert replies.startswith(b"HTTP/1.1 400 ")
    assert replies.count(b"HTTP/1.1 ") == 1


def test_a_head_without_end_is_refused(served: Served) -> None:
    """A header, many headers and an address that go on for ever are refused before they fill the memory."""
    before = memory_kb(served)
    for start, more in (
        (b"GET / HTTP/1.1\r\nHost: x\r\nA: ", b"a" * (1 << 20)),
        (b"GET / HTTP/1.1\r\nHost: x\r\n", b"A: b\r\n" * (1 << 17)),
        (b"GET /", b"a" * (1 << 20)),
    ):
        with closing(connected(served)) as connection, pytest.raises(ConnectionError):
            connection.sendall(start)
            for _ in range(64):
                connection.sendall(more)
    assert memory_kb(served) - before < 16_000


@pytest.mark.parametrize(
    ("start", "fits"),
    [
        (b"GET /healthz?q=%b HTTP/1.1\r\nHost: x\r\n" % (b"a" * 50_000), True),
        (b"GET /healthz?q=%b HTTP/1.1\r\nHost: x\r\n" % (b"a" * 100_000), False),
        (b"GET /healthz HTTP/1.1\r\nHost: x\r\nA: %b\r\n" % (b"a" * 50_000), True),
        (b"GET /healthz HTTP/1.1\r\nHost: x\r\nA: %b\r\n" % (b"a" * 100_000), False),
        (b"GET /healthz HTTP/1.1\r\nHost: x\r\n" + b"a:\r\n" * 1_000, True),
        (b"GET /healthz HTTP/1.1\r\nHost: x\r\n" + b"a:\r\n" * 10_000, False),
    ],
    ids=["address", "large address", "header", "large header", "many headers", "too many headers"],
)
def test_a_large_head_in_one_piece_is_refused(served: Served, start: bytes, fits: bool) -> None:
    """One below the bound is answered."""
    with closing(connected(served)) as connection:
        connection.sendall(start + b"Connection: close\r\n\r\n")
        reply = b"".join(iter(lambda: connection.recv(65536), b""))
    assert reply.startswith(b"HTTP/1.1 200" if fits else b"HTTP/1.1 400")
    assert (b"The head of the request is too large" in reply) == (not fits)


@pytest.mark.parametrize(
    "start",
    [
        b"",
        b"GET /healthz HTTP/1.1\r\nHost: x\r\n",
        b"POST /api/v1/login HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{",
        b"POST /api/v1/login HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nabc",
    ],
)
def test_a_client_that_sends_nothing_more_is_cut(served: Served, start: bytes) -> None:
    """Connections that owe bytes are not held for ever, whatever they owe."""
    with closing(connected(served)) as connection:
        connection.sendall(start)
        began = time.monotonic()
        with suppress(ConnectionError):
            assert connection.recv(1) == b""
        assert time.monotonic() - began < 10 * STALL_S


def test_a_client_that_takes_nothing_is_cut(served: Served) -> None:
    """Replies that nobody reads do not wait in the memory of the hub."""
    ask = b"GET /api/v1/openapi.json HTTP/1.1\r\nHost: x\r\n\r\n"
    with closing(socket.socket()) as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.settimeout(20)
        connection.connect(("127.0.0.1", int(served.url.rpartition(":")[2])))
        connection.sendall(ask * 400)
        time.sleep(4 * STALL_S)
        got = 0
        with suppress(ConnectionError):
            while block := connection.recv(1 << 20):
                got += len(block)
    assert got < 400 * len(answer(served, ask.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")))


def test_a_slow_client_is_served(served: Served) -> None:
    """Bytes that come one by one, for longer than a connection may stand still, are an honest slow line."""
    body = b'{"user": "a"}'
    head = (
        b"POST /api/v1/login HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Type: application/json\r\n"
    )
    with closing(connected(served)) as connection:
        connection.sendall(head + b"Content-Length: %d\r\n\r\n" % len(body))
        for at in range(len(body)):
            time.sleep(0.2)
            connection.sendall(body[at : at + 1])
        assert connection.recv(1 << 16).startswith(b"HTTP/1.1 400 ")


# -- pages of other sites -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("headers", "allowed"),
    [
        ({}, True),
        ({"origin": "http://hub.example.org"}, True),
        ({"origin": "https://data.example.org"}, True),
        ({"sec-fetch-site": "same-origin", "origin": "https://other.example"}, True),
        ({"sec-fetch-site": "none"}, True),
        ({"origin": "https://evil.example"}, False),
        ({"origin": "null"}, False),
        ({"origin": "https://hub.example.org.evil.example"}, False),
        ({"sec-fetch-site": "cross-site"}, False),
        ({"sec-fetch-site": "same-site", "origin": "http://hub.example.org"}, False),
    ],
)
def test_a_page_of_another_site_changes_nothing(
    tmp_path: Path, headers: dict[str, str], allowed: bool
) -> None:
    """A browser that knows a password sends it with whatever a page makes it ask; only our own may."""
    hub = HubRoom(tmp_path / "hub", public_url="https://data.example.org")
    token = hub.user("ada")
    wanted = {"owner": "ada", "name": "x"}
    reply = hub.call("POST", "/api/v1/repos", token, wanted, headers=headers)
    assert reply.status == (201 if allowed else 403)
    assert hub.call("GET", "/api/v1/me", token, headers=headers).status == 200
    hub.close()


def test_the_hub_gives_no_cookies(tmp_path: Path) -> None:
    """There is no session to ride or to plant: each sign-in gives another token, and nothing else."""
    hub = HubRoom(tmp_path / "hub")
    hub.user("ada", password="a good password")
    sent = {"user": "ada", "password": "a good password"}
    replies = [
        hub.call("POST", "/api/v1/login", None, sent, headers={"cookie": "session=mine", "x-token": "mine"})
        for _ in range(2)
    ]
    assert all("set-cookie" not in reply.headers for reply in replies)
    assert len({reply.json["token"] for reply in replies}) == 2
    hub.close()


# -- what belongs to others ---------------------------------------------------------------------

SECRET = b"the weights of ada"
FILE = leaf(Entry(b"f", EntryKind.FILE, len(SECRET), hash_bytes(SECRET)))
COMMIT = commit_of(tree_id(FILE))


@pytest.fixture
def neighbours(tmp_path: Path) -> Iterator[tuple[HubRoom, str]]:
    """Return a hub on which ada has a secret and bob a repository of his own, and bob's token."""
    hub = HubRoom(tmp_path / "hub")
    ada, bob = hub.user("ada"), hub.user("bob")
    hub.repository(ada, "ada/secret", private=True)
    hub.repository(bob, "bob/own")
    packs = [
        pack(DATA, (ObjectKind.CHUNK, SECRET)),
        pack(META, (ObjectKind.TREE, FILE), (ObjectKind.COMMIT, COMMIT)),
    ]
    assert pushed(hub, ada, "ada/secret", packs).status == 204
    yield hub, bob
    hub.close()


def pushed(
    hub: HubRoom, token: str, address: str, packs: list[tuple[Digest, bytes]], *, sent: bool = True
) -> Reply:
    """Send packs and let a branch name COMMIT."""
    way = f"/api/v1/repos/{address}/transfer"
    for name, data in packs if sent else []:
        reply = hub.call("PUT", f"{way}/packs/{name.hex()}", token, parts=[data])
        assert reply.status == 204, reply
    move = RefMove("refs/heads/main", None, object_digest(ObjectKind.COMMIT, COMMIT))
    request = PushRequest(bytes(16), tuple(name for name, _ in packs), (move,))
    return hub.call("POST", f"{way}/push", token, parts=[request.encode()])


def test_objects_of_others_are_not_there(neighbours: tuple[HubRoom, str]) -> None:
    """Who knows a digest learns through a repository of their own neither its bytes nor that it exists."""
    hub, bob = neighbours
    known = [hash_bytes(SECRET), tree_id(FILE), object_digest(ObjectKind.COMMIT, COMMIT)]
    way = "/api/v1/repos/bob/own/transfer"
    have = hub.call("POST", f"{way}/have", bob, parts=[b"".join(known)])
    assert unpack_bits(have.body, 3) == [False] * 3
    assert hub.call("POST", f"{way}/shares", bob, parts=[hash_bytes(SECRET)]).body == (
        hub.call("POST", f"{way}/shares", bob, parts=[hash_bytes(b"nothing")]).body
    )
    for digest in known:
        there, absent = (
            hub.call("POST", f"{way}/objects", bob, parts=[each]) for each in (digest, hash_bytes(b"x"))
        )
        assert SECRET not in there.body
        assert there.status == absent.status == 404


def test_objects_of_others_are_not_taken_up(neighbours: tuple[HubRoom, str]) -> None:
    """A push that names what only another repository has is not complete, as if nobody had it."""
    hub, bob = neighbours
    meta = pack(META, (ObjectKind.TREE, FILE), (ObjectKind.COMMIT, COMMIT))
    assert pushed(hub, bob, "bob/own", [meta]).code == "conflict"
    theirs = pack(DATA, (ObjectKind.CHUNK, SECRET))
    assert pushed(hub, bob, "bob/own", [theirs, meta], sent=False).code == "conflict"
    there = hub.call("POST", "/api/v1/repos/bob/own/transfer/packs", bob, parts=[theirs[0]])
    assert unpack_bits(there.body, 1) == [False]


def test_no_route_tells_of_a_private_repository(neighbours: tuple[HubRoom, str]) -> None:
    """On every route below a repository, also one added later, the reply is that for one that never was."""
    hub, bob = neighbours
    paths: dict[str, dict[str, Any]] = hub.call("GET", "/api/v1/openapi.json").json["paths"]
    routes = [
        (method.upper(), re.sub(r"\{(?!owner|name)\w+(:\w+)?\}", "1" * 64, path))
        for path, methods in paths.items()
        if path.startswith("/api/v1/repos/{owner}/{name}")
        for method in methods
    ]
    assert len(routes) > 15
    for method, path in routes:
        body: object = None if method in ("GET", "HEAD", "DELETE") else {}
        for token in (None, bob):
            private, absent = (
                hub.call(method, path.replace("{owner}/{name}", address), token, body)
                for address in ("ada/secret", "ada/absent")
            )
            told = private.body.replace(b"secret", b"absent")
            assert (private.status, told) == (absent.status, absent.body), (method, path)
            assert private.status in (400, 401, 404), (method, path, private)
