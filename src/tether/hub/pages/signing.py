"""Pages for signing in, up and out."""

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from tether.errors import TetherError
from tether.hub import signin, tokens
from tether.hub.acting import acting
from tether.hub.pages import cookies
from tether.hub.pages.forms import Form, local
from tether.hub.pages.shelf import principal_in
from tether.hub.problems import status_of, told
from tether.hub.routes.dependencies import hub_of
from tether.pages.rendering import page

LABEL = "browser"
"""Of the tokens of browsers."""


def show_sign_in(request: Request) -> Response:
    """Ask for name and password."""
    return sign_in_page(request, {"next": request.query_params.get("next", "/")})


def sign_in(request: Request, form: Form) -> Response:
    """Sign a browser in; it gets a new token each time, so one that was planted before is worth nothing."""
    hub = hub_of(request)
    name, password = form.get("name", ""), form.get("password", "")
    try:
        _, _, secret = signin.log_in(hub, name, password, LABEL, address_of(request))
    except TetherError as error:
        return sign_in_page(request, form, told(request, error))
    response = RedirectResponse(local(form.get("next", "/")), 303)
    cookies.give(response, hub.settings, secret)
    return response


def show_sign_up(request: Request) -> Response:
    """Ask for what a new account needs."""
    return _sign_up(request, {"invitation": request.query_params.get("invitation", "")})


def sign_up(request: Request, form: Form) -> Response:
    """Make an account and sign the browser in."""
    hub, address = hub_of(request), address_of(request)
    name, password = form.get("name", ""), form.get("password", "")
    try:
        signin.sign_up(hub, name, password, form.get("invitation") or None, address)
        _, _, secret = signin.log_in(hub, name, password, LABEL, address)
    except TetherError as error:
        return _sign_up(request, form, told(request, error))
    response = RedirectResponse("/", 303)
    cookies.give(response, hub.settings, secret)
    return response


def sign_out(request: Request, _: Form) -> Response:
    """End the token of the browser, here and everywhere."""
    hub, principal = hub_of(request), principal_in(request)
    if principal.user is not None and principal.token_id is not None:
        with acting(hub, principal) as act:
            tokens.revoke_token(act, principal.user, principal.token_id)
    response = RedirectResponse("/", 303)
    cookies.take(response, hub.settings)
    return response


def address_of(request: Request) -> str:
    """Return from where a request comes."""
    return request.client.host if request.client else ""


def sign_in_page(request: Request, form: Form, failure: TetherError | None = None) -> Response:
    """Return the page for signing in, with what failed."""
    settings = hub_of(request).settings
    return page(
        request,
        "hub/signin.html",
        200 if failure is None else status_of(failure),
        form=form,
        after=local(form.get("next", "/")),
        failure=failure,
        providers=settings.providers,
        signup=settings.signup,
    )


def _sign_up(request: Request, form: Form, failure: TetherError | None = None) -> Response:
    status = 200 if failure is None else status_of(failure)
    signup = hub_of(request).settings.signup
    return page(request, "hub/signup.html", status, form=form, failure=failure, signup=signup)
