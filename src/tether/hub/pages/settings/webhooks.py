"""The webhooks of a repository: whom the hub tells of what, and how that went."""

from starlette.requests import Request
from starlette.responses import Response

from tether.hub.pages.asking import Question, ask, is_sure
from tether.hub.pages.forms import NOTHING, Form, Tried, as_document
from tether.hub.pages.settings.frame import Administered, saved, settings_page
from tether.hub.routes.webhook_documents import NewWebhook, WebhookChanges
from tether.hub.webhooks import deliveries, managing, outbox
from tether.hub.webhooks.managing import Holder, Wanted

_PART = "webhooks"
_PAGE = 30


def show(request: Request, found: Administered, tried: Tried = NOTHING) -> Response:
    """Show the webhooks, and a form for another one."""
    with found.hub.database.session(reads_only=True) as session:
        rows = managing.list_webhooks(session, Holder(repository=found.row))
    return settings_page(request, found, "webhooks", tried, webhooks=rows, events=outbox.EVENTS)


def show_one(request: Request, found: Administered, tried: Tried = NOTHING) -> Response:
    """Show one webhook with what it was sent."""
    webhook_id, before = request.path_params["webhook"], request.query_params.get("before")
    with found.hub.database.session(reads_only=True) as session:
        webhook = managing.find(session, Holder(repository=found.row), webhook_id)
        rows = deliveries.list_deliveries(session, webhook, before=before, limit=_PAGE)
    return settings_page(
        request,
        found,
        "webhook",
        tried,
        webhook=webhook,
        deliveries=rows,
        events=outbox.EVENTS,
        next=rows[-1].id if len(rows) == _PAGE else None,
    )


def create(_: Request, found: Administered, form: Form) -> Response:
    """Make a webhook."""
    asked = {"url": form.get("url", "").strip(), "secret": form.get("secret", ""), "events": _events(form)}
    wanted = Wanted(**as_document(NewWebhook, asked).model_dump())
    with found.acting() as act:
        made = managing.create(act, Holder(repository=found.row), wanted)
        address = found.address(f"{_PART}/{made.id}")
    return saved(address)


def change(request: Request, found: Administered, form: Form) -> Response:
    """Change a webhook; without a secret in the form the one that it has stays."""
    webhook_id = request.path_params["webhook"]
    asked = {
        "url": form.get("url", "").strip(),
        "secret": form.get("secret") or None,
        "events": _events(form),
        "active": form.get("active") == "yes",
    }
    wanted = Wanted(**as_document(WebhookChanges, asked).model_dump())
    with found.acting() as act:
        managing.change(act, Holder(repository=found.row), webhook_id, wanted)
    return saved(found.address(f"{_PART}/{webhook_id}"))


def ping(request: Request, found: Administered, _: Form) -> Response:
    """Send something that tells of nothing."""
    webhook_id = request.path_params["webhook"]
    with found.acting() as act:
        managing.ping(act, Holder(repository=found.row), webhook_id)
    return saved(found.address(f"{_PART}/{webhook_id}"))


def again(request: Request, found: Administered, form: Form) -> Response:
    """Send a delivery again."""
    webhook_id = request.path_params["webhook"]
    with found.acting() as act:
        managing.again(act, Holder(repository=found.row), webhook_id, form.get("delivery", ""))
    return saved(found.address(f"{_PART}/{webhook_id}"))


def remove(request: Request, found: Administered, form: Form) -> Response:
    """Remove a webhook."""
    webhook_id = request.path_params["webhook"]
    words = "What waits to be sent is not sent any more, and the record of deliveries goes with it."
    question = Question("Remove this webhook?", words, "Remove it", found.address(f"{_PART}/{webhook_id}"))
    if not is_sure(form, question):
        return ask(request, form, question)
    with found.acting() as act:
        managing.remove(act, Holder(repository=found.row), webhook_id)
    return saved(found.address(_PART))


def _events(form: Form) -> list[str]:
    return [event for event in outbox.EVENTS if form.get(f"event_{event}") == "yes"]
