"""Who has which role in a repository: users, and teams of the organisation that owns it."""

from starlette.requests import Request
from starlette.responses import Response

from tether.errors import InvalidInput, TetherError
from tether.hub import collaborators, teams
from tether.hub.access import Role
from tether.hub.accounts import ORGANISATION
from tether.hub.pages.asking import Question, ask, is_sure
from tether.hub.pages.forms import NOTHING, Form, Tried
from tether.hub.pages.settings.frame import Administered, saved, settings_page

_PART = "access"


def show(request: Request, found: Administered, tried: Tried = NOTHING) -> Response:
    """Show who has a role here."""
    with found.hub.database.session(reads_only=True) as session:
        users = collaborators.list_collaborators(session, found.row)
        of_teams = teams.list_roles(session, found.row)
        shared = found.row.owner.kind == ORGANISATION
        known = (
            teams.list_teams(session, found.principal, found.row.owner.name)
            if shared and _sees(found)
            else ()
        )
    return settings_page(
        request,
        found,
        "access",
        tried,
        users=users,
        teams=of_teams,
        known=known,
        shared=shared,
        roles=[role.name.lower() for role in Role],
    )


def _sees(found: Administered) -> bool:
    """Say whether the teams of the owner are shown: a collaborator of the repository need not be a member."""
    with found.hub.database.session(reads_only=True) as session:
        try:
            teams.list_teams(session, found.principal, found.row.owner.name)
        except TetherError:
            return False
    return True


def give(_: Request, found: Administered, form: Form) -> Response:
    """Give a user or a team a role."""
    role = role_in(form)
    with found.acting() as act:
        if form.get("team"):
            teams.set_role(act, found.row, form["team"], role)
        else:
            collaborators.set_collaborator(act, found.row, form.get("user", ""), role)
    return saved(found.address(_PART))


def take(request: Request, found: Administered, form: Form) -> Response:
    """Take the role of a user or a team away."""
    team, user = form.get("team", ""), form.get("user", "")
    who = f"the team {team}" if team else user
    words = f"What {who} may do in {found.row.full_name} is then what everybody may."
    question = Question(f"Take the role of {who} away?", words, "Take it away", found.address(_PART))
    if not is_sure(form, question):
        return ask(request, form, question)
    with found.acting() as act:
        if team:
            teams.remove_role(act, found.row, team)
        else:
            collaborators.remove_collaborator(act, found.row, user)
    return saved(found.address(_PART))


def role_in(form: Form) -> Role:
    """Return the role that a form names.

    Raises:
        InvalidInput: There is no such role.
    """
    try:
        return Role[form.get("role", "").upper()]
    except KeyError:
        raise InvalidInput("no such role", hint="choose one of the list") from None
