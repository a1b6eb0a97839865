"""The limit of bytes in a second, with a clock of its own."""

import pytest

from tether.core.rates import parse_rate
from tether.errors import InvalidInput
from tether.sync.rate import RateLimit


class Clock:
    """Time that passes when somebody sleeps."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        """Let time pass."""
        self.now += seconds


@pytest.mark.parametrize(
    ("text", "rate"),
    [("5MB", 5_000_000), ("500k", 500_000), ("2MiB/s", 2 << 20), ("1.5m", 1_500_000), ("4096", 4096)],
)
def test_rates_as_people_write_them(text: str, rate: int) -> None:
    """In thousands or in powers of 1024."""
    assert parse_rate(text) == rate


@pytest.mark.parametrize("text", ["", "fast", "-5MB", "5 MBit", "5i", "1e9", "10", "0", "\u0661MB", "9" * 20])
def test_what_is_no_rate(text: str) -> None:
    """Refused, and so is what is too slow."""
    with pytest.raises(InvalidInput):
        parse_rate(text)


def test_the_pace_is_kept_after_a_short_burst() -> None:
    """Ten seconds of bytes take ten seconds but for a quarter, and a pause saves no more than that."""
    clock = Clock()
    limit = RateLimit(1000, clock, clock.sleep)
    assert b"".join(limit.pieces(bytes(10_000))) == bytes(10_000)
    assert clock.now - 100.0 == pytest.approx(9.75)

    clock.now += 3600
    begun = clock.now
    assert list(limit.arriving([bytes(500), bytes(1500)])) == [bytes(500), bytes(1500)]
    assert clock.now - begun == pytest.approx(1.75)
