"""The page on which one makes a repository."""

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from tether.errors import TetherError
from tether.hub import organisations, repositories
from tether.hub.access import require_user
from tether.hub.acting import acting
from tether.hub.pages.forms import NOTHING, Form, Tried
from tether.hub.pages.shelf import principal_in
from tether.hub.problems import told
from tether.hub.repositories import Wanted
from tether.hub.routes.dependencies import hub_of


def show(request: Request, tried: Tried = NOTHING) -> Response:
    """Ask for what a repository needs."""
    hub, principal = hub_of(request), principal_in(request)
    user = require_user(principal)
    with hub.database.session(reads_only=True) as session:
        owned = [
            name for name, role in organisations.of_user(session, principal) if role == organisations.OWNER
        ]
    filled = tried.form or {"owner": request.query_params.get("owner", user.name), "private": "yes"}
    return tried._replace(form=filled).page(
        request,
        "hub/new.html",
        owners=[user.name, *owned],
        kinds=repositories.KINDS,
    )


def make(request: Request, form: Form) -> Response:
    """Make a repository and go there."""
    wanted = Wanted(
        form.get("owner", ""),
        form.get("name", "").strip(),
        private=form.get("private") == "yes",
        kind=form.get("kind", "data"),
        about=form.get("about", ""),
        topics=form.get("topics", "").replace(",", " ").split(),
    )
    try:
        with acting(hub_of(request), principal_in(request)) as act:
            address = f"/{repositories.create(act, wanted).full_name}"
    except TetherError as error:
        return show(request, Tried(form, told(request, error)))
    return RedirectResponse(address, 303)
