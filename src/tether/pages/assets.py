"""Stylesheet, scripts and the icon: files of the package under addresses that change with their contents."""

import gzip
from functools import cache
from importlib.resources import files
from typing import NamedTuple

from starlette.requests import Request
from starlette.responses import Response

from tether.core.digest import hash_bytes
from tether.errors import NotFound

_TYPES = {"css": "text/css; charset=utf-8", "js": "text/javascript; charset=utf-8", "svg": "image/svg+xml"}
_FOREVER = "public, max-age=31536000, immutable"


class _Asset(NamedTuple):
    data: bytes
    packed: bytes
    kind: str
    mark: str


@cache
def _assets() -> dict[str, _Asset]:
    """Return the files by name; they are few and small, and read once."""
    found = {}
    for each in files("tether.pages").joinpath("static").iterdir():
        kind = _TYPES.get(each.name.rpartition(".")[2])
        if kind is not None:
            data = each.read_bytes()
            found[each.name] = _Asset(data, gzip.compress(data, mtime=0), kind, hash_bytes(data).hex()[:16])
    return found


def asset(name: str) -> str:
    """Return the address of a file of the package."""
    return f"/-/static/{_assets()[name].mark}/{name}"


def send(request: Request) -> Response:
    """Send one; the mark in the address is not looked at, since a newer page may ask an older server."""
    found = _assets().get(request.path_params["name"])
    if found is None:
        raise NotFound("no such file of the pages")
    fits = request.path_params["mark"] == found.mark
    headers = {
        "Cache-Control": _FOREVER if fits else "no-cache",
        "Content-Security-Policy": "default-src 'none'",
        "Vary": "Accept-Encoding",
    }
    if "gzip" in request.headers.get("accept-encoding", ""):
        headers["Content-Encoding"] = "gzip"
        return Response(found.packed, media_type=found.kind, headers=headers)
    return Response(found.data, media_type=found.kind, headers=headers)
