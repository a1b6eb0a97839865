"""What fetch and clone record in a partial repository: where history is cut, what was left at the remote."""

from collections.abc import Callable, Iterable, Mapping, Sequence

from tether.core.digest import Digest
from tether.core.kinds import ObjectKind, ObjectReader
from tether.core.objects import Commit, Tag
from tether.errors import NotFound
from tether.repo.absent import with_extra
from tether.repo.history import SHALLOW_KEY, History, shallow_in, shallow_value
from tether.repo.leaving import leave_at
from tether.repo.objectdb import ObjectDb
from tether.repo.partial import partial_of
from tether.repo.repository import Repository
from tether.repo.transaction import Transaction
from tether.sync.scope import Scope

ReadTags = Callable[[Sequence[Digest]], Mapping[Digest, bytes]]
"""Takes digests of commits and tags, and gives the tags among them."""


def scope_of(transaction: Transaction, depth: int | None) -> Scope:
    """Return what a fetch into the repository of a transaction brings."""
    return Scope(depth, partial_of(transaction.root))


def history_in(transaction: Transaction) -> History:
    """Return the history as a transaction leaves it."""
    return History(transaction.objects, shallow_in(transaction.extra))


def note(
    transaction: Transaction,
    local: Repository,
    remote: str,
    *,
    boundary: Iterable[Digest],
    left: Sequence[Digest],
) -> None:
    """Record where the history is cut now and what a fetch left at the remote.

    A commit whose parents have come since is no boundary any more.
    """
    absent, objects = local.absent.record(), transaction.objects
    fresh = [digest for digest in left if digest not in absent]
    if fresh:
        leave_at(transaction, local.contents, remote, fresh)
    before = shallow_in(transaction.extra)
    cut = [
        *boundary,
        *(digest for digest in before if not all(map(objects.known, _parents(objects, digest)))),
    ]
    if set(cut) != set(before):
        transaction.set_extra(with_extra(transaction.extra, SHALLOW_KEY, shallow_value(cut)))


def _parents(objects: ObjectReader, digest: Digest) -> tuple[Digest, ...]:
    return Commit.decode(objects.get(ObjectKind.COMMIT, digest)).parents


def tags_with_commits(
    transaction: Transaction, tags: Mapping[str, Digest], read: ReadTags
) -> dict[str, Digest]:
    """Store those tags whose commits are here, and return them: a shallow repository takes no others."""
    objects, payloads = transaction.objects, dict[Digest, bytes]()
    waiting = list(dict.fromkeys(tags.values()))
    while waiting:
        found = read(waiting)
        payloads.update(found)
        targets = dict.fromkeys(Tag.decode(payload).target for payload in found.values())
        waiting = [digest for digest in targets if digest not in payloads]
    kept = {}
    for name, digest in tags.items():
        chain, end = list[Digest](), digest
        while end in payloads:
            chain.append(end)
            end = Tag.decode(payloads[end]).target
        if objects.known(end):
            kept[name] = digest
            for each in chain:
                objects.put_named(ObjectKind.TAG, each, payloads[each])
    return kept


def reads_tags(objects: ObjectDb) -> ReadTags:
    """Return what reads tags of a repository on this machine."""

    def read(digests: Sequence[Digest]) -> dict[Digest, bytes]:
        found = {}
        for digest, place in zip(digests, objects.find_many(digests), strict=True):
            if place is None:
                raise NotFound(f"commit {digest.hex()[:12]} is not in the repository to copy from")
            if place.frame.kind == ObjectKind.TAG:
                found[digest] = objects.get(ObjectKind.TAG, digest)
        return found

    return read
