"""Joins the parts of the hub to one ASGI application."""

from collections.abc import Callable
from functools import cache

from fastapi import FastAPI, Security
from fastapi.security import HTTPBearer
from starlette.types import ASGIApp

from tether.hub import problems
from tether.hub.hub import Hub
from tether.hub.jobs.measuring import JobNumbers
from tether.hub.metrics import Measured, Metrics, MetricsPage
from tether.hub.middleware.access_log import AccessLog
from tether.hub.middleware.body_limit import BodyLimit
from tether.hub.middleware.bound import Bound
from tether.hub.middleware.headers import Headers
from tether.hub.middleware.other_sites import OtherSites
from tether.hub.middleware.request_id import RequestId
from tether.hub.pages import routes as pages
from tether.hub.pages.first import PagesFirst
from tether.hub.ratelimit import RateLimiter
from tether.hub.routes import (
    accounts,
    administration,
    checks,
    comparing,
    conversations,
    files,
    forks,
    gates,
    health,
    jobs,
    lineage,
    locks,
    mail,
    models,
    notices,
    oidc,
    organisations,
    pulls,
    quotas,
    records,
    repositories,
    reviews,
    rules,
    teams,
    tracking,
    transfer,
    webhooks,
    workspaces,
)

API = "/api/v1"
_ROUTES = (
    transfer,  # what is asked most often: each request is compared with one route after the other
    accounts,
    oidc,
    administration,
    jobs,
    files,
    comparing,  # before `records`, whose ids of runs are any word
    records,
    lineage,
    models,
    organisations,
    repositories,
    teams,
    rules,
    locks,
    quotas,
    gates,
    forks,
    webhooks,
    workspaces,
    conversations,
    pulls,
    reviews,
    checks,
    notices,
    mail,
)
_TOKEN = Security(HTTPBearer(auto_error=False, description="A token; also as password of Basic."))
"""For OpenAPI alone: `routes.dependencies` reads the header."""


def build_api() -> FastAPI:
    """Return the routes, which learn from each request which hub they serve."""
    api = FastAPI(
        title="Tether hub", version="1", openapi_url=f"{API}/openapi.json", docs_url=None, redoc_url=None
    )
    problems.install(api)
    api.include_router(health.router)
    api.include_router(tracking.router)
    for routes in _ROUTES:
        api.include_router(routes.router, prefix=API, responses=problems.RESPONSES, dependencies=[_TOKEN])
    shown = pages.routes()
    api.router.routes[:] = [PagesFirst(shown), *api.router.routes, *shown]
    return api


_shared_api = cache(build_api)  # its making takes longer than that of all else in a hub


def build_app(hub: Hub, monotonic: Callable[[], float], api: FastAPI | None = None) -> ASGIApp:
    """Return the application of one hub; whoever made the hub closes it.

    Args:
        hub: Its settings, database and clock.
        monotonic: Gives seconds that only go forward, for durations in the log and limits of requests.
        api: The routes; by default those that all hubs of this process share.
    """
    settings = hub.settings
    limiter = RateLimiter(settings.requests_per_s, settings.requests_burst, monotonic)
    app: ASGIApp = Bound(api or _shared_api(), hub, limiter)
    metrics = Metrics() if settings.metrics_token else None
    if metrics is not None:
        metrics.registry.register(JobNumbers(hub))
        app = MetricsPage(app, metrics, settings.metrics_token)
    app = BodyLimit(app, limit=settings.max_body)
    app = Headers(OtherSites(app, public_url=settings.public_url))
    app = RequestId(AccessLog(app, clock=monotonic))
    if not hub.tracer.is_silent:
        from tether.hub.middleware.traces import Traces
        from tether.hub.traces.tracer import HubTracer

        assert isinstance(hub.tracer, HubTracer)
        app = Traces(app, tracer=hub.tracer)
    return app if metrics is None else Measured(app, metrics=metrics, clock=monotonic)
