"""Begins the trace of each request and says at its end what it was: route, status, bytes, request id."""

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from tether.core.tracing import Fact
from tether.hub.sentfile import body_size
from tether.hub.traces.tracer import HubTracer, OpenSpan

_METHODS = frozenset({"DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"})
_PROBES = frozenset({"/healthz", "/readyz", "/metrics"})
"""Asked every few seconds by machines; nobody looks for them."""


class Traces:
    """Tells of requests by the templates of their routes; addresses, queries and headers are not told.

    Args:
        app: The application.
        tracer: Is told.
    """

    def __init__(self, app: ASGIApp, tracer: HubTracer) -> None:
        self.app, self.tracer = app, tracer

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on."""
        method = scope.get("method", "")
        span = None
        if scope["type"] == "http" and scope["path"] not in _PROBES:
            span = self.tracer.request(method if method in _METHODS else "HTTP", _parent(scope))
        if span is None:
            await self.app(scope, receive, send)
            return
        told = _Told(span, receive, send)
        with span:
            try:
                await self.app(scope, told.receive, told.send)
            finally:
                told.end(scope)


class _Told:
    """One request and its reply, as they pass."""

    def __init__(self, span: OpenSpan, receive: Receive, send: Send) -> None:
        self._span, self._receive, self._send = span, receive, send
        self._status = self._received = self._sent = 0

    async def receive(self) -> Message:
        """Give more of the request."""
        message = await self._receive()
        self._received += len(message.get("body", b""))
        return message

    async def send(self, message: Message) -> None:
        """Take more of the reply."""
        self._status = message.get("status", self._status)
        await self._send(message)
        self._sent += body_size(message)

    def end(self, scope: Scope) -> None:
        """Say what it was; the names are those of the conventions of OpenTelemetry."""
        method = scope["method"] if scope["method"] in _METHODS else "_OTHER"
        route = getattr(scope.get("route"), "path", None)
        facts: dict[str, Fact] = {
            "http.request.method": method,
            "http.response.status_code": self._status,
            "http.request.body.size": self._received,
            "http.response.body.size": self._sent,
            "tether.request_id": scope["state"]["request_id"],
        }
        if route is not None:
            route = route.removeprefix("/api/v1")  # as in the metrics
            facts["http.route"] = route
        name = method if method in _METHODS else "HTTP"
        failed = self._status >= 500 or not self._status
        self._span.rename(name if route is None else f"{name} {route}", facts, failed=failed)


def _parent(scope: Scope) -> str | None:
    """Return the header `traceparent` if there is one, and only one."""
    found = [value for name, value in scope["headers"] if name == b"traceparent"]
    return found[0].decode("latin-1") if len(found) == 1 else None
