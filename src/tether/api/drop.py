"""Dropping contents that a remote verifiably has, and bringing them back.

A dropped content stays part of every commit that names it; the root records where it is. A command
that writes working files fetches what it needs first; other readers are told how to bring it back.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from tether.api.opened import Opened
from tether.api.remotes import default_remote
from tether.api.working import tree_of
from tether.core.digest import EMPTY_FILE, Digest
from tether.core.names import display
from tether.core.tree import EntryKind
from tether.core.treeread import find_many, walk
from tether.errors import Corrupt, InvalidInput, NotFound
from tether.repo.absent import absent_contents, with_absent
from tether.repo.gc import GcOptions, execute_gc, plan_gc
from tether.repo.history import History
from tether.repo.repository import Repository
from tether.repo.transaction import Transaction
from tether.sync.negotiate import find_contents
from tether.sync.peel import peel
from tether.sync.remotes import open_remote
from tether.sync.transfer import copy_objects


class Dropped(NamedTuple):
    """What was freed, or brought back."""

    remote: str
    """Empty when nothing had to be fetched."""
    files: int
    """Different contents."""
    bytes: int
    """Their size; they take less in packs."""
    freed: int
    """Bytes of packs that are gone."""


def drop(repo: Opened, paths: Sequence[bytes], remote: str | None = None) -> Dropped:
    """Free the contents of files of the checked out commit; the working files stay.

    Before anything is freed, every byte is read from the remote and verified, and the commit must be
    part of one of its branches or tags, so that its gc keeps what it has.

    Raises:
        NotFound: A path is not in the commit, or the remote does not have everything.
        InvalidInput: There is no commit yet.
        Unavailable: Another process is writing and does not end.
    """
    repository, name = repo.repository, remote or default_remote(repo)
    commit = repository.root().head_commit()
    if commit is None:
        raise InvalidInput("nothing to drop before the first commit")
    contents = {d: path for d, path in _contents(repo, paths).items() if repository.objects.has(d)}
    other = open_remote(repository, name)
    try:
        _require_commit(other, commit, name)
        size = _verify(repo, other, contents, name)
    finally:
        other.close()
    if not contents:
        return Dropped(name, 0, 0, 0)
    days = repository.config.integer("gc.retention")
    names = " ".join(display(path) for path in paths[:3])
    options = GcOptions(days, 0, dropped=dict.fromkeys(contents, name), command=f"drop {names}")
    plan = plan_gc(repository, repo.clock(), options, repo.progress)
    counts = execute_gc(repository, plan, repo.progress)
    return Dropped(name, len(contents), size, counts.freed)


def fetch_back(repo: Opened, paths: Sequence[bytes]) -> Dropped:
    """Bring back the contents of files of the checked out commit that were dropped.

    Raises:
        NotFound: A path is not in the commit, or a remote does not have a content any more.
    """
    repository = repo.repository
    wanted = _contents(repo, paths)
    with repository.transaction("drop --fetch") as transaction:
        absent = absent_contents(transaction.root)
        before = transaction.objects.written
        brought = supply(repo, transaction, wanted, absent)
        size = transaction.objects.written - before
    return Dropped(", ".join(sorted({absent[d] for d in brought})), len(brought), size, 0)


def supply(
    repo: Opened, transaction: Transaction, contents: Iterable[Digest], absent: Mapping[Digest, str]
) -> list[Digest]:
    """Fetch those of some contents that are absent into a transaction, and return them.

    Raises:
        NotFound: The remote does not have one any more, or cannot be found.
    """
    objects = repo.repository.objects
    wanted = [digest for digest in dict.fromkeys(contents) if digest in absent]
    lacking = [digest for digest in wanted if not objects.has(digest)]
    for name in sorted({absent[digest] for digest in lacking}):
        mine = [digest for digest in lacking if absent[digest] == name]
        other = open_remote(repo.repository, name)
        try:
            missing = find_contents(other.objects, objects.has_many, mine, other.root())
            copy_objects(other.objects, transaction.objects, missing, repo.progress)
        finally:
            other.close()
    if wanted:
        rest = {digest: name for digest, name in absent.items() if digest not in wanted}
        transaction.set_extra(with_absent(transaction.root, rest))
    return lacking


def _contents(repo: Opened, paths: Sequence[bytes]) -> dict[Digest, bytes]:
    """Return the contents of files of the checked out commit, each with one of its paths."""
    objects = repo.repository.objects
    tree = tree_of(repo, repo.repository.root().head_commit())
    entries = find_many(objects, tree, paths)
    found: dict[Digest, bytes] = {}
    for path in paths:
        entry = entries.get(path)
        if entry is None:
            raise NotFound(f"no such file in the checked out commit: {display(path)}")
        below = walk(objects, entry.digest, path) if entry.kind == EntryKind.DIRECTORY else [(path, entry)]
        for where, each in below:
            if each.kind in (EntryKind.FILE, EntryKind.EXECUTABLE):
                found[each.digest] = where
    found.pop(EMPTY_FILE, None)
    return found


def _require_commit(other: Repository, commit: Digest, name: str) -> None:
    tips = {peel(other.objects, digest) for digest in other.root().refs.values()}
    known = other.objects.has(commit)
    if not known or not any(History.of(other).is_ancestor(commit, tip) for tip in tips):
        raise NotFound(
            f"no branch of {name} has the checked out commit", hint=f"run 'tether push {name}' first"
        )


def _verify(repo: Opened, other: Repository, contents: Mapping[Digest, bytes], name: str) -> int:
    """Read everything at the remote and return its size."""
    repo.progress.start(f"verifying at {name}", len(contents), "files")
    size = 0
    for digest, path in contents.items():
        try:
            size += sum(map(len, other.contents.stream(digest)))
        except (NotFound, Corrupt):
            raise NotFound(
                f"{name} does not have {display(path)} whole", hint=f"run 'tether fsck --full' at {name}"
            ) from None
        repo.progress.advance(1)
    repo.progress.finish()
    return size
