"""A small picture of a picture."""

from importlib.resources import files

from starlette.requests import Request
from starlette.responses import Response

from tether.core.tree import EntryKind
from tether.pages.addresses import where_of
from tether.pages.ranges import is_known
from tether.pages.revisions import Place, find_place
from tether.pages.shelf import Shown
from tether.pages.thumbnails import MEDIA_TYPE, SIZES, THUMBNAILS

_FOREVER = "private, max-age=31536000, immutable"
_POLICY = "default-src 'none'; style-src 'unsafe-inline'; sandbox"


def show(request: Request, shown: Shown) -> Response:
    """Send the thumbnail, or a drawing that stands for a picture that cannot be shown."""
    place, size = find_place(shown, where_of(request.scope)), _size(request.query_params.get("size", ""))
    tag = f'"{place.entry.digest.hex()[:32]}-{size}"'
    headers = {"ETag": tag, "Cache-Control": _kept(place), "Vary": "Authorization, Cookie"}
    headers["Content-Security-Policy"] = _POLICY
    if is_known(tag, request.headers.get("if-none-match")):
        return Response(status_code=304, headers=headers)
    made = None
    if place.entry.kind <= EntryKind.EXECUTABLE:
        contents = shown.repository.contents
        made = THUMBNAILS.of(contents, place.entry.digest, place.entry.size, size)
    if made is None:
        drawing = files("tether.pages").joinpath("static", "nopicture.svg").read_bytes()
        return Response(drawing, media_type="image/svg+xml", headers={**headers, "Cache-Control": "no-cache"})
    return Response(made, media_type=MEDIA_TYPE, headers=headers)


def _size(text: str) -> int:
    """Return the least size that is enough."""
    wanted = int(text) if text.isascii() and text.isdigit() and len(text) < 6 else SIZES[0]
    return next((size for size in SIZES if size >= wanted), SIZES[-1])


def _kept(place: Place) -> str:
    """What a commit has at a path never changes; what a branch has is asked for again."""
    return _FOREVER if place.rev == place.id.hex() else "private, no-cache"
