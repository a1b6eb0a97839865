"""Refuses bodies that are larger than any request but a transfer needs."""

import re
from contextlib import suppress

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from tether.errors import TooLarge
from tether.hub.problems import reply_to

STREAMED = re.compile(
    r"/api/v1/repos/[^/]+/[^/]+/(transfer(/.*)?|workspaces/[^/]+/files/.*)"
    r"|/[^/]+/[^/]+/api/2\.0/mlflow(-artifacts)?/.*"
    r"|/[^/]+/[^/]+/attachments",
)
"""Paths whose routes read their bodies as streams and limit them themselves."""


class BodyLimit:
    """Counts the bytes of a body as they come, whatever the request said of its length."""

    def __init__(self, app: ASGIApp, limit: int) -> None:
        self.app, self.limit = app, limit

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or answer it."""
        if scope["type"] != "http" or STREAMED.fullmatch(scope["path"]):
            await self.app(scope, receive, send)
            return
        refusal = reply_to(TooLarge(f"the body is larger than {self.limit} bytes"))
        if _declared(scope) > self.limit:
            await refusal(scope, receive, send)
            return
        read, exceeded, started = 0, False, False

        async def receive_counted() -> Message:
            nonlocal read, exceeded
            message = await receive()
            read += len(message.get("body", b""))
            if read > self.limit:
                exceeded = True
                raise _Exceeded
            return message

        async def send_unless_exceeded(message: Message) -> None:
            nonlocal started
            if not exceeded or started:  # the framework answers in its own way when a body cannot be read
                started = True
                await send(message)

        with suppress(_Exceeded):
            await self.app(scope, receive_counted, send_unless_exceeded)
        if exceeded and not started:
            await refusal(scope, receive, send)


class _Exceeded(Exception):
    """More came than is allowed."""


def _declared(scope: Scope) -> int:
    value = next((value for name, value in scope["headers"] if name == b"content-length"), b"0")
    return int(value) if value.isdigit() else 0
