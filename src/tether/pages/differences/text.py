"""Differences of texts: lines side by side or one below the other, with the words that differ marked."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import zip_longest

from markupsafe import Markup, escape

from tether.core.sequence import changes
from tether.core.textdiff import Hunk, count_changes, hunk_header, looks_binary, unified
from tether.pages.differences.pair import Difference, Pair

LIMIT = 1 << 20
"""Bytes of a version that is compared line by line on a page of its own."""
_LIMIT_AMONG_MANY = 128 * 1024
_MOST_LINES = 3000
_LINES_AMONG_MANY = 400
_LONGEST_LINE = 2000
_WORDS = re.compile(r"\w+|\s+|[^\w\s]")
_SPECIAL = re.compile("[&<>\"']")
_MOST_WORDS = 400
_KINDS = frozenset({"text", "json", "empty", "svg", "xml", "html", "script"})
_CONTEXT = 3
_MUCH_CONTEXT = 25


@dataclass(frozen=True, slots=True)
class Line:
    """One line of one side.

    Attributes:
        number: From 1; None where the side has no such line.
        mark: A space, `-` or `+`; empty where the side has no such line.
        html: The line, with marks around the words that differ.
    """

    number: int | None
    mark: str
    html: Markup


_NOTHING = Line(None, "", Markup())


def show(pair: Pair) -> Difference | None:
    """Compare two texts; the attributes may say that a file is one, or is none."""
    said = pair.attributes.binary
    if said or (said is None and not pair.both(_KINDS)):
        return None
    limit = LIMIT if pair.alone else _LIMIT_AMONG_MANY
    if any(side.entry.size > limit or (said is None and looks_binary(side.head)) for side in pair.sides):
        return Difference("large.html") if not pair.alone else None
    old, new = (side.read(limit) if side is not None else b"" for side in (pair.old, pair.new))
    hunks = unified(old, new, _MUCH_CONTEXT if pair.query.get("context") == "more" else _CONTEXT)
    added, removed = count_changes(hunks)
    words = (("good", f"+{added:,}"), ("bad", f"-{removed:,}"))
    lines = sum(len(hunk.lines) for hunk in hunks)
    if lines > (_MOST_LINES if pair.alone else _LINES_AMONG_MANY):
        if not pair.alone:
            return Difference("large.html", words)
        hunks = _first(hunks)
    split = pair.query.get("split") == "1"
    shown = [(hunk_header(hunk), list(rows_of(hunk))) for hunk in hunks]
    return Difference("text.html", words, {"hunks": shown, "split": split, "cut": lines > _MOST_LINES})


def _first(hunks: list[Hunk]) -> list[Hunk]:
    """Return the first hunks that fit on a page, at least one, which is cut where it is too long alone."""
    found, lines = list[Hunk](), 0
    for hunk in hunks:
        lines += len(hunk.lines)
        if found and lines > _MOST_LINES:
            break
        found.append(hunk._replace(lines=hunk.lines[:_MOST_LINES]))
    return found


def rows_of(hunk: Hunk) -> Iterator[tuple[Line, Line]]:
    """Yield the lines of a hunk in pairs: what was removed beside what was added in its place."""
    old_number, new_number = hunk.old_start, hunk.new_start
    removed: list[str] = []
    added: list[str] = []

    def flushed() -> Iterator[tuple[Line, Line]]:
        nonlocal old_number, new_number
        for before, after in zip_longest(removed, added):
            left, right = _marked(before, after)
            yield (
                _NOTHING if before is None else Line(old_number, "-", left),
                _NOTHING if after is None else Line(new_number, "+", right),
            )
            old_number += before is not None
            new_number += after is not None
        removed.clear()
        added.clear()

    for mark, data in hunk.lines:
        text = data.decode("utf-8", "replace").rstrip("\r\n")[:_LONGEST_LINE]
        if mark == "-":
            removed.append(text)
        elif mark == "+":
            added.append(text)
        else:
            yield from flushed()
            yield Line(old_number, " ", escape(text)), Line(new_number, " ", escape(text))
            old_number, new_number = old_number + 1, new_number + 1
    yield from flushed()


def unfolded(rows: list[tuple[Line, Line]]) -> Iterator[tuple[str, Line, Line]]:
    """Yield the pairs of a hunk one below the other: `same`, or what went `out` before what came `in`."""
    coming: list[tuple[str, Line, Line]] = []
    for old, new in rows:
        if old.mark == " ":
            yield from coming
            coming.clear()
            yield "same", old, new
            continue
        if old.mark:
            yield "out", old, new
        if new.mark:
            coming.append(("in", old, new))
    yield from coming


def _marked(before: str | None, after: str | None) -> tuple[Markup, Markup]:
    """Return two lines with marks around the words that differ, unless hardly any word is the same."""
    if before is None or after is None:
        return escape(before or ""), escape(after or "")
    left, right = _WORDS.findall(before), _WORDS.findall(after)
    if max(len(left), len(right)) > _MOST_WORDS:
        return escape(before), escape(after)
    found = changes(left, right)
    differing = sum(change.old_end - change.old_start + change.new_end - change.new_start for change in found)
    if differing * 3 > 2 * (len(left) + len(right)):
        return escape(before), escape(after)
    return (
        _with_marks(left, [(change.old_start, change.old_end) for change in found]),
        _with_marks(right, [(change.new_start, change.new_end) for change in found]),
    )


def _with_marks(words: list[str], spans: list[tuple[int, int]]) -> Markup:
    if _SPECIAL.search("".join(words)):
        words = [escape(word) for word in words]
    parts, at = list[str](), 0
    for start, end in spans:
        parts += words[at:start]
        if end > start:
            parts += ("<mark>", *words[start:end], "</mark>")
        at = end
    return Markup("".join([*parts, *words[at:]]))  # each part is escaped, has nothing to escape, or is a tag
