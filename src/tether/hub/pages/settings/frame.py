"""What the settings of a repository share: they open for those alone who administer it, and show what failed.

For all others they are not there, whether the repository is.
"""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from tether.errors import NotFound, TetherError
from tether.hub.access import Principal, Role, require
from tether.hub.acting import Act, acting
from tether.hub.database.models import RepositoryRow
from tether.hub.describing import Description
from tether.hub.hub import Hub
from tether.hub.pages.forms import NOTHING, Form, Tried, of_form
from tether.hub.pages.shelf import principal_in
from tether.hub.problems import told
from tether.hub.repositories import find
from tether.hub.routes.dependencies import hub_of
from tether.pages.shelf import Shown, shelf_of


@dataclass(frozen=True, slots=True)
class Administered:
    """A repository whose settings are looked at or changed, and who does.

    Attributes:
        shown: As its other pages show it.
    """

    hub: Hub
    principal: Principal
    row: RepositoryRow
    shown: Shown

    def acting(self) -> AbstractContextManager[Act]:
        """Return the transaction of one change."""
        return acting(self.hub, self.principal)

    def address(self, part: str = "") -> str:
        """Return the address of one page of the settings."""
        return f"{self.shown.base}/settings" + (f"/{part}" if part else "")


class Show(Protocol):
    """Shows one page of settings, also with what was sent and why it could not be done."""

    def __call__(
        self,
        request: Request,
        found: Administered,
        tried: Tried = NOTHING,
    ) -> Response:
        """Return the page."""
        ...


Change: TypeAlias = Callable[[Request, Administered, Form], Response]


@contextmanager
def administered(request: Request) -> Iterator[Administered]:
    """Open the repository of the address for a `with` block.

    Raises:
        NotFound: It is not there for the one who asks, or not theirs to administer.
    """
    hub, principal = hub_of(request), principal_in(request)
    owner, name = request.path_params["owner"], request.path_params["name"]
    with shelf_of(request).open(owner, name) as shown:
        if not shown.may_administer:
            raise NotFound("no such page for you here", hint="check the address, or sign in")
        with hub.database.session(reads_only=True) as session:
            row = require(session, principal, find(session, owner, name), Role.ADMIN, f"{owner}/{name}")
        yield Administered(hub, principal, row, shown)


def of_settings(show: Show) -> Callable[[Request], Response]:
    """Return the endpoint of a page of settings."""

    def endpoint(request: Request) -> Response:
        with administered(request) as found:
            return show(request, found)

    return endpoint


def of_change(show: Show, change: Change) -> Callable[[Request], object]:
    """Return the endpoint of a form of a page; where it fails, the page comes again and says why."""

    def answer(request: Request, form: Form) -> Response:
        with administered(request) as found:
            try:
                return change(request, found, form)
            except TetherError as error:
                return show(request, found, Tried(form, told(request, error)))

    return of_form(answer)


def settings_page(request: Request, found: Administered, part: str, tried: Tried, **context: Any) -> Response:
    """Return a page of the settings of a repository, filled in."""
    shown = {"shown": found.shown, "row": found.row, "tab": "settings", "part": part}
    return tried.page(request, f"hub/settings/{part}.html", **shown, **context)


def described_in(form: Form) -> Description:
    """Return what a form says of an account; a field that it lacks stays."""
    return Description(form.get("display_name"), form.get("about"))


def saved(address: str) -> Response:
    """Lead a browser to a page that says that it was done."""
    return RedirectResponse(f"{address}?saved=1", 303)
