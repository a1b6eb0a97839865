"""The cookie of a browser that is signed in: it holds a token like any other, which can be revoked.

It is sent to this host alone, no script can read it, and browsers leave it out where another site lets them
change something. A change is taken with it only if the browser says that the request is of our own pages; see
`tether.hub.middleware.other_sites`.
"""

from starlette.requests import Request
from starlette.responses import Response

from tether.hub.settings import HubSettings

BROWSER = "tether-signin"
"""The cookie by which a browser is known when it comes back from a provider."""


def name_of(settings: HubSettings) -> str:
    """Return the name of the cookie of who is signed in."""
    return _prefixed(settings, "tether-session")


def _prefixed(settings: HubSettings, name: str) -> str:
    """Return the name of a cookie; with `__Host-` no other host can plant one."""
    return f"__Host-{name}" if is_secure(settings) else name


def is_secure(settings: HubSettings) -> bool:
    """Say whether browsers reach the hub by https."""
    return settings.public_url.startswith("https://")


def secret_in(request: Request, settings: HubSettings) -> str | None:
    """Return the token that a browser sent; None without one."""
    return request.cookies.get(name_of(settings)) or None


def give(response: Response, settings: HubSettings, secret: str) -> None:
    """Let the browser keep a token for as long as it is good."""
    response.set_cookie(
        name_of(settings),
        secret,
        max_age=settings.login_days * 86_400,
        path="/",
        secure=is_secure(settings),
        httponly=True,
        samesite="lax",
    )


def give_short(response: Response, settings: HubSettings, name: str, value: str, seconds: int) -> None:
    """Let the browser keep something while it is away at a provider."""
    response.set_cookie(
        _prefixed(settings, name),
        value,
        max_age=seconds,
        path="/",
        secure=is_secure(settings),
        httponly=True,
        samesite="lax",
    )


def short_in(request: Request, settings: HubSettings, name: str) -> str:
    """Return what a browser kept while it was away; empty if nothing."""
    return request.cookies.get(_prefixed(settings, name), "")


def take_short(response: Response, settings: HubSettings, name: str) -> None:
    """Let the browser forget what it kept."""
    secure = is_secure(settings)
    response.delete_cookie(_prefixed(settings, name), path="/", secure=secure, httponly=True, samesite="lax")


def take(response: Response, settings: HubSettings) -> None:
    """Let the browser forget its token."""
    response.delete_cookie(
        name_of(settings), path="/", secure=is_secure(settings), httponly=True, samesite="lax"
    )
