"""Text and code with line numbers that can be linked to, coloured by what its language is."""

import re
from fnmatch import translate
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from markupsafe import Markup, escape

from tether.core.tree import EntryKind
from tether.errors import InvalidInput
from tether.pages.addresses import link
from tether.pages.viewers.opened import TEXTS, Opened, Tool, View

if TYPE_CHECKING:
    from pygments.lexer import Lexer

LONGEST = 256 * 1024
"""Bytes that a page shows; those behind are on the next one."""
SEARCHED = 32 * 1024 * 1024
"""Bytes in which a page looks for the line with which it begins."""
LARGEST_BLAMED = 512 * 1024
"""Bytes of a text of which a page tells where its lines come from."""
_STEP = 1024 * 1024
_COLOURED = 128 * 1024
_LONGEST_LINE = 2000
_LANGUAGES = 256


def show(opened: Opened) -> View | None:
    """Show a part of the text: its beginning or what `from` asks for; lines are wrapped for `wrap=1`."""
    if opened.type.kind not in TEXTS:
        return None
    query = opened.request.query_params
    first = _number(query.get("from", ""))
    start = find_line(opened, first)
    data = opened.read_at(start, LONGEST) if start else opened.read(LONGEST)
    after = start + len(data)
    if after < opened.size and (end := data.rfind(b"\n") + 1):
        data, after = data[:end], start + end
    lines = coloured(data.decode("utf-8", "replace"), opened.place.name)
    following = first + len(lines) if after < opened.size and data.endswith(b"\n") else None
    cut = after < opened.size
    words = f"{len(lines):,} lines" if not cut else f"the first {len(lines):,} lines"
    if first > 1:
        words = f"lines {first:,} to {first + len(lines) - 1:,}" if lines else "no more lines"
    wrap = query.get("wrap") == "1"
    wrapped = {"wrap": "1"} if wrap else {}
    context = {
        "lines": lines,
        "first": first,
        "cut": cut,
        "wrap": wrap,
        "following": None if following is None else "?" + urlencode({"from": following, **wrapped}),
        "beginning": "?" + urlencode(wrapped) if first > 1 else None,
    }
    asked = {"from": first} if first > 1 else {}
    tools = [Tool("Wrap", "?" + urlencode({**asked, **({} if wrap else {"wrap": 1})}), wrap)]
    place = opened.place
    if opened.size <= LARGEST_BLAMED and place.entry.kind != EntryKind.SYMLINK:
        tools.append(Tool("Blame", link(opened.shown.base, "blame", place.rev, place.path)))
    return View("text.html", (words,), context, tools=tuple(tools))


def find_line(opened: Opened, number: int) -> int:
    """Return the byte at which a line begins, counted from 1; the size of the file where it has fewer lines.

    Raises:
        InvalidInput: It is further behind than `SEARCHED`.
    """
    missing, at = number - 1, 0
    while missing > 0 and at < opened.size:
        if at >= SEARCHED:
            raise InvalidInput(
                f"line {number} is behind the first {SEARCHED >> 20} MiB, in which pages look for lines",
                hint="save the file, or read the part of it that is wanted with 'tether cat'",
            )
        part = opened.read_at(at, _STEP)
        found = part.count(b"\n")
        if found >= missing:
            end = -1
            for _ in range(missing):
                end = part.index(b"\n", end + 1)
            return at + end + 1
        missing, at = missing - found, at + len(part)
    return at


def _number(text: str) -> int:
    return max(int(text), 1) if text.isascii() and text.isdigit() and len(text) < 12 else 1


def coloured(text: str, name: bytes) -> list[Markup]:
    """Return the lines of a text as HTML, with classes for colours where its language is known.

    Args:
        text: The whole text.
        name: Of its file, by which the language is found.
    """
    lexer = _lexer(name.decode("utf-8", "replace")) if len(text) <= _COLOURED else None
    plain = text.split("\n")
    if plain and not plain[-1]:
        plain.pop()
    if lexer is None or any(len(line) > _LONGEST_LINE for line in plain):
        return [escape(line[:_LONGEST_LINE]) for line in plain]
    found = _lines(lexer, text)
    return found if len(found) == len(plain) else [escape(line) for line in plain]


def _lines(lexer: "Lexer", text: str) -> list[Markup]:
    lines: list[list[str]] = [[]]
    for kind, value in lexer.get_tokens(text):
        name = _class_of(kind)
        for at, part in enumerate(value.split("\n")):
            if at:
                lines.append([])
            if part:
                shown = escape(part)
                lines[-1].append(f'<span class="{name}">{shown}</span>' if name else shown)
    if not lines[-1]:
        lines.pop()
    return [Markup("".join(line)) for line in lines]  # each part is escaped, or a tag


@cache
def _class_of(kind: Any) -> str:
    """Return the class of the nearest token type that the stylesheet has a colour for."""
    from pygments.token import STANDARD_TYPES, Token

    while kind is not Token and kind is not None:
        short = str(STANDARD_TYPES.get(kind, ""))
        if short[:1] in ("k", "s", "c", "m", "n", "g", "o") and short not in ("n", "o", "p"):
            return "c-" + short[:2]
        kind = kind.parent
    return ""


def _lexer(name: str) -> "Lexer | None":
    """Return what reads the language of a file; it is looked for once for all names that end the same."""
    stem, dot, ending = name.partition(".")
    return _lexer_for(name if _whole_names().match(name) else f"{stem and 'x'}{dot}{ending}")


@cache
def _whole_names() -> re.Pattern[str]:
    """Return what fits names that tell a language not by their ending alone, such as `Makefile`."""
    from pygments.lexers import get_all_lexers

    globs = (glob for _, _, globs, _ in get_all_lexers() for glob in globs)
    return re.compile("|".join(translate(glob) for glob in globs if not glob.startswith("*.")))


@lru_cache(_LANGUAGES)
def _lexer_for(name: str) -> "Lexer | None":
    from pygments.lexers import get_lexer_for_filename
    from pygments.util import ClassNotFound

    try:
        return get_lexer_for_filename(name, stripnl=False, ensurenl=True)
    except ClassNotFound:
        return None
