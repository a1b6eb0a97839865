"""Gates: repositories that everybody finds and whose contents are read on request.

What a gate means for reading is asked in `tether.hub.access`; here gates are set, and requests are made
and decided.
"""

from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session

from tether.core.digest import hash_bytes
from tether.errors import Conflict, Forbidden, InvalidInput, NotFound
from tether.hub.access import GRANTED, Principal, Scope, require_user
from tether.hub.accounts import find_user
from tether.hub.acting import Act
from tether.hub.database.models import Account, RepositoryRow
from tether.hub.database.sharing import AccessRequest, Gate
from tether.hub.naming import key_of

WAITING, REFUSED, WITHDRAWN = "waiting", "refused", "withdrawn"
PAGE = 100


def digest_of(agreement: str) -> str:
    """Return by what a text of an agreement is named: its BLAKE3."""
    return hash_bytes(agreement.encode()).hex()


def find_gate(session: Session, row: RepositoryRow) -> Gate:
    """Return the gate of a repository.

    Raises:
        NotFound: It has none.
    """
    gate = session.get(Gate, row.id)
    if gate is None:
        raise NotFound(f"{row.full_name} has no gate", hint="its contents need no request")
    return gate


def own_request(session: Session, principal: Principal, row: RepositoryRow) -> AccessRequest | None:
    """Return the request of the one who asks; None where they made none."""
    return None if principal.user is None else session.get(AccessRequest, (row.id, principal.user.id))


def set_gate(act: Act, row: RepositoryRow, agreement: str, *, automatic: bool) -> Gate:
    """Let contents be read on request only; whoever was let in before stays so.

    Raises:
        InvalidInput: The agreement says nothing.
    """
    if not agreement.strip():
        raise InvalidInput("an agreement without text", hint="say what who reads agrees to")
    gate = act.session.merge(Gate(repository_id=row.id, agreement=agreement, automatic=automatic))
    details = {"agreement": digest_of(agreement), "automatic": automatic}
    act.record("gate.set", row.full_name, repository=row, **details)
    return gate


def remove_gate(act: Act, row: RepositoryRow) -> None:
    """Let everybody read a public repository again; requests are kept for a gate to come.

    Raises:
        NotFound: It has no gate.
    """
    act.session.delete(find_gate(act.session, row))
    act.record("gate.remove", row.full_name, repository=row)


def ask(act: Act, row: RepositoryRow, agreed: str, message: str = "") -> AccessRequest:
    """Ask for access in the name of the actor; one that is waiting or granted is answered as it is.

    Args:
        act: The change.
        row: A repository that the actor may find.
        agreed: The digest of the agreement that the actor was shown.
        message: For those who decide.

    Raises:
        NotFound: The repository has no gate.
        Unauthenticated: Nobody is signed in.
        Forbidden: The request was refused, or the token only reads.
        Conflict: The agreement is another one now.
    """
    user, gate = require_user(act.actor, Scope.WRITE), find_gate(act.session, row)
    if agreed != digest_of(gate.agreement):
        raise Conflict(f"the agreement of {row.full_name} is another one", hint="read it again, then ask")
    found = act.session.get(AccessRequest, (row.id, user.id), with_for_update={"of": AccessRequest})
    if found is not None and found.state in (WAITING, GRANTED):
        return found
    if found is not None and found.state == REFUSED:
        raise Forbidden(f"access to {row.full_name} was refused", hint=f"speak with {row.owner.name}")
    if found is None:
        found = AccessRequest(repository_id=row.id, account_id=user.id, account=user)
        act.session.add(found)
    found.agreed, found.message, found.created = agreed, message, act.now
    _become(act, row, found, GRANTED if gate.automatic else WAITING)
    return found


def withdraw(act: Act, row: RepositoryRow) -> AccessRequest:
    """Take the actor's own request back, and the access that it gave.

    Raises:
        NotFound: They made none, or it is not open any more.
        Unauthenticated, Forbidden: Nobody is signed in, or the token only reads.
    """
    require_user(act.actor, Scope.WRITE)
    found = own_request(act.session, act.actor, row)
    if found is None or found.state not in (WAITING, GRANTED):
        raise NotFound(f"you have no request for access to {row.full_name}")
    _become(act, row, found, WITHDRAWN)
    return found


def decide(act: Act, row: RepositoryRow, user: str, *, grant: bool) -> AccessRequest:
    """Grant or refuse a request; whether the actor administers the repository was asked before.

    Raises:
        NotFound: The user made none, or there is no such user.
        Conflict: It was withdrawn.
    """
    account = find_user(act.session, user)
    found = act.session.get(AccessRequest, (row.id, account.id), with_for_update={"of": AccessRequest})
    if found is None:
        raise NotFound(f"{account.name} did not ask for access to {row.full_name}")
    if found.state == WITHDRAWN:
        raise Conflict(f"{account.name} has withdrawn the request", hint="wait until they ask again")
    _become(act, row, found, GRANTED if grant else REFUSED)
    return found


def list_requests(
    session: Session, row: RepositoryRow, state: str | None = None, after: str = "", limit: int = PAGE
) -> Sequence[AccessRequest]:
    """Return requests by the name of who asked, at most `limit` behind `after`."""
    query = select(AccessRequest).join(Account, Account.id == AccessRequest.account_id)
    query = query.where(AccessRequest.repository_id == row.id, Account.key > key_of(after))
    if state is not None:
        query = query.where(AccessRequest.state == state)
    return session.scalars(query.order_by(Account.key).limit(max(1, min(limit, PAGE)))).all()


def _become(act: Act, row: RepositoryRow, request: AccessRequest, state: str) -> None:
    request.state, request.decided = state, act.now
    details = {"user": request.account.name, "agreed": request.agreed}
    act.record(f"access.{state}", row.full_name, repository=row, **details)
