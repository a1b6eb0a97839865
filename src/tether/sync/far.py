"""Clone, fetch and push with a repository that is somewhere else."""

import os
from collections.abc import Iterator, Sequence

from tether.core.batches import batches
from tether.core.digest import Digest
from tether.core.kinds import ObjectKind
from tether.core.names import BRANCHES
from tether.core.progress import SILENT, Progress
from tether.errors import Conflict
from tether.repo.frames import Frame
from tether.repo.history import shallow_in
from tether.repo.objectdb import unpack
from tether.repo.partial import set_partial
from tether.repo.repository import Repository
from tether.sync.clone import CLONE, CloneOptions, choose_branch, name_refs, split_tags, tracking_refs
from tether.sync.download import Downloaded, download
from tether.sync.ends import FarEnd
from tether.sync.exchange import (
    FETCH,
    Exchange,
    FetchOptions,
    PushOptions,
    RefState,
    judged,
    moving,
    plan_fetch,
    plan_push,
    remember_push,
    tried_again,
    wanted,
    with_tags_here,
)
from tether.sync.partialwork import ReadTags, history_in, note, scope_of, tags_with_commits
from tether.sync.scope import Asked
from tether.sync.upload import Uploaded, upload
from tether.sync.wire import MAX_DIGESTS, WRITE_ID, PushRequest, RefMove


def fetch_far(
    local: Repository,
    end: FarEnd,
    remote: str,
    options: FetchOptions = FETCH,
    *,
    progress: Progress = SILENT,
) -> Exchange:
    """Bring branches of a far end to `refs/remotes/REMOTE/`, its tags and runs; see `exchange.fetch`.

    Raises:
        Corrupt: What arrived is not what it should be; nothing has changed here then.
        Unavailable: The connection was cut, again and again.
    """
    return tried_again(lambda: _fetch(local, end, remote, options, progress))


def _fetch(
    local: Repository, end: FarEnd, remote: str, options: FetchOptions, progress: Progress
) -> Exchange:
    there = end.refs()
    with local.transaction(f"fetch {remote}") as transaction:
        updates = plan_fetch(transaction.root.refs, there.refs, remote, prune=options.prune)
        deeper = options.depth is not None
        cut = deeper or bool(shallow_in(transaction.extra))
        updates = [judged(update, lambda *_: True) for update in updates]
        wants = wanted(updates, cut=cut, again=deeper)
        asked = Asked(tuple(wants), scope_of(transaction, options.depth))
        came = download(end, local, transaction, asked, progress) if wants else Downloaded()
        note(transaction, local, remote, boundary=came.boundary, left=came.left)
        if cut:
            updates = with_tags_here(transaction, updates, _reads_tags(end))
        # A branch names a commit; refs of tags are never moved.
        history = history_in(transaction)
        updates = [judged(update, history.is_ancestor) for update in updates]
        for update in moving(updates):
            transaction.set_ref(update.name, update.new, expected=update.old)
    return Exchange(tuple(updates), came.objects, came.bytes)


def _reads_tags(end: FarEnd) -> ReadTags:
    """Return what reads tags of a far end."""

    def read(digests: Sequence[Digest]) -> dict[Digest, bytes]:
        found: dict[Digest, bytes] = {}
        asked = frozenset(digests)

        def take(frames: Iterator[tuple[Frame, bytes]]) -> None:
            for frame, data in frames:
                if frame.kind == ObjectKind.TAG and frame.digest in asked:
                    found[frame.digest] = unpack(frame, data, ObjectKind.TAG)

        for part in batches(digests, MAX_DIGESTS):
            end.objects(part, take)
        return found

    return read


def push_far(
    local: Repository, end: FarEnd, remote: str, options: PushOptions, *, progress: Progress = SILENT
) -> Exchange:
    """Send branches to a far end and remember here what it has now; see `exchange.push`.

    Raises:
        NotFound: A branch is not here.
        Conflict: A ref was moved there in the meantime, or packs go away there again and again.
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
        try:
            end.push(PushRequest(os.urandom(WRITE_ID), sent.packs, tuple(moves)))
        except Conflict:
            there = end.refs()
            # A push of this that was killed may have arrived late; whoever moved it, it is what is pushed.
            left = [move for move in moves if there.refs.get(move.name) != move.new]
            stayed = all(there.refs.get(move.name) == move.old for move in left)
            if not stayed or (len(left) == len(moves) and all(end.has_packs(sent.packs))):
                raise
            if left:
                # Others brought the same packs, and they were merged since: what is lacked now is sent.
                wants = [move.new for move in left if move.new]
                sent = upload(end, local, wants, there, progress) if wants else Uploaded((), 0, 0)
                end.push(PushRequest(os.urandom(WRITE_ID), sent.packs, tuple(left)))
    remember_push(local, remote, [u for u in updates if u.state != RefState.REJECTED])
    return Exchange(tuple(updates), sent.objects, sent.bytes)


def fill_far(
    end: FarEnd, target: Repository, options: CloneOptions = CLONE, progress: Progress = SILENT
) -> str | None:
    """Fill the empty repository `target` from a far end and return the branch that it is on.

    Raises:
        NotFound: The far end has no such branch.
        Corrupt: What arrived is not what it should be.
    """
    there = end.refs()
    chosen = choose_branch(there.refs, there.head, options.branch)
    with target.transaction(f"clone from {end.name}") as transaction:
        refs = tracking_refs(there.refs, options)
        wants, tags = split_tags(refs) if options.depth is not None else (refs, {})
        set_partial(transaction, options.partial)
        if wants:
            asked = Asked(tuple(dict.fromkeys(wants.values())), options.scope, options.landing)
            if options.landing is not None and chosen is not None:
                options.landing.commit = there.refs[f"{BRANCHES}{chosen}"]
            came = download(end, target, transaction, asked, progress)
            note(transaction, target, options.remote, boundary=came.boundary, left=came.left)
        if tags:
            wants |= tags_with_commits(transaction, tags, _reads_tags(end))
        name_refs(transaction, there.refs, wants, chosen)
    return chosen
