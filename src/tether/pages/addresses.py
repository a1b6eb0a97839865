"""Addresses of pages: how they are read as a browser sent them, and how they are written.

A page of a revision is `/OWNER/NAME/WORD/REV/PATH`. `%2F` in the revision is a slash of its name, and a path
may have any bytes, so both are read from the address as it was sent and not as a framework decoded it.
"""

import re
from typing import NamedTuple
from urllib.parse import parse_qs, quote, unquote_to_bytes

from starlette.convertors import StringConvertor, register_url_convertor
from starlette.types import Scope

from tether.core.names import path_bytes
from tether.errors import InvalidInput, NotFound

_WHERE = re.compile(rb"/[^/]+/[^/]+/[a-z]+/([^/]+)(?:/(.*))?", re.S)


class _Anything(StringConvertor):
    """The rest of an address; unlike that of the framework with line feeds, which names of files may hold."""

    regex = "(?s:.*)"


register_url_convertor("anything", _Anything())


class Where(NamedTuple):
    """The revision and the path of an address."""

    rev: str
    path: bytes


def where_of(scope: Scope) -> Where:
    """Return what the address of a page of a revision names.

    Raises:
        NotFound: It is no such address.
        InvalidInput: The revision is not UTF-8.
    """
    found = _WHERE.fullmatch(sent_path(scope))
    if found is None:
        raise NotFound("no such page")
    return read_where(found[1], found[2] or b"")


def read_where(rev: bytes, path: bytes) -> Where:
    """Return the revision and the path that two parts of an address stand for; errors as for `where_of`."""
    try:
        name = unquote_to_bytes(rev).decode()
    except UnicodeDecodeError:
        raise InvalidInput("the revision in the address is not UTF-8") from None
    return Where(name, unquote_to_bytes(path).removesuffix(b"/"))


def sent_path(scope: Scope) -> bytes:
    """Return the path of an address as it was sent."""
    sent = scope.get("raw_path") or quote(scope["path"]).encode()
    assert isinstance(sent, bytes)
    return sent


def bytes_asked(scope: Scope, name: str) -> bytes:
    """Return a value of the query whose bytes need not be UTF-8, such as the name of a file."""
    query = scope["query_string"].decode("latin-1")
    return path_bytes(parse_qs(query, keep_blank_values=True, errors="surrogateescape").get(name, [""])[0])


def link(base: str, word: str, rev: str, path: bytes = b"") -> str:
    """Return the address of a page of a revision.

    Args:
        base: The address of the repository, `/OWNER/NAME`.
        word: Which page: `tree`, `file`, `raw`, `history`.
        rev: The revision as people write it.
        path: In the revision.
    """
    start = f"{base}/{word}/{quote(rev, safe='')}"
    return f"{start}/{quote(path, safe='/')}" if path else start


def asked(path: bytes) -> str:
    """Return bytes of a path as they are written in a query."""
    return quote(path, safe="/")
