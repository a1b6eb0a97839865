"""Numbers, sizes, times and ids as people read them."""

from datetime import UTC, datetime, timedelta, timezone

from tether.core.digest import Digest
from tether.core.identity import Time

SHORT_ID = 12

_UNITS = ("kB", "MB", "GB", "TB", "PB", "EB")
_AGES = (
    (365 * 86400, "year"),
    (30 * 86400, "month"),
    (7 * 86400, "week"),
    (86400, "day"),
    (3600, "hour"),
    (60, "minute"),
)


def size_text(size: int) -> str:
    """Return a size in bytes with three or four digits: `12.3 MB`; a kilobyte is 1000 bytes."""
    if abs(size) < 1000:
        return f"{size} B"
    value = float(size)
    for unit in _UNITS:
        value /= 1000
        if abs(value) < 999.95:
            return f"{value:.1f} {unit}"
    return f"{value:.1f} {_UNITS[-1]}"


def count_text(count: int, noun: str, plural: str | None = None) -> str:
    """Return `1 file`, `1,234 files`; `plural` where adding an s is wrong."""
    return f"{count:,} {noun if count == 1 else plural or noun + 's'}"


def duration_text(seconds: float) -> str:
    """Return a duration: `850 ms`, `4.2 s`, `3 min 05 s`, `2 h 07 min`."""
    if seconds < 1:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest:02d} s"
    return f"{minutes // 60} h {minutes % 60:02d} min"


def age_text(then: Time, now: Time) -> str:
    """Return how long ago `then` was: `3 days ago`, `just now`, `in the future`."""
    seconds = (now.micros - then.micros) // 1_000_000
    if seconds < -60:
        return "in the future"
    for length, noun in _AGES:
        if seconds >= length:
            return f"{count_text(seconds // length, noun)} ago"
    return "just now"


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
