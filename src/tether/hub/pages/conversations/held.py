"""A repository of the hub with its row, for pages that do more than show what is in it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from sqlalchemy.orm import Session
from starlette.requests import Request
from starlette.responses import Response

from tether.hub.access import Principal, Role, require, role_of
from tether.hub.conversations import notices
from tether.hub.database.models import RepositoryRow
from tether.hub.hub import Hub
from tether.hub.pages.forms import Form, of_form
from tether.hub.pages.shelf import principal_in
from tether.hub.repositories import find
from tether.hub.routes.dependencies import hub_of
from tether.pages.shelf import Shown, shelf_of


@dataclass(frozen=True, slots=True)
class Held:
    """A repository that the viewer may read, opened, with what services want.

    Attributes:
        role: Of the viewer; which buttons are there goes by it, what may be done the services say.
    """

    hub: Hub
    principal: Principal
    row: RepositoryRow
    role: Role
    shown: Shown

    @property
    def viewer(self) -> str | None:
        """The name of who looks."""
        return None if self.principal.user is None else self.principal.user.name

    @property
    def may_talk(self) -> bool:
        """Whether there are forms to say something."""
        return self.viewer is not None and not self.row.archived

    def see(self, session: Session, conversation_id: str) -> None:
        """Let the viewer's notice of a conversation be read: it is looked at now."""
        if notices.is_unread(session, self.principal, conversation_id):
            with self.hub.database.session() as writing:
                notices.mark(writing, self.principal, [conversation_id], None, unread=False)

    def may(self, role: Role, author: str = "") -> bool:
        """Say whether there is a button that needs a role, or to be somebody."""
        return self.may_talk and (self.role >= role or (author != "" and author == self.viewer))


View: TypeAlias = Callable[[Request, Held], Response]
Change: TypeAlias = Callable[[Request, Held, Form], Response]


def looking(view: View) -> Callable[[Request], Response]:
    """Return an endpoint that opens the repository of the address for a view, and closes it behind it."""

    def endpoint(request: Request) -> Response:
        owner, name = request.path_params["owner"], request.path_params["name"]
        hub, principal = hub_of(request), principal_in(request)
        with hub.database.session(reads_only=True) as session:
            row = require(session, principal, find(session, owner, name), Role.READ, f"{owner}/{name}")
            role = role_of(session, principal, row) or Role.READ
        with shelf_of(request).open(owner, name) as shown:
            return view(request, Held(hub, principal, row, role, shown))

    return endpoint


def changing(change: Change) -> Callable[[Request], object]:
    """Return an endpoint for a form about the repository of the address."""

    def answer(request: Request, form: Form) -> Response:
        return looking(lambda same, held: change(same, held, form))(request)

    return of_form(answer)


def number_in(request: Request) -> int:
    """Return the number of the conversation in the address; 0, which none has, where it is too long."""
    text: str = request.path_params["number"]
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 10 else 0


def after_in(request: Request, name: str = "after") -> int:
    """Return a number of the query; 0 where there is none."""
    text = request.query_params.get(name, "")
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 10 else 0
