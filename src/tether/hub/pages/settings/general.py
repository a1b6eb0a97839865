"""The first page of a repository's settings: what it is, where it is, who sees it, and its end."""

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from tether.hub import keeping
from tether.hub.keeping import Changes
from tether.hub.pages.asking import Question, ask, is_sure
from tether.hub.pages.forms import NOTHING, Form, Tried
from tether.hub.pages.settings.frame import Administered, saved, settings_page
from tether.hub.settings import HubSettings


def show(request: Request, found: Administered, tried: Tried = NOTHING) -> Response:
    """Show what can be changed."""
    days = found.hub.settings.grace_days
    return settings_page(request, found, "general", tried, days=days)


def describe(_: Request, found: Administered, form: Form) -> Response:
    """Change what it says of itself."""
    changes = Changes(about=form.get("about", ""), topics=form.get("topics", "").replace(",", " ").split())
    with found.acting() as act:
        keeping.change(act, found.row, changes)
    return saved(found.address())


def move(request: Request, found: Administered, form: Form) -> Response:
    """Give it another name or owner."""
    owner, name = form.get("owner", found.shown.owner), form.get("name", found.shown.name)
    words = (
        f"{found.row.full_name} becomes {owner}/{name}. The old address leads to the new one until something "
        "else takes it. With another owner the roles of teams end, and its webhooks are turned off."
    )
    question = Question(f"Move {found.row.full_name}?", words, "Move it", found.address())
    if not is_sure(form, question):
        return ask(request, form, question)
    with found.acting() as act:
        row = keeping.change(act, found.row, Changes(owner=owner, name=name))
        address = f"/{row.full_name}/settings"
    return saved(address)


def see(request: Request, found: Administered, form: Form) -> Response:
    """Make it private or public."""
    private, name = form.get("private") == "yes", found.row.full_name
    if private:
        words = "Only its owner and those with a role see it from then on. Copies that others have stay."
        question = Question(f"Make {name} private?", words, "Make it private", found.address())
    else:
        words = "Everybody who reaches this hub can read all of it, with its whole history."
        question = Question(f"Make {name} public?", words, "Make it public", found.address())
    if not is_sure(form, question):
        return ask(request, form, question)
    with found.acting() as act:
        keeping.change(act, found.row, Changes(private=private))
    return saved(found.address())


def archive(request: Request, found: Administered, form: Form) -> Response:
    """Let nobody change it any more, or take it back."""
    archived, name = form.get("archived") == "yes", found.row.full_name
    words = "Nobody can push to it or change it until it is taken back. It stays readable."
    question = Question(f"Archive {name}?", words, "Archive it", found.address())
    if archived and not is_sure(form, question):
        return ask(request, form, question)
    with found.acting() as act:
        keeping.change(act, found.row, Changes(archived=archived))
    return saved(found.address())


def delete(request: Request, found: Administered, form: Form) -> Response:
    """Delete it; it can be restored for some days."""
    name = found.row.full_name
    question = Question(
        f"Delete {name}?", _after_deletion(found.hub.settings), "Delete it", found.address(), typed=name
    )
    if not is_sure(form, question):
        return ask(request, form, question)
    with found.acting() as act:
        keeping.delete(act, found.row)
    return RedirectResponse(f"/-/settings/deleted?owner={found.shown.owner}", 303)


def _after_deletion(settings: HubSettings) -> str:
    return (
        f"It is taken away from everybody. For {settings.grace_days} days it can be restored from your "
        "settings; after that all of it is gone for good."
    )
