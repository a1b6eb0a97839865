"""How numbers, times and names are written on pages."""

import re
from datetime import UTC, datetime

from tether.core.digest import Digest
from tether.core.identity import Time
from tether.core.names import display
from tether.core.phrases import CONFLICTS, age_end, age_text

LONGEST_SAID = 1000
"""Characters of a path that a shelf can store with what people say."""
_MICROS = 1_000_000
_HALF = re.compile("[\udc80-\udcff]")
_ID = re.compile("[0-9a-f]{64}|[0-9a-f]{32}")
_LINKED = re.compile(r"!?\[([^\]\[]*)\]\([^()\s]*\)")
_MARKS = re.compile(r"^\s*(?:#{1,6}|>|[-*+]|\d+\.)\s+|\*\*|__|`")


def ago(micros: int, now: int) -> str:
    """Return how long before `now` a time is: `3 days ago`; both in microseconds since 1970."""
    return age_text(Time(micros, 0), Time(now, 0))


def ago_ends(micros: int, now: int) -> int:
    """Return when `ago` will say something else, in microseconds since 1970."""
    return age_end(Time(micros, 0), Time(now, 0))


def moment(micros: int) -> str:
    """Return a time in UTC to the minute; what no calendar has is written as a number."""
    try:
        return datetime.fromtimestamp(micros / _MICROS, UTC).strftime("%Y-%m-%d %H:%M UTC")
    except (ValueError, OverflowError, OSError):
        return f"{micros} \N{MICRO SIGN}s"


def stamp(micros: int) -> str:
    """Return a time as the attribute `datetime` wants it."""
    try:
        return datetime.fromtimestamp(micros / _MICROS, UTC).isoformat()
    except (ValueError, OverflowError, OSError):
        return ""


def short(digest: Digest | str) -> str:
    """Return the first ten digits of an id."""
    return (digest if isinstance(digest, str) else digest.hex())[:10]


def is_id(text: str) -> bool:
    """Tell whether a text is an id as the hub writes them: of an object, or of a row."""
    return _ID.fullmatch(text) is not None


def unmarked(line: str) -> str:
    """Return a line of Markdown without its marks, where it stands alone; links are their words."""
    return _MARKS.sub("", _LINKED.sub(r"\1", line)).strip() or line


def can_be_said(path: bytes) -> bool:
    """Tell whether people can talk about a path: it is a text that prints, no longer than a field for it."""
    try:
        text = path.decode()
    except UnicodeDecodeError:
        return False
    return text.isprintable() and len(text) <= LONGEST_SAID


def shown_path(path: bytes) -> str:
    r"""Return a path with what does not print made visible, and bytes that are not UTF-8 as `\\xff`."""
    return _HALF.sub(lambda found: f"\\x{ord(found[0]) - 0xDC00:02x}", display(path))


def first_line(text: str) -> str:
    """Return the first line of a message."""
    return text.strip().partition("\n")[0] or "(no message)"


def rest(text: str) -> str:
    """Return a message without its first line."""
    return text.strip().partition("\n")[2].strip()


def hue(text: str) -> int:
    """Return which of twelve colours stands for a name."""
    return sum(text.encode(errors="replace")) % 12


def figure(value: float | str | None) -> str:
    """Return a number as it stands in a table: five digits tell enough; a dash for none."""
    if value is None:
        return "\N{EN DASH}"
    return (
        str(value) if isinstance(value, str) else f"{value:,}" if isinstance(value, int) else f"{value:.5g}"
    )


def conflict_words(reason: str) -> str:
    """Return what happened to a path in conflict, in words; a reason that is not known stays as it is."""
    return CONFLICTS.get(reason, reason)
