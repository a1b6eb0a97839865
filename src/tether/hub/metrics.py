"""What the hub counts of itself, as Prometheus reads it."""

import hmac
from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from tether.hub.sentfile import body_size

_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300)
_TRANSFER = "/transfer/"
_PUSH = "/repos/{owner}/{name}/transfer/push"
_METHODS = frozenset({"DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"})


class Metrics:
    """The numbers of one process.

    Labels are the templates of routes and never what stands in an address: those would be without end,
    and would tell the names of private repositories.
    """

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        of_route = ("method", "route")
        self.requests = Counter(
            "tether_requests", "Requests that ended.", (*of_route, "status"), registry=self.registry
        )
        self.seconds = Histogram(
            "tether_request_seconds", "From head to end.", of_route, registry=self.registry, buckets=_BUCKETS
        )
        self.received = Counter("tether_received_bytes", "Bytes of bodies.", registry=self.registry)
        self.sent = Counter("tether_sent_bytes", "Bytes of bodies of replies.", registry=self.registry)
        self.pushes = Counter("tether_pushes", "Pushes that moved refs.", registry=self.registry)
        self.transfers = Gauge(
            "tether_open_transfers", "Requests of transfers under way.", registry=self.registry
        )

    def ended(self, scope: Scope, status: int, seconds: float) -> None:
        """Count a request; one without a reply has the status 0."""
        route = getattr(scope.get("route"), "path", "none").removeprefix("/api/v1")
        method = scope["method"] if scope["method"] in _METHODS else "other"
        self.requests.labels(method, route, str(status)).inc()
        self.seconds.labels(method, route).observe(seconds)
        if route.endswith(_PUSH) and status == 204:
            self.pushes.inc()


class Measured:
    """Counts each request.

    Args:
        app: The application.
        metrics: What counts.
        clock: Gives seconds that only go forward.
    """

    def __init__(self, app: ASGIApp, metrics: Metrics, clock: Callable[[], float]) -> None:
        self.app, self.metrics, self.clock = app, metrics, clock

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        metrics, begun, status = self.metrics, self.clock(), 0

        async def receive_counted() -> Message:
            message = await receive()
            metrics.received.inc(len(message.get("body", b"")))
            return message

        async def send_counted(message: Message) -> None:
            nonlocal status
            status = message.get("status", status)
            await send(message)
            metrics.sent.inc(body_size(message))

        moving = _TRANSFER in scope["path"]
        metrics.transfers.inc(moving)
        try:
            await self.app(scope, receive_counted, send_counted)
        finally:
            metrics.transfers.dec(moving)
            metrics.ended(scope, status, self.clock() - begun)


class MetricsPage:
    """The page `/metrics`, which is not there for who does not send the token.

    Args:
        app: The application, which has all other pages.
        metrics: What is shown.
        token: What one has to send.
    """

    def __init__(self, app: ASGIApp, metrics: Metrics, token: str) -> None:
        self.app, self.metrics, self._expected = app, metrics, f"Bearer {token}".encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, or pass the request on."""
        if scope["type"] != "http" or scope["path"] != "/metrics" or not self._may_read(scope):
            await self.app(scope, receive, send)
            return
        page = await run_in_threadpool(generate_latest, self.metrics.registry)  # it asks the database
        await Response(page, media_type=CONTENT_TYPE_PLAIN_0_0_4)(scope, receive, send)

    def _may_read(self, scope: Scope) -> bool:
        given = Headers(scope=scope).get("authorization", "").encode()
        return scope["method"] == "GET" and hmac.compare_digest(given, self._expected)
