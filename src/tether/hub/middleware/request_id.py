"""Gives each request an id, tells it in the reply, and answers what nobody foresaw."""

import logging
import re
import secrets

from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from tether.hub.problems import bug

HEADER = "x-request-id"
_TAKEN = re.compile(rb"[A-Za-z0-9._-]{1,64}")
_logger = logging.getLogger("tether.hub")


class RequestId:
    """Takes the id that a proxy gave, or makes one; it is in `request.state.request_id` then."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        request_id = _given(scope) or secrets.token_hex(8)
        scope.setdefault("state", {})["request_id"] = request_id
        started = False

        async def send_with_id(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                message["headers"] = [*message["headers"], (HEADER.encode(), request_id.encode())]
            await send(message)

        try:
            await self.app(scope, receive, send_with_id)
        except ClientDisconnect:
            return  # nobody is there to answer; the request log tells of it with the status 0
        except Exception:
            _logger.exception("bug in %s %s, request %s", scope["method"], scope["path"], request_id)
            if started:  # the reply is cut off: the server closes the connection
                raise
            await bug(request_id)(scope, receive, send_with_id)


def _given(scope: Scope) -> str | None:
    for name, value in scope["headers"]:
        if name == HEADER.encode() and _TAKEN.fullmatch(value):
            return bytes(value).decode()
    return None
