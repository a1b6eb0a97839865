"""Numbers, sizes, times and ids as people read them."""

from datetime import UTC, datetime, timedelta, timezone

from tether.core.digest import Digest
from tether.core.identity import Time
from tether.core.phrases import age_text, count_text, duration_text, size_text

__all__ = [
    "SHORT_ID",
    "age_text",
    "count_text",
    "duration_text",
    "iso_time",
    "short_id",
    "size_text",
    "time_text",
    "to_datetime",
]

SHORT_ID = 12


def to_datetime(time: Time) -> datetime:
    """Return `time` as a datetime in the zone in which it was written."""
    moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=time.micros)
    return moment.astimezone(timezone(timedelta(minutes=time.offset)))


def time_text(time: Time) -> str:
    """Return `2026-01-31 14:05:09 +0100`, in the zone in which it was written."""
    try:
        return to_datetime(time).strftime("%Y-%m-%d %H:%M:%S %z")
    except OverflowError:
        return f"{time.micros // 1_000_000} s since 1970"


def iso_time(time: Time) -> str:
    """Return the time as RFC 3339 text for `--json`: `2026-01-31T14:05:09.000000+01:00`."""
    try:
        return to_datetime(time).isoformat(timespec="microseconds")
    except OverflowError:
        return f"{time.micros}us"


def short_id(digest: Digest | bytes) -> str:
    """Return the first 12 hexadecimal digits of a digest."""
    return digest.hex()[:SHORT_ID]
