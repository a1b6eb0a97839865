"""Moments as users write them: a day or a time, in the viewer's zone unless it names its own."""

from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta, timezone

from tether.errors import InvalidInput

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)

Zone = int | Callable[[datetime], int]
"""Minutes east of UTC: the same at all times, or by the time on the wall (where clocks are put forward)."""


def first_moment(text: str, zone: Zone) -> int:
    """Return microseconds since 1970 of a time, or of the start of a day.

    Args:
        text: ISO 8601: `2026-01-31`, `2026-01-31T14:05`, `2026-01-31 14:05:09+01:00`.
        zone: Of a time that names none.

    Raises:
        InvalidInput: `text` is no moment.
    """
    return _micros(text, zone, timedelta())


def last_moment(text: str, zone: Zone) -> int:
    """Return microseconds since 1970 of a time, or of the end of a day; see `first_moment`."""
    return _micros(text, zone, timedelta(days=1) - _MICROSECOND)


def _micros(text: str, zone: Zone, into_day: timedelta) -> int:
    plain = text.strip()
    try:
        if len(plain) <= 10:
            moment = datetime.combine(date.fromisoformat(plain), time()) + into_day
        else:
            moment = datetime.fromisoformat(plain)
        if moment.tzinfo is None:
            offset = zone if isinstance(zone, int) else zone(moment)
            moment = moment.replace(tzinfo=timezone(timedelta(minutes=offset)))
        return (moment - _EPOCH) // _MICROSECOND
    except (ValueError, OverflowError, OSError):
        raise InvalidInput(
            f"not a date: {text!r}", hint="write it as 2026-01-31 or 2026-01-31T14:05:09+01:00"
        ) from None
