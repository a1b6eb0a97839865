"""Names that a text in Markdown calls, made links where they are text and not code or a link already."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING
from urllib.parse import quote

if TYPE_CHECKING:
    from markdown_it.token import Token

_NAME = re.compile(r"(?<![\w@./`-])@([A-Za-z0-9][A-Za-z0-9._-]{0,79})", re.ASCII)

MARK = "/-/@"
"""Before a name in the links that are made here, as links in a text are of the files of its repository."""


def link_people(tokens: Sequence["Token"], people: Mapping[str, str]) -> None:
    """Let names of people be links, in place.

    Args:
        tokens: Of a whole text.
        people: The names that are known, by key.
    """
    for token in tokens:
        if token.type == "inline" and token.children:
            token.children = list(_linked(token.children, people))


def _linked(children: Sequence["Token"], people: Mapping[str, str]) -> Iterator["Token"]:
    depth = 0
    for child in children:
        depth += child.nesting if child.type in ("link_open", "link_close") else 0
        if child.type == "text" and not depth:
            yield from _parts(child, people)
        else:
            yield child


def _parts(token: "Token", people: Mapping[str, str]) -> Iterator["Token"]:
    from markdown_it.token import Token

    at = 0
    for found in _NAME.finditer(token.content):
        name = people.get(found[1].rstrip("._-").lower())
        if name is None:
            continue
        end = found.start() + 1 + len(found[1].rstrip("._-"))
        yield Token("text", "", 0, content=token.content[at : found.start()])
        yield Token("link_open", "a", 1, attrs={"href": MARK + quote(name, safe="")})
        yield Token("text", "", 0, content=token.content[found.start() : end])
        yield Token("link_close", "a", -1)
        at = end
    yield Token("text", "", 0, content=token.content[at:])
