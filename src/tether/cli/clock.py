"""The wall clock with the local zone, and times that users write."""

import time
from datetime import UTC, datetime, timedelta

from tether.core.identity import Time
from tether.errors import InvalidInput

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def now() -> Time:
    """Return the time of the system clock in the local zone."""
    micros = time.time_ns() // 1000
    offset = time.localtime(micros // 1_000_000).tm_gmtoff
    return Time(micros, offset // 60)


def parse_time(text: str) -> Time:
    """Read an ISO 8601 time, or seconds since 1970 with an offset (`1767225600 +0100`).

    A time without a zone is local; a date alone is its midnight.

    Raises:
        InvalidInput: `text` is neither.
    """
    try:
        moment = _from_epoch(text) or datetime.fromisoformat(text.strip())
        if moment.tzinfo is None:
            moment = moment.astimezone()
        offset = moment.utcoffset() or timedelta()
        micros = (moment - _EPOCH) // timedelta(microseconds=1)
    except (ValueError, OverflowError, OSError):
        raise InvalidInput(f"not a time: {text!r}", hint="write it as 2026-01-31T14:05:09+01:00") from None
    return Time(micros, int(offset.total_seconds()) // 60)


def _from_epoch(text: str) -> datetime | None:
    """Return the moment of git's `SECONDS +HHMM`, or None for another form."""
    seconds, _, zone = text.strip().partition(" ")
    if not zone or not seconds.lstrip("-").isdigit():
        return None
    zoned = datetime.strptime(zone, "%z")
    return datetime.fromtimestamp(int(seconds), zoned.tzinfo)
