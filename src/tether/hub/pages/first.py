"""The routes of pages as one: tried before those for programs, which are many and slow to compare with."""

from collections.abc import Sequence

from starlette.routing import BaseRoute, Match
from starlette.types import Receive, Scope, Send

_PROGRAMS = ("/api/", "/healthz", "/readyz")
_CHOSEN = "tether.page"


class PagesFirst(BaseRoute):
    """Answers what one of some routes fits in address and method; all else is for the routes behind it.

    Args:
        routes: In the order in which they are asked.
    """

    def __init__(self, routes: Sequence[BaseRoute]) -> None:
        self._pages = routes

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """Say whether one of the routes fits."""
        if scope["type"] == "http" and not scope["path"].startswith(_PROGRAMS):
            for route in self._pages:
                match, child = route.matches(scope)
                if match is Match.FULL:
                    return match, {**child, _CHOSEN: route}
        return Match.NONE, {}

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let the route answer that fits."""
        await scope[_CHOSEN].handle(scope, receive, send)
