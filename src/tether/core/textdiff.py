r"""Differences of texts, line by line, on any bytes.

A line ends with its `\n`; the last one may lack it, and a `\r` before it belongs to the line.
"""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from tether.core.sequence import Change, changes

_BINARY_HEAD = 8000
_NO_NEWLINE = b"\\ No newline at end of file\n"


class Hunk(NamedTuple):
    """Changes that lie close together, with the lines around them.

    Lines count from 1; a side without lines gives the line before, as in every unified diff.
    """

    old_start: int
    old_lines: int
    new_start: int
    new_lines: int
    lines: tuple[tuple[str, bytes], ...]
    """Each with `' '`, `'-'` or `'+'`; the removed before the added ones."""


def split_lines(data: bytes) -> list[bytes]:
    """Return the lines of `data` with their ends; joined they give `data` again."""
    *lines, last = data.split(b"\n")
    ended = [line + b"\n" for line in lines]
    return [*ended, last] if last else ended


def line_end(*texts: str) -> str | None:
    r"""Return how the lines of texts end: `\n` also where none does, None where they end in several ways."""
    feeds, pairs, returns = (sum(text.count(each) for text in texts) for each in ("\n", "\r\n", "\r"))
    if returns != pairs or (pairs and feeds != pairs):
        return None
    return "\r\n" if pairs else "\n"


def looks_binary(data: bytes) -> bool:
    """Return whether `data` has a NUL byte near its start, which no text has."""
    return data.find(0, 0, _BINARY_HEAD) >= 0


def unified(old: bytes, new: bytes, context: int = 3) -> list[Hunk]:
    """Return how `old` becomes `new`; the hunks rise and do not overlap.

    Args:
        old: Any bytes.
        new: Any bytes.
        context: How many unchanged lines to show around a change.
    """
    old_lines, new_lines = split_lines(old), split_lines(new)
    groups = _near(changes(old_lines, new_lines), context)
    return [_hunk(old_lines, new_lines, group, context) for group in groups]


def _near(found: list[Change], context: int) -> list[list[Change]]:
    groups: list[list[Change]] = []
    for change in found:
        if groups and change.old_start - groups[-1][-1].old_end <= 2 * context:
            groups[-1].append(change)
        else:
            groups.append([change])
    return groups


def _hunk(old: Sequence[bytes], new: Sequence[bytes], group: Sequence[Change], context: int) -> Hunk:
    before = min(context, group[0].old_start)
    after = min(context, len(old) - group[-1].old_end)
    old_start, old_end = group[0].old_start - before, group[-1].old_end + after
    new_start, new_end = group[0].new_start - before, group[-1].new_end + after
    lines: list[tuple[str, bytes]] = []
    at = old_start
    for change in group:
        lines += [(" ", line) for line in old[at : change.old_start]]
        lines += [("-", line) for line in old[change.old_start : change.old_end]]
        lines += [("+", line) for line in new[change.new_start : change.new_end]]
        at = change.old_end
    lines += [(" ", line) for line in old[at:old_end]]
    old_count, new_count = old_end - old_start, new_end - new_start
    return Hunk(old_start + (old_count > 0), old_count, new_start + (new_count > 0), new_count, tuple(lines))


def count_changes(hunks: Iterable[Hunk]) -> tuple[int, int]:
    """Return how many lines were added and removed."""
    marks = [mark for hunk in hunks for mark, _ in hunk.lines]
    return marks.count("+"), marks.count("-")


def hunk_header(hunk: Hunk) -> str:
    """Return the `@@` line of a hunk without its end."""
    old = _span(hunk.old_start, hunk.old_lines)
    return f"@@ -{old} +{_span(hunk.new_start, hunk.new_lines)} @@"


def _span(start: int, count: int) -> str:
    return f"{start}" if count == 1 else f"{start},{count}"


def render(hunks: Iterable[Hunk]) -> bytes:
    """Return the hunks as `patch` and `git apply` read them, without the two lines of file names."""
    parts: list[bytes] = []
    for hunk in hunks:
        parts.append(hunk_header(hunk).encode() + b"\n")
        for mark, line in hunk.lines:
            parts.append(mark.encode() + line)
            if not line.endswith(b"\n"):
                parts.append(b"\n" + _NO_NEWLINE)
    return b"".join(parts)
