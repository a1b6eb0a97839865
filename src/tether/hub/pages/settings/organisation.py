"""The settings of an organisation: what it says of itself, members, and teams with theirs.

Owners change them, members see them.
"""

from collections.abc import Callable
from typing import Any

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from tether.errors import NotFound, TetherError, Unauthenticated
from tether.hub import describing, organisations, quotas, teams
from tether.hub.acting import Act, acting
from tether.hub.pages.asking import Question, ask, is_sure
from tether.hub.pages.forms import NOTHING, Form, Tried, of_form
from tether.hub.pages.settings.frame import described_in, saved
from tether.hub.pages.shelf import principal_in
from tether.hub.problems import told
from tether.hub.routes.dependencies import hub_of

_BASE = "/-/organisations"


def show_new(request: Request, tried: Tried = NOTHING) -> Response:
    """Ask for the name of an organisation."""
    if principal_in(request).user is None:
        raise Unauthenticated("nobody is signed in", hint="sign in first")
    return tried.page(request, "hub/neworganisation.html")


def make(request: Request, form: Form) -> Response:
    """Make an organisation."""
    try:
        with acting(hub_of(request), principal_in(request)) as act:
            name = organisations.create_organisation(act, form.get("name", "")).name
    except TetherError as error:
        return show_new(request, Tried(form, told(request, error)))
    return RedirectResponse(f"{_BASE}/{name}", 303)


def show(request: Request, tried: Tried = NOTHING) -> Response:
    """Show members and teams."""
    hub, principal, name = hub_of(request), principal_in(request), request.path_params["organisation"]
    with hub.database.session(reads_only=True) as session:
        try:
            rows = organisations.members(session, principal, name)
        except TetherError as error:  # whose it is not, is told no more than of one that is not there
            raise NotFound("no such page for you here", hint="check the address, or sign in") from error
        account = organisations.find_organisation(session, name)
        known = [
            (team, teams.list_members(session, principal, name, team))
            for team in teams.list_teams(session, principal, name)
        ]
        usage = quotas.usage_of(session, hub, account.id)
        owns = _owns(Act(hub, session, principal, hub.now()), name)
    return tried.page(
        request,
        "hub/settings/organisation.html",
        account=account,
        said=describing.description_of(account),
        members=rows,
        teams=known,
        usage=usage,
        owns=owns,
    )


def _owns(act: Act, name: str) -> bool:
    try:
        organisations.owned(act, name)
    except TetherError:
        return False
    return True


def describe(act: Act, name: str, form: Form) -> None:
    """Change what it says of itself."""
    describing.describe(act, name, described_in(form))


def set_member(act: Act, name: str, form: Form) -> None:
    """Make a user a member, or change the role of one."""
    organisations.set_member(act, name, form.get("user", ""), form.get("role", ""))


def remove_member(act: Act, name: str, form: Form) -> None:
    """Take a user out."""
    organisations.remove_member(act, name, form.get("user", ""))


def create_team(act: Act, name: str, form: Form) -> None:
    """Make a team."""
    teams.create_team(act, name, form.get("team", ""))


def delete_team(act: Act, name: str, form: Form) -> None:
    """Remove a team."""
    teams.delete_team(act, name, form.get("team", ""))


def add_to_team(act: Act, name: str, form: Form) -> None:
    """Take a member into a team."""
    teams.add_member(act, name, form.get("team", ""), form.get("user", ""))


def remove_from_team(act: Act, name: str, form: Form) -> None:
    """Take a user out of a team."""
    teams.remove_member(act, name, form.get("team", ""), form.get("user", ""))


_ASKED = {
    remove_member: "They lose the roles that the organisation and its teams gave them.",
    delete_team: "All roles that it gave in repositories end with it.",
}


def of_organisation(change: Callable[[Act, str, Form], None]) -> Callable[[Request], object]:
    """Return the endpoint of a form of an organisation; where it fails, the page comes again and says why."""

    def answer(request: Request, form: Form) -> Response:
        hub, principal, name = hub_of(request), principal_in(request), request.path_params["organisation"]
        address = f"{_BASE}/{name}"
        try:
            with acting(hub, principal) as act:
                organisations.owned(act, name)
                question = _question(change, form, address)
                if question is not None and not is_sure(form, question):
                    return ask(request, form, question)
                change(act, name, form)
        except TetherError as error:
            return show(request, Tried(form, told(request, error)))
        return saved(address)

    return of_form(answer)


def _question(change: Any, form: Form, address: str) -> Question | None:
    if change not in _ASKED:
        return None
    what = form.get("user", "") if change is remove_member else f"the team {form.get('team', '')}"
    return Question(f"Remove {what}?", _ASKED[change], "Remove", address)
