"""Routes of sign-ins by providers: two for browsers, the others for programs."""

from html import escape
from typing import Annotated

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from pydantic import Field

from tether.hub.access import Scope, require_user
from tether.hub.acting import acting
from tether.hub.oidc import browser, person
from tether.hub.pages import cookies, providers
from tether.hub.pages.shelf import principal_in
from tether.hub.routes import documents as doc
from tether.hub.routes.dependencies import OPEN, TheHub, ThePrincipal

router = APIRouter(tags=["sign-in by providers"])
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
def start(hub: TheHub, request: Request, provider: str, challenge: str) -> RedirectResponse:
    """Send a browser to a provider, with a cookie by which it is known when it comes back."""
    principal_in(request)  # counts the request; a browser whose token ended may sign in again
    address, secret = browser.begin(hub, browser.find_provider(hub, provider), challenge)
    reply = RedirectResponse(address, 303)
    cookies.give_short(reply, hub.settings, cookies.BROWSER, secret, browser.BROWSER_S)
    if providers.begun_in(request, hub) is not None:  # one that began on a page and was left
        providers.forget(reply, hub)
    return reply


@router.get("/oidc/{provider}/callback", include_in_schema=False)
def callback(hub: TheHub, request: Request, provider: str) -> Response:
    """Take a browser back: signed in if it began on a page, else with the code for the program that waits."""
    principal_in(request)  # counts the request
    state, code, issuer = (request.query_params.get(name, "") for name in ("state", "code", "iss"))
    back = browser.Return(state, code, issuer, cookies.short_in(request, hub.settings, cookies.BROWSER))
    begun = providers.begun_in(request, hub)
    if begun is not None:
        reply = providers.back(request, begun, provider, back)
    else:
        shown = browser.finish(hub, browser.find_provider(hub, provider), back)
        reply = HTMLResponse(_PAGE.format(code=escape(shown)))
    cookies.take_short(reply, hub.settings, cookies.BROWSER)
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
