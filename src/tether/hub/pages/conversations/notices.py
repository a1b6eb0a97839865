"""The page of one person's notices."""

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from tether.errors import InvalidInput
from tether.hub.access import require_user
from tether.hub.conversations import notices
from tether.hub.conversations.finding import PULL
from tether.hub.pages.conversations.timeline import place_of
from tether.hub.pages.forms import Form
from tether.hub.pages.shelf import principal_in
from tether.hub.routes.dependencies import hub_of
from tether.pages.rendering import page

_PLACES = {True: "pulls", False: "discussions"}


def show(request: Request) -> Response:
    """List what happened in conversations that the viewer takes part in, the newest first."""
    principal = principal_in(request)
    require_user(principal)
    every, after = request.query_params.get("all") == "1", request.query_params.get("after", "")[:60]
    with hub_of(request).database.session(reads_only=True) as session:
        found = notices.list_notices(session, principal, unread=not every, after=after)
        rows = [(told, _link(told)) for told in found.notices]
        return page(request, "hub/notices.html", rows=rows, next=found.next, every=every)


def mark(request: Request, form: Form) -> Response:
    """Mark one as read, or all up to the time of the page."""
    principal, one, until = principal_in(request), form.get("id", ""), form.get("until", "")
    if not one and not (until.isascii() and until.isdecimal() and len(until) < 19):
        raise InvalidInput("no notice is named", hint="send it again from the page")
    with hub_of(request).database.session() as session:
        ids = [one[:32]] if one else []
        notices.mark(session, principal, ids, None if one else int(until), unread=form.get("unread") == "1")
    return RedirectResponse("/-/notifications" + ("?all=1" if form.get("all") == "1" else ""), 303)


def _link(told: notices.Told) -> str:
    """Return where a notice leads."""
    held = told.notice.conversation
    entry = place_of(told.notice.entry) if told.notice.entry else ""
    return f"/{told.repository.full_name}/{_PLACES[held.kind == PULL]}/{held.number}{entry}"
