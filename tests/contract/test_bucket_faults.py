"""A bucket whose server refuses, loses, cuts and stalls: nothing is lost, nothing is doubled."""

import random
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from tests.support.faultproxy import Call, Fault, Proxy, before
from tests.support.s3 import S3Server, s3_server

from tether.errors import AlreadyExists, Conflict, NotFound, TetherError, Unavailable
from tether.storage.buckets import BucketAddress, Patience, open_bucket
from tether.storage.objectstore import ObjectBackend

PATIENCE = Patience(request_s=20, stall_s=2, tries=5, in_all_s=20)
FAULTS = [fault for fault in Fault if fault != Fault.STALLED]
BIG = random.Random(1).randbytes(23_000_000)


@pytest.fixture
def server() -> S3Server:
    """The real server."""
    return s3_server()


@pytest.fixture
def proxy(server: S3Server) -> Iterator[Proxy]:
    """A proxy before the server, through which all goes well until a test says otherwise."""
    with before(server.url) as running:
        yield running


@pytest.fixture
def backend(server: S3Server, proxy: Proxy) -> ObjectBackend:
    """A backend through the proxy."""
    address = BucketAddress("s3", server.bucket, server.new_prefix())
    return open_bucket(address, server.keys(url=proxy.url), patience=PATIENCE)


def first(method: str, fault: Fault, proxy: Proxy) -> None:
    """Let the next request of a method go wrong, and no other."""
    left = [fault]

    def rule(_number: int, call: Call) -> Fault | None:
        return left.pop() if left and call.method == method else None

    proxy.rule = rule


@pytest.mark.parametrize("fault", FAULTS)
def test_a_new_value_is_written_once(backend: ObjectBackend, proxy: Proxy, fault: Fault) -> None:
    """Whether the first try was made or not, the value is there and its writer is not told of itself."""
    first("PUT", fault, proxy)
    backend.write_new("key", b"one")
    with pytest.raises(AlreadyExists):
        backend.write_new("key", b"two")  # the same value might be taken for this write itself after a cut
    assert backend.read("key") == b"one"


@pytest.mark.parametrize("fault", FAULTS)
def test_a_swap_is_made_once(backend: ObjectBackend, proxy: Proxy, fault: Fault) -> None:
    """A swap whose reply was lost is no conflict with itself, and one that was not made is made."""
    backend.write_new("root", b"one")
    first("PUT", fault, proxy)
    backend.swap("root", b"one", b"two")
    with pytest.raises(Conflict):
        backend.swap("root", b"one", b"three")
    assert backend.read("root") == b"two"


@pytest.mark.parametrize("fault", FAULTS)
def test_large_values_go_both_ways(backend: ObjectBackend, proxy: Proxy, fault: Fault) -> None:
    """Each kind of fault, in every third request of an upload and a read in parts."""
    proxy.rule = lambda number, call: fault if number % 3 == 0 and call.method in ("PUT", "GET") else None
    with backend.upload() as upload:
        upload.write(BIG)
        upload.finish("packs/big")
    assert backend.read("packs/big", 0, len(BIG)) == BIG
    assert backend.read("packs/big", 6_000_000, 11_000_000) == BIG[6_000_000:17_000_000]
    assert backend.size("packs/big") == len(BIG)
    assert list(backend.list("packs/")) == [("packs/big", len(BIG))]


@pytest.mark.parametrize("fault", FAULTS)
def test_moves_and_deletes_are_repeated(backend: ObjectBackend, proxy: Proxy, fault: Fault) -> None:
    """A value that is moved is whole at one of its names at least, and in the end at the new one."""
    backend.write_new("packs/a", b"value")
    first("POST", fault, proxy)  # a step of the copy
    backend.move("packs/a", "quarantine/a")
    assert (backend.exists("packs/a"), backend.read("quarantine/a")) == (False, b"value")
    left = [fault]
    proxy.rule = lambda _number, call: left.pop() if left and _deletes(call) else None
    backend.delete("quarantine/a")
    assert not left
    assert not backend.exists("quarantine/a")


def _deletes(call: Call) -> bool:
    return call.method == "DELETE" or (call.method == "POST" and "?delete" in call.path)


def test_counts_of_many_writers_add_up(backend: ObjectBackend, proxy: Proxy) -> None:
    """Four writers count together while a quarter of all requests goes wrong in some way."""
    chance = random.Random(3)
    proxy.rule = lambda _number, _call: chance.choice(FAULTS) if chance.random() < 0.25 else None
    doubtful: list[int] = []

    def count(writer: int) -> int:
        won = 0
        for number in range(12):
            try:
                old = backend.read("count")
            except NotFound:
                old = None
            # Values are unique to their writer, as roots are by their write id.
            total = int(old.split(b" ")[0]) if old else 0
            try:
                backend.swap("count", old, b"%d %d %d" % (total + 1, writer, number))
                won += 1
            except Conflict:
                # A writer that was overtaken after a lost reply cannot know; history tells, as in a root.
                doubtful.append(1)
            except Unavailable:
                doubtful.append(1)
        return won

    with ThreadPoolExecutor(4) as pool:
        won = sum(pool.map(count, range(4)))
    total = int(backend.read("count").split(b" ")[0])
    assert won <= total <= won + len(doubtful)
    assert total > 0


def test_a_server_that_stays_away_is_unavailable(backend: ObjectBackend, proxy: Proxy) -> None:
    """After some tries there is one clear error without any secret; nothing hangs."""
    proxy.rule = lambda _number, _call: Fault.BUSY
    calls: dict[str, Callable[[], object]] = {
        "read": lambda: backend.read("a"),
        "write_new": lambda: backend.write_new("a", b"x"),
        "list": lambda: list(backend.list("packs/")),
        "put": lambda: backend.put("packs/a", BIG),
    }
    for name, call in calls.items():
        begun_s = time.monotonic()
        with pytest.raises(Unavailable, match="cannot be reached now: it answered 503") as found:
            call()
        assert time.monotonic() - begun_s < 60, name
        assert found.value.hint
        assert "ada-" not in str(found.value)  # as both keys begin
    proxy.rule = lambda _number, _call: None
    assert not backend.exists("a")


def test_a_reply_that_stalls_is_asked_for_again(backend: ObjectBackend, proxy: Proxy) -> None:
    """A request that makes no progress ends, and the next one gives the value."""
    backend.write_new("a", b"value")
    first("GET", Fault.STALLED, proxy)
    begun_s = time.monotonic()

    assert backend.read("a") == b"value"
    assert time.monotonic() - begun_s < 15


def test_errors_of_a_dead_server_name_no_secret(server: S3Server) -> None:
    """Nobody listens: the message has the address of the bucket and nothing of the keys."""
    keys = server.keys(url="http://127.0.0.1:9")
    patience = Patience(request_s=2, stall_s=2, tries=1, in_all_s=2)
    backend = open_bucket(BucketAddress("s3", "data", "x"), keys, patience=patience)
    with pytest.raises(TetherError) as found:
        backend.read("a")
    assert isinstance(found.value, Unavailable)
    assert str(found.value) == "s3://data/x cannot be reached now"
