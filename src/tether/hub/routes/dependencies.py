"""What routes are given: the hub, who asks, and the repository of the address."""

import base64
import binascii
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import Depends, Request
from sqlalchemy.orm import Session

from tether.errors import Unauthenticated
from tether.hub import tokens
from tether.hub.access import ANONYMOUS, SIGN_IN, Principal, Role, require, require_sight
from tether.hub.database.models import RepositoryRow
from tether.hub.database.roots import Beside
from tether.hub.hub import Hub
from tether.hub.pages import cookies
from tether.hub.ratelimit import RateLimiter
from tether.hub.repositories import find, open_repository
from tether.repo.repository import Repository
from tether.sync.guarding import Guard, allow
from tether.sync.serving import Serving

OCTETS = "application/octet-stream"
TAKES: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {OCTETS: {"schema": {"type": "string", "format": "binary"}}},
    }
}
"""For OpenAPI: a body that the route reads by itself."""
OPEN: dict[str, Any] = {"security": [{}]}
"""For OpenAPI, of a route that also answers without a token: what everybody may read is there for all."""


def hub_of(request: Request) -> Hub:
    """Return the hub that was asked."""
    hub = request.state.hub
    assert isinstance(hub, Hub)
    return hub


async def _asked_hub(request: Request) -> Hub:
    """Return what `hub_of` does; as a coroutine, so that no thread is asked for it."""
    return hub_of(request)


TheHub = Annotated[Hub, Depends(_asked_hub)]


def principal_of(request: Request, hub: TheHub) -> Principal:
    """Return who asks, by the header `Authorization`; nobody without one.

    Raises:
        Unauthenticated: The header is none of ours, or its token is not valid.
        RateLimited: There were too many requests.
    """
    principal, due = asking(request, hub)
    if due:
        note_use(hub, principal)
    return principal


ThePrincipal = Annotated[Principal, Depends(principal_of)]


def found_principal(request: Request, hub: Hub, session: Session, cost: int = 1) -> tuple[Principal, bool]:
    """Return who asks, and whether it is time to note that the token was used; the request is counted.

    A program says so by the header `Authorization`, a browser that is signed in by its cookie.

    Args:
        request: Of the one who asks.
        hub: That is asked.
        session: The transaction in which is looked.
        cost: As how many requests it counts.

    Raises:
        Unauthenticated: The header is none of ours, or the token is not valid.
        RateLimited: There were too many requests.
    """
    limiter, header = _limiter_of(request), request.headers.get("authorization")
    address, cookie = _address_of(request), cookies.secret_in(request, hub.settings)
    if header is None and cookie is None:
        limiter.of_address(address, cost)
        return ANONYMOUS, False
    try:
        secret = _secret(header) if header is not None else str(cookie)
        principal, due = tokens.find_using(session, hub.now(), secret)
    except Unauthenticated:
        limiter.of_address(address, cost)
        raise
    limiter.of_principal(principal, address, cost)
    return principal, due


def asking(request: Request, hub: Hub) -> tuple[Principal, bool]:
    """Return what `found_principal` does, in a transaction of its own, and for nobody without one."""
    if _is_nobody(request, hub):
        _limiter_of(request).of_address(_address_of(request), 1)
        return ANONYMOUS, False
    with hub.database.session(reads_only=True) as session:
        return found_principal(request, hub, session)


def _is_nobody(request: Request, hub: Hub) -> bool:
    return "authorization" not in request.headers and cookies.secret_in(request, hub.settings) is None


def _address_of(request: Request) -> str:
    return request.client.host if request.client else ""


def count_more(request: Request, principal: Principal, more: int) -> None:
    """Count a request, which was counted once, as so many more.

    Raises:
        RateLimited: There were too many requests.
    """
    _limiter_of(request).of_principal(principal, _address_of(request), more)


def _limiter_of(request: Request) -> RateLimiter:
    limiter = request.state.limiter
    assert isinstance(limiter, RateLimiter)
    return limiter


def note_use(hub: Hub, principal: Principal) -> None:
    """Remember that the token of somebody was used."""
    with hub.database.session() as session:
        tokens.note_use(session, hub.now(), str(principal.token_id))


def _secret(header: str) -> str:
    """Return the token of `Bearer TOKEN`, or of `Basic` with any name and the token as password."""
    scheme, _, value = header.partition(" ")
    if scheme.lower() == "bearer" and value.strip():
        return value.strip()
    if scheme.lower() == "basic":
        try:
            pair = base64.b64decode(value.strip(), validate=True).decode()
        except (binascii.Error, ValueError):
            pair = ""
        if pair.partition(":")[2]:
            return pair.partition(":")[2]
    raise Unauthenticated("the header Authorization holds no token", hint=SIGN_IN)


@dataclass(frozen=True, slots=True)
class Hosted:
    """The repository of an address, for one who may do there what was asked for."""

    hub: Hub
    row: RepositoryRow
    principal: Principal

    def open(self, *, beside: Beside | None = None) -> closing[Repository]:
        """Return its objects and refs for a `with` block, which closes them; see `open_repository`."""
        return closing(open_repository(self.hub, self.row, beside=beside))

    def serving(self, repository: Repository, guard: Guard = allow) -> Serving:
        """Return what answers for it, once it is open."""
        return Serving(repository, guard, tracer=self.hub.tracer)


def repository_for(role: Role | None, cost: int | Callable[[Request], int] = 1) -> Callable[..., Hosted]:
    """Return the dependency that finds `{owner}/{name}` for who has `role` there; None: may know of it.

    Where a request is much work, `cost` says as how many it counts, or tells it by what was asked.

    Its errors are those of `tether.hub.access.require` and of `principal_of`. The transaction in which it
    looked is over when the route begins, so a route may stream for long.
    """

    def dependency(request: Request, hub: TheHub, owner: str, name: str) -> Hosted:
        count = cost if isinstance(cost, int) else cost(request)
        with hub.database.session(reads_only=True) as session:
            principal, due = found_principal(request, hub, session, count)
            found, address = find(session, owner, name), f"{owner}/{name}"
            if role is None:
                row = require_sight(session, principal, found, address)
            else:
                row = require(session, principal, found, role, address)
        if due:
            note_use(hub, principal)
        return Hosted(hub, row, principal)

    return dependency
