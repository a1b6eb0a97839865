"""Numbers, sizes, times and conflicts as people read them."""

from tether.core.identity import Time

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


def age_end(then: Time, now: Time) -> int:
    """Return from when on `age_text` of `then` is another than `now`, in microseconds since 1970."""
    seconds = (now.micros - then.micros) // 1_000_000
    if seconds < -60:
        return then.micros - 60_000_000
    length = next((length for length, _ in _AGES if seconds >= length), None)
    following = _AGES[-1][0] if length is None else (seconds // length + 1) * length
    larger = [each for each, _ in _AGES if each > seconds]
    return then.micros + min([following, *larger]) * 1_000_000


CONFLICTS = {
    "content": "both sides changed it",
    "add/add": "both sides added it",
    "modify/delete": "one side changed it, the other removed it",
    "file/directory": "a file on one side, a folder on the other",
    "rename/rename": "the sides moved it to different places",
    "rename/delete": "one side moved it, the other removed it",
}
"""What happened to a path in conflict, by the word that merges have for it."""
