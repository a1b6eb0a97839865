"""The first page of the hub, and that of an owner: the repositories that one can see."""

from collections.abc import Sequence

from starlette.requests import Request
from starlette.responses import Response

from tether.errors import NotFound
from tether.hub.accounts import find_account
from tether.hub.database.models import RepositoryRow
from tether.hub.pages.shelf import principal_in
from tether.hub.repositories import PAGE, list_visible
from tether.hub.routes.dependencies import hub_of
from tether.pages.rendering import page


def show(request: Request) -> Response:
    """List repositories by address, a page at a time."""
    after = request.query_params.get("after", "")
    with hub_of(request).database.session(reads_only=True) as session:
        rows = list_visible(session, principal_in(request), after=after)
        return page(request, "hub/home.html", rows=rows, after=_after(rows), paged=bool(after))


def show_owner(request: Request) -> Response:
    """Show a user or an organisation with their repositories."""
    owner, after = request.path_params["owner"], request.query_params.get("after", "")
    with hub_of(request).database.session(reads_only=True) as session:
        account = find_account(session, owner)
        if account is None:
            raise NotFound(f"nobody here is named {owner}")
        rows = list_visible(session, principal_in(request), owner=owner, after=after)
        return page(request, "hub/owner.html", account=account, rows=rows, after=_after(rows))


def _after(rows: Sequence[RepositoryRow]) -> str | None:
    """Return where the next page begins; None where this is the last."""
    return rows[-1].full_name if len(rows) == PAGE else None
