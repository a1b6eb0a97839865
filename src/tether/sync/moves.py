"""How refs move at the far end of a push, in the transaction that does it."""

from collections.abc import Iterable, Mapping

from tether.core.digest import Digest
from tether.core.names import BRANCHES, FIXED, fixed_kind, short_ref
from tether.errors import AlreadyExists, Conflict
from tether.repo.operations import Head
from tether.repo.root import Root
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
        raise _moved(move) from None


def require_unmoved(refs: Mapping[str, Digest], moves: Iterable[RefMove]) -> None:
    """Check, after a transaction failed, that it did not come too late.

    Args:
        refs: As they are now.
        moves: What it wanted.

    Raises:
        Conflict: A ref was moved by someone else while it was at work.
    """
    for move in moves:
        if refs.get(move.name) not in (move.old, move.new):
            raise _moved(move) from None


def _moved(move: RefMove) -> Conflict:
    kind = fixed_kind(move.name)
    if kind is not None:
        return Conflict(f"another {kind} {short_ref(move.name)} is there", hint="run 'tether fetch' first")
    if not move.name.startswith(BRANCHES):
        return Conflict(f"another tag {short_ref(move.name)} is there")
    hint = "run 'tether pull' first, then push again"
    return Conflict(f"{short_ref(move.name)} was moved by someone else", hint=hint)


def awaits_first_branch(root: Root) -> bool:
    """Return whether HEAD is still to be chosen by the first push of a branch, as `choose_head` does.

    Of pushes that began then, the second finds another HEAD than it saw: that is no conflict, and it moves
    its refs again. Once is enough, since a HEAD is chosen only once.
    """
    return all(name.startswith(FIXED) for name in root.refs)


def choose_head(transaction: Transaction, request: PushRequest) -> None:
    """Let HEAD name the first branch that comes, where the one it names is not there."""
    head = transaction.root.head.ref
    if head is None or transaction.ref(head) is not None or not awaits_first_branch(transaction.root):
        return
    branches = [m.name for m in request.moves if m.new is not None and m.name.startswith(BRANCHES)]
    if branches:
        transaction.set_ref(head, None, expected=None)  # it is a conflict if it comes before HEAD leaves it
        transaction.set_head(Head(branches[0]))
