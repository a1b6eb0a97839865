"""Joins the parts of the hub to one ASGI application."""

from collections.abc import Callable

from fastapi import FastAPI, Security
from fastapi.security import HTTPBearer

from tether.hub import problems
from tether.hub.hub import Hub
from tether.hub.jobs.measuring import JobNumbers
from tether.hub.metrics import Measured, Metrics, metrics_route
from tether.hub.middleware.access_log import AccessLog
from tether.hub.middleware.body_limit import BodyLimit
from tether.hub.middleware.headers import Headers
from tether.hub.middleware.other_sites import OtherSites
from tether.hub.middleware.request_id import RequestId
from tether.hub.ratelimit import RateLimiter
from tether.hub.routes import (
    accounts,
    administration,
    files,
    forks,
    gates,
    health,
    jobs,
    locks,
    oidc,
    organisations,
    quotas,
    repositories,
    rules,
    teams,
    tracking,
    transfer,
    webhooks,
    workspaces,
)

API = "/api/v1"
_ROUTES = (
    accounts,
    oidc,
    administration,
    jobs,
    files,
    organisations,
    repositories,
    teams,
    rules,
    locks,
    quotas,
    gates,
    forks,
    transfer,
    webhooks,
    workspaces,
)
_TOKEN = Security(HTTPBearer(auto_error=False, description="A token; also as password of Basic."))
"""For OpenAPI alone: `routes.dependencies` reads the header."""


def build_app(hub: Hub, monotonic: Callable[[], float]) -> FastAPI:
    """Return the application of one hub; whoever made the hub closes it.

    Args:
        hub: Its settings, database and clock.
        monotonic: Gives seconds that only go forward, for durations in the log and limits of requests.
    """
    app = FastAPI(
        title="Tether hub", version="1", openapi_url=f"{API}/openapi.json", docs_url=None, redoc_url=None
    )
    app.state.hub = hub
    settings = hub.settings
    app.state.limiter = RateLimiter(settings.requests_per_s, settings.requests_burst, monotonic)
    problems.install(app)
    app.add_middleware(BodyLimit, limit=hub.settings.max_body)
    app.add_middleware(OtherSites, public_url=hub.settings.public_url)
    app.add_middleware(Headers)
    app.add_middleware(AccessLog, clock=monotonic)
    app.add_middleware(RequestId)
    if not hub.tracer.is_silent:
        from tether.hub.middleware.traces import Traces
        from tether.hub.traces.tracer import HubTracer

        assert isinstance(hub.tracer, HubTracer)
        app.add_middleware(Traces, tracer=hub.tracer)
    if hub.settings.metrics_token:
        metrics = Metrics()
        metrics.registry.register(JobNumbers(hub))
        app.add_middleware(Measured, metrics=metrics, clock=monotonic)
        app.include_router(metrics_route(metrics, hub.settings.metrics_token))
    app.include_router(health.router)
    app.include_router(tracking.router)
    for routes in _ROUTES:
        app.include_router(routes.router, prefix=API, responses=problems.RESPONSES, dependencies=[_TOKEN])
    return app
