"""Forking from a page: data and recipe of somebody become the beginning of one's own."""

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from tether.errors import Unauthenticated
from tether.hub import forks
from tether.hub.access import Role, require
from tether.hub.pages.forms import Form
from tether.hub.pages.shelf import principal_in
from tether.hub.repositories import find
from tether.hub.routes.dependencies import hub_of


def fork(request: Request, form: Form) -> Response:
    """Fork the repository into the account of the viewer, and go there; `name` may be another one."""
    hub, principal = hub_of(request), principal_in(request)
    owner, name = request.path_params["owner"], request.path_params["name"]
    if principal.user is None:
        raise Unauthenticated("sign in to fork", hint="sign in, then fork again")
    with hub.database.session(reads_only=True) as session:
        source = require(session, principal, find(session, owner, name), Role.READ, f"{owner}/{name}")
        wanted = forks.WantedFork(principal.user.name, form.get("name") or source.name)
    made = forks.make_fork(hub, principal, source, wanted)
    return RedirectResponse(f"/{made.full_name}", 303)
