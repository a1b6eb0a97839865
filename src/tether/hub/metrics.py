"""What the hub counts of itself, as Prometheus reads it."""

import hmac
from collections.abc import Callable

from fastapi import APIRouter, HTTPException, Request
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

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
            metrics.sent.inc(len(message.get("body", b"")))
            await send(message)

        moving = _TRANSFER in scope["path"]
        metrics.transfers.inc(moving)
        try:
            await self.app(scope, receive_counted, send_counted)
        finally:
            metrics.transfers.dec(moving)
            metrics.ended(scope, status, self.clock() - begun)


def metrics_route(metrics: Metrics, token: str) -> APIRouter:
    """Return the route `/metrics`, which is not there for who does not send the token."""
    router = APIRouter(include_in_schema=False)
    expected = f"Bearer {token}".encode()

    @router.get("/metrics")
    def read(request: Request) -> Response:
        given = request.headers.get("authorization", "").encode()
        if not hmac.compare_digest(given, expected):
            raise HTTPException(404)
        return Response(generate_latest(metrics.registry), media_type=CONTENT_TYPE_PLAIN_0_0_4)

    return router
