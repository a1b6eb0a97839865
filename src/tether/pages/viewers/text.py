"""Text and code with line numbers that can be linked to, coloured by what its language is."""

from functools import cache
from typing import TYPE_CHECKING, Any

from markupsafe import Markup, escape

from tether.pages.viewers.opened import Opened, View

if TYPE_CHECKING:
    from pygments.lexer import Lexer

LONGEST = 256 * 1024
"""Bytes that a page shows; the rest is behind the link to the contents."""
_COLOURED = 128 * 1024
_LONGEST_LINE = 2000


def show(opened: Opened) -> View | None:
    """Show the beginning of the text."""
    if opened.type.kind not in ("text", "json", "empty", "svg", "xml", "html", "script"):
        return None
    data = opened.read(LONGEST)
    text = data.decode("utf-8", "replace")
    lines = coloured(text, opened.place.name)
    cut = opened.size > len(data)
    words = (f"{len(lines):,} lines",) if not cut else (f"the first {len(lines):,} lines",)
    return View("text.html", words, {"lines": lines, "cut": cut})


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
    lines: list[list[Markup]] = [[]]
    for kind, value in lexer.get_tokens(text):
        name = _class_of(kind)
        for at, part in enumerate(value.split("\n")):
            if at:
                lines.append([])
            if part:
                shown = escape(part)
                lines[-1].append(Markup('<span class="{}">{}</span>').format(name, shown) if name else shown)
    if not lines[-1]:
        lines.pop()
    return [Markup("").join(line) for line in lines]


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


@cache
def _lexer(name: str) -> "Lexer | None":
    from pygments.lexers import get_lexer_for_filename
    from pygments.util import ClassNotFound

    try:
        return get_lexer_for_filename(name, stripnl=False, ensurenl=True)
    except ClassNotFound:
        return None
