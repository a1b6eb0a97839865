"""The settings of oneself: who one is, mail, tokens, password, ways to sign in, what was deleted."""

from collections.abc import Callable
from typing import Any

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from tether.errors import InvalidInput, TetherError
from tether.hub import describing, keeping, organisations, signin, tokens
from tether.hub.access import Role, Scope, require, require_user
from tether.hub.acting import acting
from tether.hub.mail import addresses
from tether.hub.oidc import person
from tether.hub.pages.asking import Question, ask, is_sure
from tether.hub.pages.forms import NOTHING, Form, Tried, of_form
from tether.hub.pages.settings.frame import described_in, saved
from tether.hub.pages.shelf import principal_in
from tether.hub.problems import told
from tether.hub.routes.dependencies import hub_of

BASE = "/-/settings"
_LONGEST_DAYS = 3650


def show(request: Request, tried: Tried = NOTHING) -> Response:
    """Show name, what one says of oneself, organisations, where mail goes, and password."""
    hub, principal = hub_of(request), principal_in(request)
    user = require_user(principal)
    with hub.database.session(reads_only=True) as session:
        mine = organisations.of_user(session, principal)
        mail = addresses.address_of(session, principal)
    sends = bool(hub.settings.mail_server)
    return _page(request, "person", tried, user=user, organisations=mine, mail=mail, sends=sends)


def describe(request: Request, form: Form) -> Response:
    """Change what the one who asks says of themselves."""
    principal = principal_in(request)
    user = require_user(principal)
    with acting(hub_of(request), principal) as act:
        describing.describe(act, user.name, described_in(form))
    return saved(BASE)


def set_mail(request: Request, form: Form) -> Response:
    """Ask by mail whether an address is that of the one who asks."""
    with acting(hub_of(request), principal_in(request)) as act:
        addresses.set_address(act, form.get("address", "").strip())
    return saved(BASE)


def confirm_mail(request: Request, form: Form) -> Response:
    """Take what came by mail for the proof that it comes."""
    with acting(hub_of(request), principal_in(request)) as act:
        addresses.confirm(act, form.get("secret", "").strip())
    return saved(BASE)


def forget_mail(request: Request, _: Form) -> Response:
    """Send no mail any more."""
    with acting(hub_of(request), principal_in(request)) as act:
        addresses.forget(act)
    return saved(BASE)


def change_password(request: Request, form: Form) -> Response:
    """Give the one who asks another password."""
    if form.get("new") != form.get("again"):
        raise InvalidInput("the two new passwords are not the same", hint="type them again")
    signin.change_password(hub_of(request), principal_in(request), form.get("old", ""), form.get("new", ""))
    return saved(BASE)


def show_tokens(request: Request, tried: Tried = NOTHING) -> Response:
    """Show the tokens that are not revoked."""
    return _tokens(request, tried)


def _tokens(request: Request, tried: Tried = NOTHING, secret: str | None = None) -> Response:
    hub, principal = hub_of(request), principal_in(request)
    user = require_user(principal, Scope.ADMIN)
    with hub.database.session(reads_only=True) as session:
        rows = tokens.list_tokens(session, user)
    return _page(
        request,
        "tokens",
        tried,
        tokens=rows,
        secret=secret,
        own=principal.token_id,
        scopes=list(Scope),
    )


def make_token(request: Request, form: Form) -> Response:
    """Make a token and show its secret, this once: the reply to the form itself, which nobody keeps."""
    hub, principal = hub_of(request), principal_in(request)
    user = require_user(principal, Scope.ADMIN)
    with acting(hub, principal) as act:
        days = _days(form.get("days", ""))
        expires = None if days is None else act.now + days * tokens.DAY
        _, secret = tokens.create_token(
            act, user, _scope(form), label=form.get("label", "").strip(), expires=expires
        )
    reply = _tokens(request, secret=secret)
    reply.headers["Cache-Control"] = "no-store"
    return reply


def revoke_token(request: Request, form: Form) -> Response:
    """End a token."""
    hub, principal = hub_of(request), principal_in(request)
    user = require_user(principal, Scope.ADMIN)
    words = "Whatever uses it is signed out at once. This cannot be taken back."
    question = Question("Revoke this token?", words, "Revoke it", f"{BASE}/tokens")
    if not is_sure(form, question):
        return ask(request, form, question)
    with acting(hub, principal) as act:
        tokens.revoke_token(act, user, form.get("token", ""))
    return saved(f"{BASE}/tokens")


def _days(text: str) -> int | None:
    if not text:
        return None
    if not (text.isascii() and text.isdigit() and len(text) < 6 and 1 <= int(text) <= _LONGEST_DAYS):
        raise InvalidInput(f"a token is good for 1 to {_LONGEST_DAYS} days, or without end", hint="change it")
    return int(text)


def _scope(form: Form) -> Scope:
    try:
        return Scope(form.get("scope", ""))
    except ValueError:
        raise InvalidInput("no such scope", hint="choose one of the list") from None


def show_identities(request: Request, tried: Tried = NOTHING) -> Response:
    """Show whom providers know one as."""
    hub, principal = hub_of(request), principal_in(request)
    user = require_user(principal, Scope.ADMIN)
    with acting(hub, principal) as act:
        rows = person.list_identities(act, user)
    providers = hub.settings.providers
    return _page(request, "identities", tried, identities=rows, providers=providers)


def remove_identity(request: Request, form: Form) -> Response:
    """Let a provider sign one in no more."""
    hub, principal = hub_of(request), principal_in(request)
    user = require_user(principal, Scope.ADMIN)
    words = "You cannot sign in this way any more. Tokens stay as they are."
    question = Question("Remove this sign-in?", words, "Remove it", f"{BASE}/identities")
    if not is_sure(form, question):
        return ask(request, form, question)
    with acting(hub, principal) as act:
        person.remove_identity(act, user, form.get("identity", ""))
    return saved(f"{BASE}/identities")


def show_deleted(request: Request, tried: Tried = NOTHING) -> Response:
    """Show what was deleted and can be restored."""
    hub, principal = hub_of(request), principal_in(request)
    require_user(principal)
    with hub.database.session(reads_only=True) as session:
        rows = keeping.list_deleted(session, principal, keeping.grace_start(hub))
    days = hub.settings.grace_days
    return _page(request, "deleted", tried, rows=rows, days=days, day=tokens.DAY)


def restore(request: Request, form: Form) -> Response:
    """Bring a repository back."""
    hub, principal = hub_of(request), principal_in(request)
    address = form.get("address", "")
    owner, _, name = address.partition("/")
    with acting(hub, principal) as act:
        row = keeping.find_deleted(act.session, owner, name, keeping.grace_start(hub))
        row = require(act.session, principal, row, Role.ADMIN, address)
        then = f"/{keeping.restore(act, row).full_name}"
    return RedirectResponse(then, 303)


def of_person(
    show_again: Callable[..., Response], change: Callable[[Request, Form], Response]
) -> Callable[[Request], object]:
    """Return the endpoint of a form of one's settings; where it fails, the page comes again and says why."""

    def answer(request: Request, form: Form) -> Response:
        require_user(principal_in(request))
        try:
            return change(request, form)
        except TetherError as error:
            return show_again(request, Tried(form, told(request, error)))

    return of_form(answer)


def _page(request: Request, part: str, tried: Tried, **context: Any) -> Response:
    return tried.page(request, f"hub/settings/{part}.html", part=part, **context)
