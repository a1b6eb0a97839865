"""Pages of repositories as they were rendered, for whoever is shown the very same again.

A view knows a repository, what the shelf says of it and of who looks, and the address: it reaches no database
and no setting. So all of that together names a page, and a page under this name is never shown to somebody
else. Rights are asked for before, at every request. What refs say is part of the name by the root that they
stand in, and what is said of times ("3 days ago") ends a page when it would be said otherwise.
"""

import gzip
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import fields, replace
from threading import Lock
from typing import NamedTuple

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from tether.core.digest import Digest, hash_bytes
from tether.core.onetime import OneAtATime
from tether.pages.addresses import sent_path
from tether.pages.lasting import lasting
from tether.pages.ranges import is_known
from tether.pages.rendering import POLICY
from tether.pages.shelf import Frame, Shown, frame_of

LIMIT = 24 << 20
"""Bytes of pages that are kept, packed."""
LARGEST = 512 << 10
"""Bytes of a page that is kept; larger ones are few."""
_LEVEL = 3
_OWN = ("same-origin", "none")
_NOT_SAID = ("repository", "facts", "under_way")
"""What is in the name of a page by its root and by what was counted; and what no kept page shows."""

View = Callable[[Request, Shown], Response]


class _Page(NamedTuple):
    """A page: packed, the tag of its bytes, and until when it says the truth (microseconds since 1970)."""

    packed: bytes
    tag: str
    until: int


class Remembered:
    """Pages by name, the least used forgotten first. Safe to use from several threads.

    Args:
        limit: Bytes that are kept.
    """

    def __init__(self, limit: int = LIMIT) -> None:
        self._limit, self._size, self._lock = limit, 0, Lock()
        self._pages: OrderedDict[Digest, _Page] = OrderedDict()
        self._rendering = OneAtATime()

    def answer(self, request: Request, shown: Shown, view: View, *, counted: bool = False) -> Response:
        """Return the page of a view: as it was rendered before, or rendered now.

        Args:
            request: The request.
            shown: The repository, which the one who asks may read.
            view: Renders the page; what is no page of status 200 passes as it is.
            counted: The page has what was counted of the default branch; others get none of that.
        """
        frame, facts = frame_of(request), shown.facts() if counted else None
        shown = replace(shown, facts=lambda: facts)
        name = _name_of(request, shown, frame)
        known, body = self._find(name, frame.now), b""
        if known is None:
            # Readers who come at once wait for the one whose page is rendered, and then have it too.
            with self._rendering.of(name):
                known = self._find(name, frame.now)
                if known is None:
                    reply, until = _rendered(request, shown, view)
                    if not isinstance(reply, HTMLResponse) or reply.status_code != 200:
                        return reply
                    known, body = _packed(bytes(reply.body), until), bytes(reply.body)
                    if len(body) <= LARGEST and frame.now < until:
                        self._keep(name, known)
        return _sent(request, frame, shown, known, body)

    def _find(self, name: Digest, now: int) -> _Page | None:
        with self._lock:
            found = self._pages.get(name)
            if found is None or now >= found.until:
                return None
            self._pages.move_to_end(name)
            return found

    def _keep(self, name: Digest, page: _Page) -> None:
        with self._lock:
            self._forget(name)
            self._pages[name] = page
            self._size += len(page.packed)
            while self._size > self._limit:
                self._forget(next(iter(self._pages)))

    def _forget(self, name: Digest) -> None:
        before = self._pages.pop(name, None)
        self._size -= 0 if before is None else len(before.packed)


def _rendered(request: Request, shown: Shown, view: View) -> tuple[Response, int]:
    """Return what a view answers, and until when it says the truth."""
    with lasting() as until:
        reply = view(request, shown)
    return reply, until[0]


def _packed(body: bytes, until: int) -> _Page:
    return _Page(gzip.compress(body, _LEVEL, mtime=0), f'"{hash_bytes(body).hex()[:32]}"', until)


def _name_of(request: Request, shown: Shown, frame: Frame) -> Digest:
    """Return the name of a page: the digest of all that goes into it but the time."""
    root, facts = shown.repository.root(), shown.facts()
    said = [getattr(shown, each.name) for each in fields(Shown) if each.name not in _NOT_SAID]
    counted = None if facts is None else facts.commit
    asked = sent_path(request.scope), request.scope["query_string"], request.url.path
    everything = (said, replace(frame, now=0), root.write_id, root.generation, counted, asked)
    return hash_bytes(repr(everything).encode("utf-8", "backslashreplace"))


def _sent(request: Request, frame: Frame, shown: Shown, known: _Page, body: bytes) -> Response:
    """Return the reply with a page, packed where that tells nothing to a stranger.

    What a page of another site lets somebody open is not packed: from the length of what holds words of the
    stranger beside words of the reader could be guessed what these are. What is for all says nothing new.
    """
    for_all = frame.viewer is None and frame.accounts and not shown.private
    headers = {"Content-Security-Policy": POLICY, "Vary": "Cookie, Accept-Encoding, Sec-Fetch-Site"}
    if for_all:
        headers |= {"ETag": f"W/{known.tag}", "Cache-Control": "private, no-cache"}
        if is_known(known.tag, request.headers.get("if-none-match")):
            return Response(status_code=304, headers=headers)
    takes = "gzip" in request.headers.get("accept-encoding", "")
    if takes and (for_all or request.headers.get("sec-fetch-site") in _OWN):
        return HTMLResponse(known.packed, headers={**headers, "Content-Encoding": "gzip"})
    return HTMLResponse(body or gzip.decompress(known.packed), headers=headers)


PAGES = Remembered()
