"""Pages for administrators of the hub: users, invitations, repositories, jobs, quotas, changes."""

from collections.abc import Callable
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from tether.errors import InvalidInput, NotFound, TetherError
from tether.hub import accounts, describing, quotas, signin
from tether.hub.access import Principal, require_administrator
from tether.hub.acting import acting
from tether.hub.describing import Description
from tether.hub.jobs import listing
from tether.hub.pages import auditing
from tether.hub.pages.asking import Question, ask, is_sure
from tether.hub.pages.forms import NOTHING, Form, Tried, of_form
from tether.hub.pages.settings.frame import saved
from tether.hub.pages.shelf import principal_in
from tether.hub.problems import told
from tether.hub.repositories import PAGE, list_visible
from tether.hub.routes.dependencies import hub_of

BASE = "/-/admin"
_USERS, _JOBS = 100, 100
_CHANGES: dict[str, tuple[str, str, accounts.UserChanges | Description]] = {
    "disable": (
        "Disable {}?",
        "Their tokens are good for nothing from then on.",
        accounts.UserChanges(disabled=True),
    ),
    "enable": (
        "Let {} in again?",
        "They, and their tokens, are let in again.",
        accounts.UserChanges(disabled=False),
    ),
    "promote": (
        "Make {} an administrator?",
        "They can then change everything on this hub.",
        accounts.UserChanges(admin=True),
    ),
    "demote": (
        "Take the administration away from {}?",
        "They can then change only what is theirs.",
        accounts.UserChanges(admin=False),
    ),
    "clear": (
        "Clear what {} says?",
        "Their display name and the line about them go. They can write others.",
        Description("", ""),
    ),
}
"""What can be done to a user: what is asked before, with the name of them, and what it means."""


def _administrator(request: Request) -> Principal:
    """Return who asks; for all others these pages are not there."""
    principal = principal_in(request)
    try:
        require_administrator(principal)
    except TetherError as error:
        raise NotFound("no such page for you here", hint="check the address, or sign in") from error
    return principal


def show_users(request: Request, tried: Tried = NOTHING) -> Response:
    """Show users by name."""
    _administrator(request)
    return _users(request, tried)


def _users(
    request: Request,
    tried: Tried = NOTHING,
    invitation: str | None = None,
) -> Response:
    hub = hub_of(request)
    with hub.database.session(reads_only=True) as session:
        rows = accounts.list_users(session, request.query_params.get("after", ""), _USERS)
    after = rows[-1].name if len(rows) == _USERS else None
    return _page(
        request,
        "users",
        tried,
        users=rows,
        after=after,
        invitation=invitation,
        address=hub.settings.public_url or str(request.base_url).rstrip("/"),
    )


def add_user(request: Request, form: Form) -> Response:
    """Make a user with a first password."""
    with acting(hub_of(request), _administrator(request)) as act:
        accounts.create_user(
            act,
            form.get("name", "").strip(),
            password=form.get("password", ""),
            admin=form.get("admin") == "yes",
        )
    return saved(BASE)


def change_user(request: Request, form: Form) -> Response:
    """Disable a user or let them in again; make them an administrator or not; clear what they say."""
    name, what = form.get("user", ""), form.get("what", "")
    if what not in _CHANGES:
        raise InvalidInput("no such change of a user")
    title, words, changes = _CHANGES[what]
    question = Question(title.format(name), words, "Yes, do it", BASE)
    if not is_sure(form, question):
        return ask(request, form, question)
    with acting(hub_of(request), _administrator(request)) as act:
        if isinstance(changes, Description):
            describing.describe(act, name, changes)
        else:
            accounts.change_user(act, name, changes)
    return saved(BASE)


def invite(request: Request, _: Form) -> Response:
    """Make an invitation and show it, this once."""
    with acting(hub_of(request), _administrator(request)) as act:
        code = signin.invite(act)
    reply = _users(request, invitation=code)
    reply.headers["Cache-Control"] = "no-store"
    return reply


def show_repositories(request: Request, tried: Tried = NOTHING) -> Response:
    """Show all repositories by address."""
    principal, after = _administrator(request), request.query_params.get("after", "")
    with hub_of(request).database.session(reads_only=True) as session:
        rows = list_visible(session, principal, after=after)
        last = rows[-1].full_name if len(rows) == PAGE else None
        return _page(request, "repositories", tried, rows=rows, after=last)


def show_jobs(request: Request, tried: Tried = NOTHING) -> Response:
    """Show what the hub does from time to time, and how it went."""
    _administrator(request)
    hub, outcome = hub_of(request), request.query_params.get("outcome") or None
    after = request.query_params.get("after", "")[:100]
    with hub.database.session(reads_only=True) as session:
        rows = listing.list_jobs(session, hub.now(), outcome=outcome, after=after, limit=_JOBS)
        outbox = listing.outbox(session)
    last = rows[-1].id if len(rows) == _JOBS else None
    return _page(request, "jobs", tried, jobs=rows, outbox=outbox, outcome=outcome, after=last)


def show_quotas(request: Request, tried: Tried = NOTHING) -> Response:
    """Show what an owner has and may have."""
    principal = _administrator(request)
    owner, usage = tried.form.get("owner") or request.query_params.get("owner", ""), None
    if owner and tried.failure is None:
        with hub_of(request).database.session(reads_only=True) as session:
            try:
                usage = quotas.show(session, hub_of(request), principal, owner)
            except TetherError as error:
                tried = Tried(tried.form, told(request, error))
    return _page(request, "quotas", tried, owner=owner, usage=usage)


def set_quota(request: Request, form: Form) -> Response:
    """Say how much an owner may keep."""
    owner = form.get("owner", "")
    most = [_number(form.get(name, "")) for name in ("bytes", "repositories")]
    with acting(hub_of(request), _administrator(request)) as act:
        quotas.set_quota(act, owner, most[0], most[1])
    return saved(f"{BASE}/quotas")


def _number(text: str) -> int | None:
    """Return a limit; nothing is what the settings say."""
    plain = text.strip()
    if not plain:
        return None
    if not (plain.isascii() and plain.isdigit() and len(plain) < 19):
        raise InvalidInput(
            "a limit is a whole number", hint="0 is without end, nothing is what the settings say"
        )
    return int(plain)


def show_audit(request: Request, tried: Tried = NOTHING) -> Response:
    """Show what was changed on the hub."""
    _administrator(request)
    read = auditing.read(request, hub_of(request))
    return _page(request, "audit", tried, read=read)


def export_audit(request: Request) -> Response:
    """Send what was changed as a file."""
    _administrator(request)
    return auditing.export(request, hub_of(request), "hub-audit.jsonl")


def of_administration(
    show_again: Callable[..., Response], change: Callable[[Request, Form], Response]
) -> Callable[[Request], object]:
    """Return the endpoint of a form; where it fails, the page comes again and says why."""

    def answer(request: Request, form: Form) -> Response:
        _administrator(request)
        try:
            return change(request, form)
        except TetherError as error:
            return show_again(request, Tried(form, told(request, error)))

    return of_form(answer)


def _page(request: Request, part: str, tried: Tried, **context: Any) -> Response:
    return tried.page(request, f"hub/admin/{part}.html", part=part, **context)
