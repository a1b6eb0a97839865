"""Routes of sign-ins by providers: two for browsers, the others for programs."""

from html import escape
from typing import Annotated

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, RedirectResponse
from pydantic import Field

from tether.hub.access import Scope, require_user
from tether.hub.acting import acting
from tether.hub.hub import Hub
from tether.hub.oidc import browser, person
from tether.hub.routes import documents as doc
from tether.hub.routes.dependencies import OPEN, TheHub, ThePrincipal

router = APIRouter(tags=["sign-in by providers"])
_PATH = "/"
_PAGE = """<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><title>Tether hub</title></head>
<body>
<h1>Nearly signed in</h1>
<p>Give this code to <code>tether login</code> in your own terminal:</p>
<p><code>{code}</code></p>
<p>Nobody else ever needs it. If you did not run <code>tether login</code>, close this page.</p>
</body>
</html>
"""


class ProviderDocument(doc.Document):
    """A provider that signs people in."""

    name: str
    title: str


class Redeem(doc.Document):
    """A code that a browser showed, from the program that sent the browser there."""

    code: doc.Secret
    verifier: Annotated[str, Field(min_length=40, max_length=200)]
    label: doc.Label = ""
    name: doc.Name | None = None
    invitation: doc.Secret | None = None
    link: bool = False


class IdentityDocument(doc.Document):
    """Whom a provider knows a user as."""

    id: str
    issuer: str
    subject: str
    email: str | None
    created: int


@router.get("/oidc", openapi_extra=OPEN)
def list_providers(hub: TheHub, _: ThePrincipal) -> list[ProviderDocument]:
    """List who signs people in here."""
    return [ProviderDocument(name=each.name, title=each.title) for each in hub.settings.providers]


@router.get("/oidc/{provider}/start", include_in_schema=False)
def start(hub: TheHub, _: ThePrincipal, provider: str, challenge: str) -> RedirectResponse:
    """Send a browser to a provider, with a cookie by which it is known when it comes back."""
    address, secret = browser.begin(hub, browser.find_provider(hub, provider), challenge)
    reply = RedirectResponse(address, 303)
    secure = _is_secure(hub)
    reply.set_cookie(
        _cookie(hub),
        secret,
        max_age=browser.BROWSER_S,
        path=_PATH,
        secure=secure,
        httponly=True,
        samesite="lax",
    )
    return reply


@router.get("/oidc/{provider}/callback", include_in_schema=False)
def callback(hub: TheHub, _: ThePrincipal, request: Request, provider: str) -> HTMLResponse:
    """Take a browser back, and show it the code for the program that waits."""
    state, code, issuer = (request.query_params.get(name, "") for name in ("state", "code", "iss"))
    back = browser.Return(state, code, issuer, request.cookies.get(_cookie(hub), ""))
    shown = browser.finish(hub, browser.find_provider(hub, provider), back)
    reply = HTMLResponse(_PAGE.format(code=escape(shown)))
    reply.delete_cookie(_cookie(hub), path=_PATH, secure=_is_secure(hub), httponly=True, samesite="lax")
    return reply


@router.post("/oidc/token", status_code=201, openapi_extra=OPEN)
def redeem(hub: TheHub, principal: ThePrincipal, body: Redeem) -> doc.MadeToken:
    """Make a token for the code that a browser showed; `link` ties that person to who asks."""
    wanted = person.Redeeming(**body.model_dump())
    user, token, secret = person.redeem(hub, principal, wanted)
    return doc.MadeToken(token=secret, user=user.name, about=doc.TokenDocument.of(token))


@router.get("/me/identities")
def list_identities(hub: TheHub, principal: ThePrincipal) -> list[IdentityDocument]:
    """List whom providers know one as."""
    user = require_user(principal, Scope.ADMIN)
    with acting(hub, principal) as act:
        return [
            IdentityDocument(
                id=each.id, issuer=each.issuer, subject=each.subject, email=each.email, created=each.created
            )
            for each in person.list_identities(act, user)
        ]


@router.delete("/me/identities/{identity}", status_code=204)
def remove_identity(hub: TheHub, principal: ThePrincipal, identity: str) -> None:
    """Let a provider sign one in no more."""
    user = require_user(principal, Scope.ADMIN)
    with acting(hub, principal) as act:
        person.remove_identity(act, user, identity)


def _is_secure(hub: Hub) -> bool:
    return hub.settings.public_url.startswith("https://")


def _cookie(hub: Hub) -> str:
    """Return the name of the cookie; with `__Host-` no other host can plant one."""
    return "__Host-tether-signin" if _is_secure(hub) else "tether-signin"
