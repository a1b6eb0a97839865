"""Routes of gates: the agreement, asking for access, and deciding about requests."""

from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Query
from pydantic import Field

from tether.hub import gates
from tether.hub.access import Role
from tether.hub.acting import acting
from tether.hub.database.sharing import AccessRequest, Gate
from tether.hub.routes.dependencies import OPEN, Hosted, repository_for
from tether.hub.routes.documents import Document

router = APIRouter(prefix="/repos/{owner}/{name}", tags=["gates"])
Found = Annotated[Hosted, Depends(repository_for(None))]
Administered = Annotated[Hosted, Depends(repository_for(Role.ADMIN))]
State = Literal["waiting", "granted", "refused", "withdrawn"]


class GateBody(Document):
    """What shall stand before the contents."""

    agreement: Annotated[str, Field(min_length=1, max_length=50_000)]
    automatic: bool = False


class GateDocument(Document):
    """What stands before the contents, and how far the one who asks has come."""

    agreement: str
    digest: str
    automatic: bool
    state: State | None

    @classmethod
    def of(cls, gate: Gate, request: AccessRequest | None) -> "GateDocument":
        """Return the document of a gate and one's own request."""
        state = None if request is None else request.state
        found = {"agreement": gate.agreement, "automatic": gate.automatic, "state": state}
        return cls.model_validate({**found, "digest": gates.digest_of(gate.agreement)})


class RequestBody(Document):
    """A request for access, by somebody who read the agreement of this digest."""

    agreed: Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
    message: Annotated[str, Field(max_length=1000)] = ""


class RequestDocument(Document):
    """A request for access."""

    user: str
    state: State
    message: str
    agreed: str
    created: int
    decided: int

    @classmethod
    def of(cls, row: AccessRequest) -> "RequestDocument":
        """Return the document of a row."""
        names = ("state", "message", "agreed", "created", "decided")
        return cls.model_validate({"user": row.account.name, **{name: getattr(row, name) for name in names}})


class DecisionBody(Document):
    """What shall become of a request."""

    grant: bool


@router.get("/gate", openapi_extra=OPEN)
def show_gate(found: Found) -> GateDocument:
    """Tell the agreement before the contents, to all who may find the repository."""
    with found.hub.database.session(reads_only=True) as session:
        gate = gates.find_gate(session, found.row)
        return GateDocument.of(gate, gates.own_request(session, found.principal, found.row))


@router.put("/gate")
def set_gate(found: Administered, body: GateBody) -> GateDocument:
    """Let the contents be read on request only."""
    with acting(found.hub, found.principal) as act:
        gate = gates.set_gate(act, found.row, body.agreement, automatic=body.automatic)
        return GateDocument.of(gate, None)


@router.delete("/gate", status_code=204)
def remove_gate(found: Administered) -> None:
    """Let all who may find the repository read it."""
    with acting(found.hub, found.principal) as act:
        gates.remove_gate(act, found.row)


@router.post("/access")
def ask(found: Found, body: RequestBody) -> RequestDocument:
    """Agree and ask for access."""
    with acting(found.hub, found.principal) as act:
        return RequestDocument.of(gates.ask(act, found.row, body.agreed, body.message))


@router.delete("/access")
def withdraw(found: Found) -> RequestDocument:
    """Take one's own request back, and the access that it gave."""
    with acting(found.hub, found.principal) as act:
        return RequestDocument.of(gates.withdraw(act, found.row))


@router.get("/access-requests")
def list_requests(
    found: Administered,
    state: State | None = None,
    after: str = "",
    limit: Annotated[int, Query(ge=1, le=gates.PAGE)] = gates.PAGE,
) -> list[RequestDocument]:
    """List requests by the name of who asked; the next page is behind the last one's name."""
    with found.hub.database.session(reads_only=True) as session:
        rows = gates.list_requests(session, found.row, state, after, limit)
        return [RequestDocument.of(row) for row in rows]


@router.put("/access-requests/{user}")
def decide(found: Administered, user: str, body: DecisionBody) -> RequestDocument:
    """Grant a request, or refuse it and take the access away that it gave."""
    with acting(found.hub, found.principal) as act:
        return RequestDocument.of(gates.decide(act, found.row, user, grant=body.grant))
