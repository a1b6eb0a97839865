"""One line of JSON for each request: id, path, status, duration; neither query nor headers."""

import json
import logging
from collections.abc import Callable

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from tether.hub.sentfile import body_size

logger = logging.getLogger("tether.hub.access")


class AccessLog:
    """Writes to the logger `tether.hub.access`.

    Args:
        app: The application.
        clock: Gives seconds that only go forward.
    """

    def __init__(self, app: ASGIApp, clock: Callable[[], float]) -> None:
        self.app, self.clock = app, clock

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on."""
        if scope["type"] != "http" or not logger.isEnabledFor(logging.INFO):
            await self.app(scope, receive, send)
            return
        begun, status, sent = self.clock(), 0, 0

        async def send_noted(message: Message) -> None:
            nonlocal status, sent
            status = message.get("status", status)
            await send(message)
            sent += body_size(message)

        try:
            await self.app(scope, receive, send_noted)
        finally:
            entry = {
                "request": scope["state"].get("request_id"),
                "client": (scope.get("client") or ("",))[0],
                "method": scope["method"],
                "path": scope["path"],
                "status": status,
                "bytes": sent,
                "seconds": round(self.clock() - begun, 6),
            }
            logger.info(json.dumps(entry))
