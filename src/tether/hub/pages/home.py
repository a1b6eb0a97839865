"""The first page of the hub, and that of an owner: repositories that one can see, and what happened there."""

from collections.abc import Sequence

from starlette.requests import Request
from starlette.responses import Response

from tether.errors import NotFound, TetherError
from tether.hub import activity, describing, organisations
from tether.hub.accounts import ORGANISATION
from tether.hub.database.models import RepositoryRow
from tether.hub.pages.auditing import before_in
from tether.hub.pages.shelf import principal_in
from tether.hub.repositories import PAGE, list_own, list_visible
from tether.hub.routes.dependencies import hub_of
from tether.pages.rendering import page


def show(request: Request) -> Response:
    """Show one's own repositories and what happened there; to others, what is public."""
    principal = principal_in(request)
    after = request.query_params.get("after", "")
    if principal.user is None or request.query_params.get("all") == "1":
        with hub_of(request).database.session(reads_only=True) as session:
            rows = list_visible(session, principal, after=after)
            return page(request, "hub/explore.html", rows=rows, after=_after(rows), paged=bool(after))
    with hub_of(request).database.session(reads_only=True) as session:
        rows = list_own(session, principal.user, after)
        happened = activity.of_user(session, principal, before_in(request))
        mine = organisations.of_user(session, principal)
        return page(
            request,
            "hub/home.html",
            rows=rows,
            after=_after(rows),
            happened=happened,
            older=happened[-1].id if len(happened) == activity.PAGE else None,
            organisations=mine,
        )


def show_nothing(_: Request) -> Response:
    """Say that there is no page at an address that the hub keeps for programs."""
    raise NotFound("no such page")


def show_owner(request: Request) -> Response:
    """Show a user or an organisation with their repositories, and members to those who may see them."""
    owner, after = request.path_params["owner"], request.query_params.get("after", "")
    principal = principal_in(request)
    with hub_of(request).database.session(reads_only=True) as session:
        account = describing.described(session, owner)
        members: Sequence[tuple[str, str]] = ()
        if account.kind == ORGANISATION:
            try:
                members = organisations.members(session, principal, owner)
            except TetherError:
                members = ()  # only its members and administrators see who they are
        rows = list_visible(session, principal, owner=owner, after=after)
        happened = activity.of_owner(session, principal, account.id, before_in(request))
        return page(
            request,
            "hub/owner.html",
            account=account,
            said=describing.description_of(account),
            rows=rows,
            after=_after(rows),
            members=members,
            happened=happened,
            older=happened[-1].id if len(happened) == activity.PAGE else None,
        )


def _after(rows: Sequence[RepositoryRow]) -> str | None:
    """Return where the next page begins; None where this is the last."""
    return rows[-1].full_name if len(rows) == PAGE else None
