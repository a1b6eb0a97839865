"""How many requests may come from whom."""

from pathlib import Path

import pytest
from tests.support.hub import SECOND, HubRoom, Reply

from tether.errors import RateLimited
from tether.hub.access import Principal
from tether.hub.ratelimit import _MOST, RateLimiter


@pytest.fixture
def slow(tmp_path: Path) -> HubRoom:
    """Return a hub that takes two requests a second, and three at once."""
    return HubRoom(tmp_path / "hub", requests_per_s=2, requests_burst=3)


def statuses(hub: HubRoom, count: int, token: str | None, address: str = "192.0.2.1") -> list[int]:
    """Ask so many times and return the statuses."""
    return [asked(hub, token, address).status for _ in range(count)]


def asked(hub: HubRoom, token: str | None, address: str = "192.0.2.1") -> Reply:
    """Ask once for the repositories."""
    return hub.call("GET", "/api/v1/repos", token, headers={"x-test-client": address})


def test_too_many_requests_are_told_when_to_come_again(slow: HubRoom) -> None:
    """429 with `Retry-After`, after which a request passes; what was refused costs nothing."""
    ada = slow.user("ada")

    assert statuses(slow, 5, ada) == [200, 200, 200, 429, 429]
    reply = asked(slow, ada)
    assert (reply.code, reply.headers["retry-after"]) == ("rate-limited", "1")
    assert reply.json["error"]["hint"] == "wait 1 seconds, then try again"
    slow.now += SECOND // 2
    assert statuses(slow, 2, ada) == [200, 429]
    slow.now += 100 * SECOND
    assert statuses(slow, 4, ada) == [200, 200, 200, 429]
    slow.close()


def test_each_token_user_and_address_has_its_own(slow: HubRoom) -> None:
    """A user has more than one token, and not endlessly more; nobody pays for others."""
    ada, bob = slow.user("ada"), slow.user("bob")

    assert statuses(slow, 4, ada) == [200, 200, 200, 429]
    assert statuses(slow, 3, bob) == [200] * 3
    assert statuses(slow, 4, None) == [200, 200, 200, 429]
    assert statuses(slow, 3, None, "192.0.2.2") == [200] * 3
    found = [status for _ in range(6) for status in statuses(slow, 3, slow.token("ada"))]
    assert found == [200] * 9 + [429] * 9
    slow.close()


def test_wrong_tokens_count_for_the_address(slow: HubRoom) -> None:
    """Whoever tries many tokens is stopped; who has a good one at the same address is not."""
    ada = slow.user("ada")

    found = [asked(slow, f"tth_{number}").status for number in range(5)]
    assert found == [401, 401, 401, 429, 429]
    assert asked(slow, ada).status == 200
    slow.close()


def test_addresses_of_one_network(slow: HubRoom) -> None:
    """Whoever has a network of IPv6 has one bucket, not 2**64."""
    found = [asked(slow, None, f"2001:db8:1:2::{number}").status for number in range(5)]

    assert found == [200, 200, 200, 429, 429]
    assert asked(slow, None, "2001:db8:1:3::1").status == 200
    assert asked(slow, None, "no address").status == 200
    slow.close()


def test_without_a_limit_all_pass() -> None:
    """0 turns it off."""
    limiter = RateLimiter(0, 1, lambda: 0.0)

    for _ in range(1000):
        limiter.of_address("192.0.2.1")


def test_memory_is_bounded() -> None:
    """The bucket that was used longest ago is forgotten first."""
    limiter = RateLimiter(1, 1, lambda: 0.0)
    limiter.of_address("first")
    for number in range(_MOST):
        limiter.of_principal(Principal(), f"a{number}")

    assert len(limiter._full_at) == _MOST
    limiter.of_address("first")
    with pytest.raises(RateLimited):
        limiter.of_address(f"a{_MOST - 1}")
