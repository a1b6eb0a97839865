"""How refs move at the far end of a push, in the transaction that does it."""

from tether.core.names import BRANCHES, short_ref
from tether.errors import AlreadyExists, Conflict
from tether.repo.operations import Head
from tether.repo.transaction import Transaction
from tether.sync.wire import PushRequest, RefMove


def set_moved(transaction: Transaction, move: RefMove) -> None:
    """Move a ref from what the sender saw.

    Raises:
        Conflict: It is another one now.
    """
    try:
        transaction.set_ref(move.name, move.new, expected=move.old)
    except (AlreadyExists, Conflict):
        if not move.name.startswith(BRANCHES):
            raise Conflict(f"another tag {short_ref(move.name)} is there") from None
        hint = "run 'tether pull' first, then push again"
        raise Conflict(f"{short_ref(move.name)} was moved by someone else", hint=hint) from None


def choose_head(transaction: Transaction, request: PushRequest) -> None:
    """Let HEAD name the first branch that comes, where the one it names is not there."""
    head = transaction.root.head.ref
    if head is None or transaction.ref(head) is not None or transaction.root.refs:
        return
    branches = [m.name for m in request.moves if m.new is not None and m.name.startswith(BRANCHES)]
    if branches:
        transaction.set_head(Head(branches[0]))
