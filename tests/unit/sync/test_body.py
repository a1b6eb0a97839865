"""Bodies that are put where their reader wants them: whole or cut, and those that come in blocks alone."""

import gzip
from collections.abc import Iterator

import pytest
from tests.support.answering import answering
from tests.unit.sync.test_receiving import NAME, PACK

from tether.errors import InvalidInput, TooLarge, Unavailable
from tether.repo.packs import pack_key
from tether.storage.memory import MemoryBackend
from tether.sync import receiving
from tether.sync.body import Body
from tether.sync.http import HttpClient, Request
from tether.sync.rate import RateLimit
from tether.sync.receiving import PackReceiver

HEAD = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n%s\r\n"
PLAIN = HEAD % (len(PACK), b"") + PACK


def _received(client: HttpClient, backend: MemoryBackend) -> list[bool]:
    """Take a pack as a clone does; return for each try whether it went straight."""
    direct: list[bool] = []

    def take(blocks: Iterator[bytes]) -> None:
        with PackReceiver(backend, NAME) as receiver:
            direct.append(isinstance(blocks, Body) and blocks.is_direct)
            if isinstance(blocks, Body) and blocks.is_direct:
                receiver.read_body(blocks)
            else:
                for block in blocks:
                    receiver.write(block)
            receiver.finish()

    client.call(Request("GET", "/"), take)
    return direct


def test_a_pack_goes_straight_to_where_it_is_written_from() -> None:
    """This looks into what urllib3 keeps to itself; where it does not find it any more, it is slower."""
    backend = MemoryBackend()
    with answering(PLAIN) as client:
        assert _received(client, backend) == [True]
    assert backend.read(pack_key(NAME)) == PACK


@pytest.mark.parametrize("at", [len(PLAIN) - len(PACK), len(PLAIN) - len(PACK) + 1, 3 << 20, len(PLAIN) - 1])
def test_a_cut_body_is_asked_for_again(at: int) -> None:
    """From the first byte on, wherever it was cut."""
    backend = MemoryBackend()
    with answering(PLAIN[:at], PLAIN) as client:
        assert _received(client, backend) == [True, True]
    assert backend.read(pack_key(NAME)) == PACK

    with answering(PLAIN[:at], PLAIN[:at]) as client, pytest.raises(Unavailable):
        _received(client, MemoryBackend())


@pytest.mark.parametrize("way", ["chunked", "gzip", "rate"])
def test_others_come_in_blocks(way: str) -> None:
    """Whose length is not known, whose bytes are packed, or that must not come faster."""
    chunked = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\n\r\n"
    packed = gzip.compress(PACK, 1)
    replies = {
        "chunked": chunked % (len(PACK), PACK),
        "gzip": HEAD % (len(packed), b"Content-Encoding: gzip\r\n") + packed,
        "rate": PLAIN,
    }
    backend = MemoryBackend()
    with answering(replies[way], rate=RateLimit(1 << 30) if way == "rate" else None) as client:
        assert _received(client, backend) == [False]
    assert backend.read(pack_key(NAME)) == PACK


def test_another_pack_than_was_named_is_refused() -> None:
    """When all of it has come."""
    with answering(HEAD % (len(PACK), b"") + PACK[::-1]) as client, pytest.raises(InvalidInput):
        _received(client, MemoryBackend())


def test_a_body_without_an_end_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Once more came than any pack has."""
    monkeypatch.setattr(receiving, "MAX_PACK", 1 << 20)
    with answering(HEAD % (1 << 40, b"") + bytes(6 << 20)) as client, pytest.raises(TooLarge):
        _received(client, MemoryBackend())


def test_an_empty_body_is_at_its_end() -> None:
    """As often as it is asked."""
    sizes: list[int] = []

    def take(blocks: Iterator[bytes]) -> None:
        assert isinstance(blocks, Body)
        sizes.extend(blocks.read_into(memoryview(bytearray(9))) for _ in range(2))

    with answering(HEAD % (0, b"")) as client:
        client.call(Request("GET", "/"), take)
    assert sizes == [0, 0]
