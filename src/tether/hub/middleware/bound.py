"""Ties routes that many hubs can share to one hub."""

from fastapi import FastAPI
from starlette.middleware.errors import ServerErrorMiddleware
from starlette.types import ASGIApp, Receive, Scope, Send

from tether.hub.hub import Hub
from tether.hub.pages.shelf import shelf_for
from tether.hub.ratelimit import RateLimiter


class Bound:
    """The routes of one hub: `request.state` has it, its limiter, and its shelf for pages.

    Args:
        api: The routes.
        hub: Whom they serve.
        limiter: Counts its requests.
    """

    def __init__(self, api: FastAPI, hub: Hub, limiter: RateLimiter) -> None:
        self.api, self.hub, self.limiter = api, hub, limiter
        self.app: ASGIApp = _without_pages_of_bugs(api)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on."""
        scope["app"] = self.api
        scope.setdefault("state", {}).update(hub=self.hub, limiter=self.limiter, shelf_for=shelf_for)
        await self.app(scope, receive, send)


def _without_pages_of_bugs(api: FastAPI) -> ASGIApp:
    """Return the application without its outermost layer: bugs are answered in our form, by `RequestId`."""
    if api.middleware_stack is None:
        api.middleware_stack = api.build_middleware_stack()
    outermost = api.middleware_stack
    assert isinstance(outermost, ServerErrorMiddleware)
    return outermost.app
