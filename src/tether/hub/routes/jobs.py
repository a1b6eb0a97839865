"""The jobs of the hub, for its administrators."""

from typing import Annotated, Literal

from fastapi import APIRouter, Query

from tether.hub.access import require_administrator
from tether.hub.database.jobs import JOB_ID
from tether.hub.jobs import listing
from tether.hub.routes.dependencies import TheHub, ThePrincipal
from tether.hub.routes.documents import Document

router = APIRouter(tags=["administration"])


class JobDocument(Document):
    """One job: who does it or did it, how it ended the last time, when it is due next.

    `due` is null for one that is done when somebody asks for it.
    """

    id: str
    kind: str
    repository: str | None
    state: Literal["waiting", "running"]
    due: int | None
    worker: str | None
    began: int | None
    ended: int | None
    took: int | None
    outcome: Literal["done", "failed", "damaged"] | None
    message: str | None


class DeliveriesDocument(Document):
    """What webhooks are still to be told."""

    waiting: int
    due: int | None
    tried: int | None


class JobsDocument(Document):
    """One page of the jobs, with the `after` of the next one; and how webhooks are doing."""

    jobs: list[JobDocument]
    next: str | None
    deliveries: DeliveriesDocument


@router.get("/jobs")
def list_jobs(
    hub: TheHub,
    principal: ThePrincipal,
    outcome: Literal["done", "failed", "damaged"] | None = None,
    after: Annotated[str, Query(max_length=JOB_ID, pattern="^[0-9a-z:]*$")] = "",
    limit: Annotated[int, Query(ge=1, le=listing.PAGE)] = 100,
) -> JobsDocument:
    """List what the hub does from time to time, by id, and what came of it the last time."""
    require_administrator(principal)
    with hub.database.session(reads_only=True) as session:
        found = listing.list_jobs(session, hub.now(), outcome=outcome, after=after, limit=limit)
        outbox = listing.outbox(session)
    return JobsDocument(
        jobs=[JobDocument.model_validate(each._asdict()) for each in found],
        next=found[-1].id if len(found) == limit else None,
        deliveries=DeliveriesDocument(**outbox._asdict()),
    )
