"""The routes of pages as one: tried before those for programs, which are many and slow to compare with."""

import re
from collections.abc import Iterator, Sequence

from starlette.routing import BaseRoute, Match, Route
from starlette.types import Receive, Scope, Send

_PROGRAMS = ("/api/", "/healthz", "/readyz")
_CHOSEN = "tether.page"
_PARTS = 4
_MOST_KNOWN = 1000
_WORD = re.compile(r"[a-z0-9-]+")


def _parts(route: BaseRoute) -> Iterator[str | None]:
    """Yield the first parts of the path of a route: words, and None for what may be anything."""
    for part in route.path.split("/")[1 : _PARTS + 1] if isinstance(route, Route) else ():
        yield part if _WORD.fullmatch(part) else None


def _may_fit(route: BaseRoute, parts: Sequence[str | None]) -> bool:
    pairs = zip(_parts(route), parts, strict=False)
    return all(word is None or word == part for word, part in pairs)


class PagesFirst(BaseRoute):
    """Answers what one of some routes fits in address and method; all else is for the routes behind it.

    Args:
        routes: In the order in which they are asked.
    """

    def __init__(self, routes: Sequence[BaseRoute]) -> None:
        words = {word for route in routes for word in _parts(route) if word is not None}
        self._words = frozenset(words)
        self._pages = tuple(routes)
        self._fitting: dict[tuple[str | None, ...], tuple[BaseRoute, ...]] = {}

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """Say whether one of the routes fits."""
        if scope["type"] == "http" and not scope["path"].startswith(_PROGRAMS):
            for route in self._candidates(scope["path"]):
                match, child = route.matches(scope)
                if match is Match.FULL:
                    return match, {**child, _CHOSEN: route}
        return Match.NONE, {}

    def _candidates(self, path: str) -> tuple[BaseRoute, ...]:
        """Return the routes in whose first parts no word stands where the path has another one.

        Words that no route has are all the same here, so most addresses have one of few answers.
        """
        parts = tuple(part if part in self._words else None for part in path.split("/")[1 : _PARTS + 1])
        found = self._fitting.get(parts)
        if found is None:
            if len(self._fitting) >= _MOST_KNOWN:
                self._fitting.clear()
            found = self._fitting[parts] = tuple(each for each in self._pages if _may_fit(each, parts))
        return found

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let the route answer that fits."""
        await scope[_CHOSEN].handle(scope, receive, send)
