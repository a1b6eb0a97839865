"""What a reader of a file asks for beside its address: a part of it, or the file only if it is another one.

Source: RFC 9110, sections 8.8, 13 and 14. A header that is none is left out, as it says; so are several
ranges at once, which cost much and which no reader of data needs.
"""

import re
from typing import NamedTuple

_RANGE = re.compile(r"bytes\s*=\s*(\d{0,20})\s*-\s*(\d{0,20})\s*", re.ASCII | re.I)
_TAG = re.compile(r'(?:W/)?("[^"]*")')


class Part(NamedTuple):
    """Bytes of a file from `start` to before `stop`; nothing can be given where both are 0."""

    start: int
    stop: int


NOTHING = Part(0, 0)
"""No byte of the file is in the range."""


def wanted_part(size: int, tag: str, asked: str | None, if_range: str | None) -> Part | None:
    """Return the part of a file that a request is for; None where it is the whole file.

    Args:
        size: Of the file in bytes.
        tag: The strong entity tag of the file, with its quotes.
        asked: The header `Range`.
        if_range: The header `If-Range`: the part counts only for the file with this tag.
    """
    found = _RANGE.fullmatch(asked) if asked else None
    if found is None or not size or (if_range is not None and if_range.strip() != tag):
        return None
    first, last = found.groups()
    if not first:
        return _suffix(size, last)
    start = int(first)
    stop = min(int(last) + 1, size) if last else size
    if last and int(last) < start:
        return None
    return Part(start, stop) if start < size else NOTHING


def _suffix(size: int, length: str) -> Part | None:
    if not length:
        return None
    return Part(max(size - int(length), 0), size) if int(length) else NOTHING


def is_known(tag: str, if_none_match: str | None) -> bool:
    """Say whether a reader has the file with this tag already, by the header `If-None-Match`."""
    if if_none_match is None:
        return False
    return if_none_match.strip() == "*" or tag in _TAG.findall(if_none_match)
