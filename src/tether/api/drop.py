"""Dropping contents that a remote verifiably has, and bringing them back.

A dropped content stays part of every commit that names it; the root records where it is. A command
that writes working files fetches what it needs first; other readers are told how to bring it back.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from tether.api.opened import Opened
from tether.api.places import open_place
from tether.api.remotes import default_remote
from tether.api.supplying import supply
from tether.api.working import tree_of
from tether.core.digest import EMPTY_FILE, Digest
from tether.core.names import display
from tether.core.tree import EntryKind
from tether.core.treeread import find_many, walk
from tether.errors import InvalidInput, NotFound
from tether.repo.gc import GcOptions, execute_gc, plan_gc
from tether.sync.places import Place


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

    Before anything is freed, every byte is read and verified where the remote is, by the hub if it is on
    one, and the commit must be part of one of its branches or tags, so that its gc keeps what it has.

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
    place = open_place(repo, name)
    try:
        if not place.has_commit(repository, commit):
            raise NotFound(
                f"no branch of {name} is known to have the checked out commit",
                hint=f"run 'tether push {name}' or 'tether fetch {name}' first",
            )
        size = _verify(repo, place, contents, name)
    finally:
        place.close()
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
    wanted, record = _contents(repo, paths), repository.absent.record()
    brought = supply(repo, wanted, "drop --fetch")
    size = sum(map(repository.contents.size, brought))
    remotes = {remote for digest in brought if (remote := record.remote_of(digest)) is not None}
    return Dropped(", ".join(sorted(remotes)), len(brought), size, 0)


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


def _verify(repo: Opened, place: Place, contents: Mapping[Digest, bytes], name: str) -> int:
    """Let everything be read and verified where it is kept, and return its size."""
    repo.progress.start(f"verifying at {name}", len(contents), "files")
    for path, sound in zip(contents.values(), place.verify(list(contents)), strict=True):
        if not sound:
            raise NotFound(
                f"{name} does not have {display(path)} whole", hint=f"run 'tether fsck --full' at {name}"
            )
        repo.progress.advance(1)
    repo.progress.finish()
    return sum(map(repo.repository.contents.size, contents))
