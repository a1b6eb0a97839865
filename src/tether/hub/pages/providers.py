"""Signing in by a provider on pages: a button sends the browser there, and it comes back signed in.

It is the way of `tether login` with the browser as the program. What only the program knows is in a cookie of
this browser, beside the one by which the hub knows that it is the browser that began. So what somebody else
began is worth nothing here, and each end makes a new token. Who links is noted at the beginning, and must be
who comes back.
"""

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import NamedTuple

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from tether.errors import AlreadyExists, Conflict, InvalidInput, TetherError
from tether.hub.access import Scope, require_user
from tether.hub.hub import Hub
from tether.hub.oidc import browser, person
from tether.hub.pages import cookies
from tether.hub.pages.forms import Form, Tried, local
from tether.hub.pages.shelf import principal_in
from tether.hub.pages.signing import LABEL, sign_in_page
from tether.hub.problems import told
from tether.hub.routes.dependencies import hub_of
from tether.hub.secret import new_secret

_NAME = "tether-page-signin"
_LONGEST_NEXT = 1000


class Begun(NamedTuple):
    """What the browser keeps while it is away.

    Attributes:
        verifier: What only this browser knows of the sign-in.
        next: Where it goes then.
        linker: The id of the user who links; empty for who signs in.
    """

    verifier: str
    next: str
    linker: str


def begin(request: Request, form: Form) -> Response:
    """Send a browser to a provider."""
    hub, linker = hub_of(request), ""
    if form.get("link") == "yes":
        linker = require_user(principal_in(request), Scope.ADMIN).id
    then = local(form.get("next", "/"))
    verifier, challenge = new_secret()
    try:
        provider = browser.find_provider(hub, request.path_params["provider"])
        address, secret = browser.begin(hub, provider, challenge)
    except TetherError as error:
        return sign_in_page(request, form, told(request, error))
    reply = RedirectResponse(address, 303)
    cookies.give_short(reply, hub.settings, cookies.BROWSER, secret, browser.BROWSER_S)
    kept = Begun(verifier, then if len(then) <= _LONGEST_NEXT else "/", linker)
    text = urlsafe_b64encode(json.dumps(kept).encode()).decode()
    cookies.give_short(reply, hub.settings, _NAME, text, browser.BROWSER_S + browser.CODE_S)
    return reply


def begun_in(request: Request, hub: Hub) -> Begun | None:
    """Return what a browser keeps of a sign-in that began on a page; None if none did."""
    text = cookies.short_in(request, hub.settings, _NAME)
    if not text:
        return None
    try:
        values = json.loads(urlsafe_b64decode(text))
        verifier, then, linker = values
    except (ValueError, TypeError):
        return None
    if not all(isinstance(each, str) for each in values):
        return None
    return Begun(verifier, then, linker)


def forget(reply: Response, hub: Hub) -> None:
    """Let a browser forget a sign-in that began on a page."""
    cookies.take_short(reply, hub.settings, _NAME)


def back(request: Request, begun: Begun, provider: str, returned: browser.Return) -> Response:
    """Take a browser back that began on a page; what failed is told on the page for signing in."""
    hub = hub_of(request)
    try:
        code = browser.finish(hub, browser.find_provider(hub, provider), returned)
    except TetherError as error:
        reply = sign_in_page(request, {"next": begun.next}, told(request, error))
        forget(reply, hub)
        return reply
    return _end(request, begun, {"code": code})


def finish(request: Request, form: Form) -> Response:
    """End a sign-in for which something more was asked."""
    begun = begun_in(request, hub_of(request))
    if begun is None:
        failure = InvalidInput("this sign-in was not begun in this browser, or is over already")
        return sign_in_page(request, {}, failure)
    return _end(request, begun, form)


def _end(request: Request, begun: Begun, form: Form) -> Response:
    hub, principal = hub_of(request), principal_in(request)
    if begun.linker and (principal.user is None or principal.user.id != begun.linker):
        failure = Conflict("somebody else is signed in now than who began to link", hint="begin again")
        return _failed(request, begun, failure)
    wanted = person.Redeeming(
        form.get("code", "")[:200],
        begun.verifier,
        LABEL,
        name=form.get("name", "").strip() or None,
        invitation=form.get("invitation", "").strip() or None,
        link=bool(begun.linker),
    )
    try:
        _, _, secret = person.redeem(hub, principal, wanted)
    except (InvalidInput, AlreadyExists) as error:  # the code stays good, so the rest may be asked for
        return Tried(form, error).page(request, "hub/newperson.html", code=wanted.code)
    except TetherError as error:
        return _failed(request, begun, told(request, error))
    reply = RedirectResponse(local(begun.next), 303)
    cookies.give(reply, hub.settings, secret)
    forget(reply, hub)
    return reply


def _failed(request: Request, begun: Begun, error: TetherError) -> Response:
    reply = sign_in_page(request, {"next": begun.next}, error)
    forget(reply, hub_of(request))
    return reply
