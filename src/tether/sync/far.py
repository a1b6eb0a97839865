"""Clone, fetch and push with a repository that is somewhere else."""

import os
from contextlib import suppress

from tether.core.digest import Digest
from tether.core.names import BRANCHES, TAGS, remote_ref
from tether.core.progress import SILENT, Progress
from tether.errors import Conflict, NotFound
from tether.repo.history import History
from tether.repo.operations import Head
from tether.repo.repository import Repository
from tether.repo.transaction import Transaction
from tether.sync.download import Downloaded, download
from tether.sync.ends import FarEnd
from tether.sync.exchange import (
    TRIES,
    Exchange,
    PushOptions,
    RefState,
    RefUpdate,
    plan_fetch,
    plan_push,
    remember_push,
)
from tether.sync.upload import Uploaded, upload
from tether.sync.wire import WRITE_ID, PushRequest, RefMove, RemoteRefs

_IDLE = (RefState.SAME, RefState.REJECTED)


def fetch_far(
    local: Repository, end: FarEnd, remote: str, *, prune: bool = False, progress: Progress = SILENT
) -> Exchange:
    """Bring branches of a far end to `refs/remotes/REMOTE/`, and its tags; see `exchange.fetch`.

    Raises:
        Corrupt: What arrived is not what it should be; nothing has changed here then.
        Unavailable: The connection was cut, again and again.
    """
    for _ in range(TRIES):
        with suppress(Conflict):  # another process fetched at the same time; what it brought is here
            return _fetch(local, end, remote, prune, progress)
    return _fetch(local, end, remote, prune, progress)


def _fetch(local: Repository, end: FarEnd, remote: str, prune: bool, progress: Progress) -> Exchange:
    there = end.refs()
    with local.transaction(f"fetch {remote}") as transaction:
        updates = plan_fetch(transaction.root.refs, there.refs, remote, prune=prune)
        wants = [u.new for u in updates if u.new and u.new != u.old and u.state != RefState.REJECTED]
        came = download(end, local, transaction, wants, progress) if wants else Downloaded()
        updates = [_judged(update, transaction) for update in updates]
        for update in updates:
            if update.state not in _IDLE:
                transaction.set_ref(update.name, update.new, expected=update.old)
    return Exchange(tuple(updates), came.objects, came.bytes)


def _judged(update: RefUpdate, transaction: Transaction) -> RefUpdate:
    """Return a fetched ref's update with its true state."""
    if update.state in (RefState.REJECTED, RefState.DELETED):
        return update
    state = RefState.FORWARD
    if update.old == update.new:
        state = RefState.SAME
    elif update.old is None:
        state = RefState.NEW
    elif update.new is not None and not _follows(transaction, update.old, update.new):
        state = RefState.FORCED
    return RefUpdate(update.name, update.old, update.new, state)


def _follows(transaction: Transaction, old: Digest, new: Digest) -> bool:
    # A branch names a commit; refs of tags are never moved.
    return History(transaction.objects).is_ancestor(old, new)


def push_far(
    local: Repository, end: FarEnd, remote: str, options: PushOptions, *, progress: Progress = SILENT
) -> Exchange:
    """Send branches to a far end and remember here what it has now; see `exchange.push`.

    Raises:
        NotFound: A branch is not here.
        Conflict: A ref was moved there in the meantime.
        Forbidden: The far end does not allow it.
        Unavailable: The connection was cut, or something that it lacks is not here either.
    """
    there = end.refs()
    updates = plan_push(local, there.refs, remote, options)
    moving = [update for update in updates if update.state not in _IDLE]
    sent = Uploaded((), 0, 0)
    if moving:
        wants = [update.new for update in moving if update.new]
        sent = upload(end, local, wants, there, progress) if wants else sent
        moves = [RefMove(u.name, u.old, u.new, u.state == RefState.FORCED) for u in moving]
        end.push(PushRequest(os.urandom(WRITE_ID), sent.packs, tuple(moves)))
    remember_push(local, remote, [u for u in updates if u.state != RefState.REJECTED])
    return Exchange(tuple(updates), sent.objects, sent.bytes)


def fill_far(
    end: FarEnd, target: Repository, remote: str, branch: str | None, progress: Progress = SILENT
) -> str | None:
    """Fill the empty repository `target` from a far end and return the branch that it is on.

    Raises:
        NotFound: The far end has no such branch.
        Corrupt: What arrived is not what it should be.
    """
    there = end.refs()
    chosen = _branch(there, branch)
    refs = {
        (remote_ref(remote, name.removeprefix(BRANCHES)) if name.startswith(BRANCHES) else name): value
        for name, value in there.refs.items()
        if name.startswith((BRANCHES, TAGS))
    }
    with target.transaction(f"clone from {end.name}") as transaction:
        if refs:
            download(end, target, transaction, list(dict.fromkeys(refs.values())), progress)
        for name, value in refs.items():
            transaction.set_ref(name, value, expected=None)
        if chosen is not None:
            name = f"{BRANCHES}{chosen}"
            transaction.set_ref(name, there.refs[name], expected=None)
            transaction.set_head(Head(name))
    return chosen


def _branch(there: RemoteRefs, branch: str | None) -> str | None:
    if branch is not None:
        if f"{BRANCHES}{branch}" not in there.refs:
            raise NotFound(f"the remote has no branch {branch}", hint="run 'tether clone' without -b")
        return branch
    if there.head in there.refs:
        return str(there.head).removeprefix(BRANCHES)
    names = sorted(name for name in there.refs if name.startswith(BRANCHES))
    return names[0].removeprefix(BRANCHES) if names else None
