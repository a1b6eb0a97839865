"""Refuses changes that a page of another site lets a browser ask for, in the name of the user it knows.

Browsers say where a request comes from; programs that are none say nothing and are let through, unless they
send the cookie of a session, as only browsers do. Nothing of the hub is meant to be changed by pages of
others.
"""

from urllib.parse import urlsplit

from starlette.types import ASGIApp, Receive, Scope, Send

from tether.errors import Forbidden
from tether.hub.problems import reply_to

SESSION = b"tether-session="
"""In the cookie of a browser that is signed in, with or without a prefix of the name."""
_READING = frozenset({"GET", "HEAD", "OPTIONS"})
_OURS = frozenset({b"same-origin", b"none"})


class OtherSites:
    """Looks at `Sec-Fetch-Site`, which pages cannot set, or at `Origin` where a browser does not send it."""

    def __init__(self, app: ASGIApp, public_url: str) -> None:
        self.app, self._public_host = app, urlsplit(public_url).netloc.encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or refuse it."""
        if scope["type"] != "http" or scope["method"] in _READING or self._is_ours(dict(scope["headers"])):
            await self.app(scope, receive, send)
            return
        refusal = reply_to(Forbidden("a page of another site asked for this", hint="use the hub itself"))
        await refusal(scope, receive, send)

    def _is_ours(self, headers: dict[bytes, bytes]) -> bool:
        site, origin = headers.get(b"sec-fetch-site"), headers.get(b"origin")
        if site is not None:
            return site in _OURS
        if origin is None:
            return SESSION not in headers.get(b"cookie", b"")
        host = origin.partition(b"://")[2]
        return host != b"" and host in (headers.get(b"host"), self._public_host)
