"""The pages over one repository on this machine, for one person: no database, no accounts, nothing to set up.

Whoever can reach the port is not yet that person: others on the machine can, and so can pages of other sites
that bend a name to this address. So the browser brings a secret once, which becomes a cookie, and requests
must be for this machine by name.
"""

import hmac
import secrets
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager, nullcontext
from pathlib import Path
from threading import Lock, Thread
from urllib.parse import quote

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from tether.core.digest import Digest
from tether.core.identity import Time
from tether.errors import NotFound, TetherError, Unauthenticated
from tether.hub import problems
from tether.hub.middleware.headers import Headers
from tether.hub.middleware.request_id import RequestId
from tether.pages.routes import routes
from tether.pages.shelf import Frame, Shown
from tether.pages.turns import Turns
from tether.repo.facts import Facts, find_facts
from tether.repo.repository import Repository

OWNER = "local"
_COOKIE = "tether-ui"
_HERE = ["127.0.0.1", "localhost", "[::1]"]


class LocalShelf:
    """A shelf with one repository.

    Args:
        open_repository: Opens it; each request has its own.
        folder: In which it is.
        clock: Gives the time.
    """

    def __init__(
        self, open_repository: Callable[[], Repository], folder: Path, clock: Callable[[], Time]
    ) -> None:
        self._open, self._folder, self._clock = open_repository, folder, clock
        self.name = folder.name or "repository"
        self.turns = Turns()
        self._facts: Facts | None = None
        self._counting: Digest | None = None
        self._lock = Lock()

    def frame(self) -> Frame:
        """Return what stands around the page."""
        return Frame(title=self.name, now=self._clock().micros)

    @contextmanager
    def open(self, owner: str, name: str) -> Iterator[Shown]:
        """Open the repository; see `tether.pages.shelf.Shelf`."""
        if (owner, name) != (OWNER, self.name):
            raise NotFound("these are the pages of one repository", hint=f"open /{OWNER}/{self.name}")
        with closing(self._open()) as repository:
            head = repository.root().head_commit()
            yield Shown(OWNER, self.name, repository, str(self._folder), lambda: self._known(head))

    def heavy(self, cost: int) -> AbstractContextManager[None]:
        """Wait for nothing: there is one who looks."""
        return nullcontext()

    def _known(self, head: Digest | None) -> Facts | None:
        """Return the facts of the head if they were counted; otherwise a thread begins to."""
        with self._lock:
            known, busy = self._facts, self._counting
            if head is None or (known is not None and known.commit == head):
                return known
            if busy is None:
                self._counting = head
                Thread(target=self._count, args=(head, known), daemon=True).start()
        return None

    def _count(self, head: Digest, base: Facts | None) -> None:
        found = base
        try:
            with closing(self._open()) as repository:
                found = find_facts(repository, head, base)
        except TetherError:  # the page tells of damage itself; without facts it only shows less
            pass
        finally:
            with self._lock:
                self._facts, self._counting = found, None


class LocalPages:
    """The application; `address` is what the browser opens first.

    Args:
        shelf: With the repository.
        path: Below the repository, where the browser goes at first; such as a file.
    """

    def __init__(self, shelf: LocalShelf, path: str = "") -> None:
        self._shelf, self._secret = shelf, secrets.token_urlsafe(24)
        self._first = f"/{OWNER}/{quote(shelf.name)}{path}"
        self.entrance = f"/-/open/{self._secret}"
        inner = Starlette(
            routes=[Route("/", self._home), Route("/-/open/{secret}", self._enter), *routes()],
            middleware=[Middleware(TrustedHostMiddleware, allowed_hosts=_HERE, www_redirect=False)],
        )
        problems.install(inner)
        self._inner = inner
        self._app: ASGIApp = RequestId(Headers(self._guarded))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        await self._app(scope, receive, send)

    async def _guarded(self, scope: Scope, receive: Receive, send: Send) -> None:
        scope.setdefault("state", {})["shelf_for"] = lambda _: self._shelf
        if scope["type"] == "http" and not self._is_known(Request(scope)):
            failure = Unauthenticated(
                "this is not the browser that 'tether ui' opened",
                hint="open the address that the command printed",
            )
            await problems.reply_to(failure)(scope, receive, send)
            return
        await self._inner(scope, receive, send)

    def _is_known(self, request: Request) -> bool:
        path = request.url.path
        if path.startswith(("/-/static/", "/-/open/")):
            return True
        return hmac.compare_digest(request.cookies.get(_COOKIE, "").encode(), self._secret.encode())

    def _home(self, _: Request) -> Response:
        return RedirectResponse(self._first, 303)

    def _enter(self, request: Request) -> Response:
        if not hmac.compare_digest(request.path_params["secret"].encode(), self._secret.encode()):
            raise Unauthenticated("the address is of another start", hint="run 'tether ui' again")
        response = RedirectResponse(self._first, 303)
        response.set_cookie(_COOKIE, self._secret, httponly=True, samesite="strict")
        return response
