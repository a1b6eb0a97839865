"""Markdown as safe HTML: links and pictures are of this revision, and nothing in it runs.

CommonMark with tables, strikethrough and lists of tasks. HTML inside is kept as far as an allowlist goes,
since READMEs use it for pictures and folding; the cleaner sees the whole result and knows no other way out.
"""

import re
from collections.abc import Mapping, Sequence
from functools import cache
from posixpath import normpath
from typing import TYPE_CHECKING
from urllib.parse import unquote_to_bytes, urlsplit

from markupsafe import Markup

from tether.pages.addresses import link
from tether.pages.people import MARK, link_people

if TYPE_CHECKING:
    from markdown_it import MarkdownIt
    from markdown_it.token import Token

LONGEST = 512 * 1024
"""Bytes of a text that are made HTML; the rest is shown as text."""
_TAGS = """
a b blockquote br code dd del details div dl dt em h1 h2 h3 h4 h5 h6 hr i img input kbd li ol p pre s span
strong sub summary sup table tbody td th thead tr ul
"""
_ATTRIBUTES = {
    "a": {"href", "title"},
    "img": {"src", "alt", "title", "width", "height"},
    "td": {"align"},
    "th": {"align"},
    "ol": {"start"},
    "details": {"open"},
    "input": {"checked"},
}
_SET = {
    **{tag: {"tabindex": "0"} for tag in ("pre", "table")},
    "input": {"type": "checkbox", "disabled": "", "aria-label": "Task"},
}
"""What may be wider than the page is a stop of the keyboard, which scrolls it; whatever field somebody
writes is a box that cannot be ticked."""
_TASK = re.compile(r"\[([ xX])\]\s+(?=\S)")
_IN_TASK = ["list_item_open", "paragraph_open", "inline"]
_ATTACHED = "/-/attachments/"
"""Before pictures that people put into what they say."""
_SCHEMES = {"http", "https", "mailto"}


@cache
def _parser() -> "MarkdownIt":
    from markdown_it import MarkdownIt

    return MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])


def render(
    text: str,
    base: str = "",
    rev: str = "",
    folder: bytes = b"",
    people: Mapping[str, str] | None = None,
) -> Markup:
    """Return a text in Markdown as HTML.

    Args:
        text: What somebody wrote.
        base: The address of the repository to which relative links belong; empty: they stay as they are.
        rev: The revision of those links.
        folder: In which the text lies.
        people: Names by key; where one is called as `@name`, outside of code and links, it is a link.
    """
    import nh3

    def moved(tag: str, attribute: str, value: str) -> str | None:
        if tag == "img" and attribute == "src":
            return _picture(value, base, rev, folder)
        if tag == "a" and attribute == "href" and value.startswith(MARK):
            return "/" + value.removeprefix(MARK).lstrip("/\\")
        if tag == "a" and attribute == "href" and base:
            return _relative(value, base, rev, folder) or value
        return value

    parser = _parser()
    tokens = parser.parse(text[:LONGEST])
    _tick_tasks(tokens)
    if people:
        link_people(tokens, people)
    clean = nh3.clean(
        parser.renderer.render(tokens, parser.options, {}),
        tags=set(_TAGS.split()),
        attributes=_ATTRIBUTES,
        set_tag_attribute_values=_SET,
        url_schemes=_SCHEMES,
        attribute_filter=moved,
        link_rel="nofollow noopener noreferrer",
    )
    return Markup(clean)


def _tick_tasks(tokens: Sequence["Token"]) -> None:
    """Make boxes of the `[ ]` and `[x]` with which entries of lists begin."""
    from markdown_it.token import Token

    for number in range(2, len(tokens)):
        if [each.type for each in tokens[number - 2 : number + 1]] != _IN_TASK:
            continue
        children = tokens[number].children or []
        found = _TASK.match(tokens[number].content)  # as it was written: a bracket that is escaped is none
        if found and children and children[0].type == "text" and children[0].content.startswith(found[0]):
            children[0].content = children[0].content[found.end() :]
            box = Token("html_inline", "", 0)
            box.content = "<input>" if found[1] == " " else "<input checked>"
            children.insert(0, box)


def _picture(value: str, base: str, rev: str, folder: bytes) -> str | None:
    """Return the address of a picture of the repository; those elsewhere would tell who reads, so they go."""
    parts = urlsplit(value)
    if value.startswith(_ATTACHED):
        return value
    if parts.scheme or parts.netloc or not base:
        return None
    return _in_repository(parts.path, base, "raw", rev, folder)


def _relative(value: str, base: str, rev: str, folder: bytes) -> str | None:
    """Return where a relative link leads in the repository; None where it is none."""
    parts = urlsplit(value)
    if parts.scheme or parts.netloc or not parts.path:
        return None
    found = _in_repository(parts.path, base, "file", rev, folder)
    return None if found is None else found + (f"#{parts.fragment}" if parts.fragment else "")


def _in_repository(path: str, base: str, word: str, rev: str, folder: bytes) -> str | None:
    wanted = unquote_to_bytes(path)
    start = b"" if wanted.startswith(b"/") else folder
    whole = normpath(b"/" + start + b"/" + wanted.lstrip(b"/")).lstrip(b"/")
    return link(base, word, rev, whole) if whole else base
