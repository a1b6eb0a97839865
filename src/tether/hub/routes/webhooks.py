"""Routes of webhooks, below repositories and below organisations."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, TypeVar

from fastapi import APIRouter, Depends, Query, Request

from tether.hub.access import Principal, Role
from tether.hub.acting import Act, acting
from tether.hub.hub import Hub
from tether.hub.organisations import owned
from tether.hub.routes import webhook_documents as doc
from tether.hub.routes.dependencies import Hosted, TheHub, ThePrincipal, repository_for
from tether.hub.webhooks import deliveries, managing
from tether.hub.webhooks.managing import Holder, find

_Answer = TypeVar("_Answer", bound=Callable[..., object])


@dataclass(frozen=True, slots=True)
class Asked:
    """What a request is about: the hub, who asks, and whose webhooks; who asks administers them."""

    hub: Hub
    principal: Principal
    holder: Holder


def _of_repository(request: Request, found: Annotated[Hosted, Depends(repository_for(Role.ADMIN))]) -> None:
    request.state.asked = Asked(found.hub, found.principal, Holder(repository=found.row))


def _of_organisation(request: Request, hub: TheHub, principal: ThePrincipal, organisation: str) -> None:
    with hub.database.session(reads_only=True) as session:
        owner = owned(Act(hub, session, principal, hub.now()), organisation)
    request.state.asked = Asked(hub, principal, Holder(organisation=owner))


def _asked(request: Request) -> Asked:
    """Return what one of the two above found."""
    asked = request.state.asked
    assert isinstance(asked, Asked)
    return asked


TheAsked = Annotated[Asked, Depends(_asked)]


def _router(owner: str, found: Callable[..., None]) -> APIRouter:
    """Return a router whose routes know their whole template, as metrics and traces name them."""
    return APIRouter(prefix=f"{owner}/webhooks", tags=["webhooks"], dependencies=[Depends(found)])


_below = (
    _router("/repos/{owner}/{name}", _of_repository),
    _router("/organisations/{organisation}", _of_organisation),
)


def _on(method: str, path: str = "", status_code: int = 200) -> Callable[[_Answer], _Answer]:
    """Make a function answer below both."""

    def put(answer: _Answer) -> _Answer:
        for each in _below:
            each.add_api_route(path, answer, methods=[method], status_code=status_code)
        return answer

    return put


@_on("POST", status_code=201)
def create_webhook(asked: TheAsked, body: doc.NewWebhook) -> doc.WebhookDocument:
    """Make a webhook; its secret is never shown again."""
    with acting(asked.hub, asked.principal) as act:
        wanted = managing.Wanted(**body.model_dump())
        return doc.WebhookDocument.of(managing.create(act, asked.holder, wanted))


@_on("GET")
def list_webhooks(asked: TheAsked) -> list[doc.WebhookDocument]:
    """List the webhooks."""
    with asked.hub.database.session(reads_only=True) as session:
        return [doc.WebhookDocument.of(row) for row in managing.list_webhooks(session, asked.holder)]


@_on("GET", "/{webhook}")
def show_webhook(asked: TheAsked, webhook: str) -> doc.WebhookDocument:
    """Describe one webhook."""
    with asked.hub.database.session(reads_only=True) as session:
        return doc.WebhookDocument.of(find(session, asked.holder, webhook))


@_on("PATCH", "/{webhook}")
def change_webhook(asked: TheAsked, webhook: str, body: doc.WebhookChanges) -> doc.WebhookDocument:
    """Change a webhook; what waits to be sent goes to the new address."""
    with acting(asked.hub, asked.principal) as act:
        wanted = managing.Wanted(**body.model_dump())
        return doc.WebhookDocument.of(managing.change(act, asked.holder, webhook, wanted))


@_on("DELETE", "/{webhook}", status_code=204)
def delete_webhook(asked: TheAsked, webhook: str) -> None:
    """Remove a webhook and its deliveries, also those that wait."""
    with acting(asked.hub, asked.principal) as act:
        managing.remove(act, asked.holder, webhook)


@_on("POST", "/{webhook}/ping", status_code=202)
def ping_webhook(asked: TheAsked, webhook: str) -> doc.DeliveryDocument:
    """Send an event `ping`, which tells of nothing."""
    with acting(asked.hub, asked.principal) as act:
        return doc.DeliveryDocument.of(managing.ping(act, asked.holder, webhook))


@_on("GET", "/{webhook}/deliveries")
def list_deliveries(
    asked: TheAsked,
    webhook: str,
    before: doc.RowId | None = None,
    limit: Annotated[int, Query(ge=1, le=deliveries.PAGE)] = deliveries.PAGE,
) -> list[doc.DeliveryDocument]:
    """List deliveries, the newest first; the next page is before the last one's id."""
    with asked.hub.database.session(reads_only=True) as session:
        found = find(session, asked.holder, webhook)
        rows = deliveries.list_deliveries(session, found, before=before, limit=limit)
        return [doc.DeliveryDocument.of(row) for row in rows]


@_on("GET", "/{webhook}/deliveries/{delivery}")
def show_delivery(asked: TheAsked, webhook: str, delivery: str) -> doc.SentDocument:
    """Describe one delivery, with what is sent."""
    with asked.hub.database.session(reads_only=True) as session:
        found = find(session, asked.holder, webhook)
        return doc.SentDocument.sent(deliveries.find_delivery(session, found, delivery))


@_on("POST", "/{webhook}/deliveries/{delivery}/redeliver", status_code=202)
def redeliver(asked: TheAsked, webhook: str, delivery: str) -> doc.DeliveryDocument:
    """Send a delivery that ended again, with the same id."""
    with acting(asked.hub, asked.principal) as act:
        return doc.DeliveryDocument.of(managing.again(act, asked.holder, webhook, delivery))


router = APIRouter()
for _each in _below:
    router.include_router(_each)
