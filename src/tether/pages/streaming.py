"""Replies that are made while they are sent, from something that stays open until then."""

from collections.abc import Callable, Iterable, Mapping

from anyio import CancelScope
from starlette.concurrency import run_in_threadpool
from starlette.responses import StreamingResponse
from starlette.types import Receive, Scope, Send


class HeldStream(StreamingResponse):
    """Sends blocks and then gives back what they come from, also when whoever asked is gone before.

    Args:
        blocks: The body, block by block; runs in a thread.
        close: Called once, when nothing more is asked of `blocks`.
        status: Of the reply.
        headers: Of the reply, the length among them.
    """

    def __init__(
        self, blocks: Iterable[bytes], close: Callable[[], object], status: int, headers: Mapping[str, str]
    ) -> None:
        super().__init__(blocks, status, headers)
        self._close = close

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it."""
        try:
            await super().__call__(scope, receive, send)
        finally:
            with CancelScope(shield=True):
                await run_in_threadpool(self._close)
