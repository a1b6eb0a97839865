"""Clone, fetch and push with a repository that is somewhere else."""

import os

from tether.core.progress import SILENT, Progress
from tether.repo.history import History
from tether.repo.repository import Repository
from tether.sync.clone import choose_branch, name_refs, tracking_refs
from tether.sync.download import Downloaded, download
from tether.sync.ends import FarEnd
from tether.sync.exchange import (
    Exchange,
    PushOptions,
    RefState,
    judged,
    moving,
    plan_fetch,
    plan_push,
    remember_push,
    tried_again,
)
from tether.sync.upload import Uploaded, upload
from tether.sync.wire import WRITE_ID, PushRequest, RefMove


def fetch_far(
    local: Repository, end: FarEnd, remote: str, *, prune: bool = False, progress: Progress = SILENT
) -> Exchange:
    """Bring branches of a far end to `refs/remotes/REMOTE/`, and its tags; see `exchange.fetch`.

    Raises:
        Corrupt: What arrived is not what it should be; nothing has changed here then.
        Unavailable: The connection was cut, again and again.
    """
    return tried_again(lambda: _fetch(local, end, remote, prune, progress))


def _fetch(local: Repository, end: FarEnd, remote: str, prune: bool, progress: Progress) -> Exchange:
    there = end.refs()
    with local.transaction(f"fetch {remote}") as transaction:
        updates = plan_fetch(transaction.root.refs, there.refs, remote, prune=prune)
        wants = [u.new for u in updates if u.new and u.new != u.old and u.state != RefState.REJECTED]
        came = download(end, local, transaction, wants, progress) if wants else Downloaded()
        # A branch names a commit; refs of tags are never moved.
        history = History(transaction.objects)
        updates = [judged(update, history.is_ancestor) for update in updates]
        for update in moving(updates):
            transaction.set_ref(update.name, update.new, expected=update.old)
    return Exchange(tuple(updates), came.objects, came.bytes)


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
    moved = moving(updates)
    sent = Uploaded((), 0, 0)
    if moved:
        wants = [update.new for update in moved if update.new]
        sent = upload(end, local, wants, there, progress) if wants else sent
        moves = [RefMove(u.name, u.old, u.new, u.state == RefState.FORCED) for u in moved]
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
    chosen = choose_branch(there.refs, there.head, branch)
    with target.transaction(f"clone from {end.name}") as transaction:
        refs = tracking_refs(there.refs, remote)
        if refs:
            download(end, target, transaction, list(dict.fromkeys(refs.values())), progress)
        name_refs(transaction, there.refs, refs, chosen)
    return chosen
