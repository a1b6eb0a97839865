"""The contents of a file, for pages that show them and for people who want them.

They come from the same host as the pages. So nothing that a browser could run is sent as what it is:
pictures, sound, video and text are, the rest is for saving; and a policy takes all rights from whatever is
opened alone.
"""

from contextlib import ExitStack
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import Response

from tether.core.filetype import HEAD_SIZE, sniff
from tether.core.names import display
from tether.core.tree import EntryKind
from tether.errors import InvalidInput, NotFound
from tether.pages.addresses import where_of
from tether.pages.contents import send_contents
from tether.pages.notebookpictures import PICTURES
from tether.pages.revisions import Place, find_place
from tether.pages.shelf import Shown, shelf_of
from tether.pages.viewers.image import SHOWN
from tether.pages.viewers.notebook import LONGEST
from tether.pages.viewers.pdf import MEDIA_TYPE as PDF
from tether.pages.viewers.played import media_type

_OCTETS = "application/octet-stream"
_PLAIN = "text/plain; charset=utf-8"
_POLICY = "default-src 'none'; style-src 'unsafe-inline'; sandbox; frame-ancestors 'self'"
_POLICY_OF_PDF = "frame-ancestors 'self'"
"""The viewer of a browser does not open a document that is sandboxed; it runs apart from all pages."""
_TEXTS = frozenset({"text", "json", "svg", "xml", "html", "script", "empty"})


def send(request: Request) -> Response:
    """Send the contents, whole or in part; they stay open until they are sent."""
    with ExitStack() as stack:
        owner, name = request.path_params["owner"], request.path_params["name"]
        shown = stack.enter_context(shelf_of(request).open(owner, name))
        place = find_place(shown, where_of(request.scope))
        if place.entry.kind == EntryKind.DIRECTORY:
            raise InvalidInput(f"{display(place.path) or 'the top'} is a folder", hint="open its page")
        head = shown.repository.contents.read(place.entry.digest, 0, HEAD_SIZE)
        kind = _type(sniff(head, place.name).kind, place.name)
        if "picture" in request.query_params:
            return _picture(request, shown, place)
        headers = _headers(place, kind, save=request.query_params.get("save") == "1")
        reply = send_contents(request, stack, shown.repository, place.entry, headers)
        if reply is not None:
            return reply
        return Response(status_code=416, headers={"Content-Range": f"bytes */{place.entry.size}"})


def _picture(request: Request, shown: Shown, place: Place) -> Response:
    """Return a picture that lies in a notebook."""
    if place.entry.size > LONGEST:
        raise NotFound("no such picture in the notebook")
    found = PICTURES.of(shown.repository.contents, place.entry.digest, request.query_params["picture"])
    return Response(found.data, headers=_headers(place, found.media, save=False))


def _type(kind: str, name: bytes) -> str:
    if kind in _TEXTS:
        return _PLAIN
    return SHOWN.get(kind) or media_type(kind, name) or (PDF if kind == "pdf" else _OCTETS)


def _headers(place: Place, kind: str, *, save: bool) -> dict[str, str]:
    how = "attachment" if save or kind == _OCTETS else "inline"
    return {
        "Content-Type": kind,
        "Content-Disposition": f"{how}; filename*=UTF-8''{quote(place.name, safe='')}",
        "Content-Security-Policy": _POLICY if kind != PDF else _POLICY_OF_PDF,
        "Cache-Control": "private, no-cache",
        "Vary": "Authorization, Cookie",
        "X-Tether-Commit": place.id.hex(),
    }
