"""Numbers, sizes and times as people read them, and times that people write."""

import pytest

from tether.cli import clock
from tether.cli.format import age_text, count_text, duration_text, iso_time, short_id, size_text, time_text
from tether.core.identity import Time
from tether.errors import InvalidInput

HOUR = 3_600_000_000


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1000, "1.0 kB"),
        (12_345_678, "12.3 MB"),
        (999_949, "999.9 kB"),
        (999_950, "1.0 MB"),
        (100 * 10**9, "100.0 GB"),
        (2**63, "9.2 EB"),
    ],
)
def test_sizes(size: int, text: str) -> None:
    """A kilobyte is 1000 bytes, and rounding never shows 1000.0 of a unit."""
    assert size_text(size) == text


def test_counts() -> None:
    """One thing is singular, and thousands are marked."""
    assert count_text(1, "file") == "1 file"
    assert count_text(0, "file") == "0 files"
    assert count_text(1_234_567, "entry", "entries") == "1,234,567 entries"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.0421, "42 ms"), (4.25, "4.2 s"), (185, "3 min 05 s"), (3599.9, "1 h 00 min"), (7650, "2 h 07 min")],
)
def test_durations(seconds: float, text: str) -> None:
    """The two largest units are shown."""
    assert duration_text(seconds) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (5, "just now"),
        (60, "1 minute ago"),
        (7200, "2 hours ago"),
        (3 * 86400, "3 days ago"),
        (800 * 86400, "2 years ago"),
        (-3600, "in the future"),
    ],
)
def test_ages(seconds: int, text: str) -> None:
    """The largest unit is shown, rounded down."""
    now = Time(1_769_860_800_000_000, 0)

    assert age_text(Time(now.micros - seconds * 1_000_000, 60), now) == text


def test_times_keep_their_zone() -> None:
    """A time is shown in the zone in which it was written."""
    time = Time(1_769_860_809_250_000, -210)

    assert time_text(time) == "2026-01-31 08:30:09 -0330"
    assert iso_time(time) == "2026-01-31T08:30:09.250000-03:30"


def test_times_beyond_the_calendar_are_shown_too() -> None:
    """A commit with an absurd time can still be listed."""
    assert time_text(Time(2**62, 0)) == "4611686018427 s since 1970"
    assert iso_time(Time(-(2**62), 0)) == "-4611686018427387904us"


def test_short_ids() -> None:
    """A short id is 12 digits."""
    assert short_id(bytes(range(32))) == "000102030405"


@pytest.mark.parametrize(
    ("text", "time"),
    [
        ("1970-01-01T01:00:00+01:00", Time(0, 60)),
        ("1970-01-01T00:00:00.000001Z", Time(1, 0)),
        ("1767225600 +0100", Time(1_767_225_600_000_000, 60)),
        ("-1 +0000", Time(-1_000_000, 0)),
        ("1969-12-31 23:00:00-01:00", Time(0, -60)),
    ],
)
def test_times_are_read(text: str, time: Time) -> None:
    """ISO 8601 and git's raw form are understood."""
    assert clock.parse_time(text) == time


@pytest.mark.parametrize("text", ["", "yesterday", "2026-13-01", "12 +9999999", "99999999999999999 +0000"])
def test_what_is_no_time(text: str) -> None:
    """Everything else is refused with an example."""
    with pytest.raises(InvalidInput) as caught:
        clock.parse_time(text)
    assert "2026-01-31" in (caught.value.hint or "")


def test_the_clock_has_a_zone() -> None:
    """The clock's offset is one that exists."""
    assert -1439 <= clock.now().offset <= 1439
