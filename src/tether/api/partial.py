"""Letting a partial clone grow: more files in the working copy, and contents before they are needed."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import NamedTuple

from tether.api.opened import Opened
from tether.api.supplying import supply, unnamed
from tether.api.working import changing, tree_of
from tether.core.digest import EMPTY_FILE, Digest
from tether.core.kinds import ObjectKind
from tether.core.pathfilter import EVERYTHING, PathFilter
from tether.core.tree import EMPTY_TREE
from tether.core.treeread import walk
from tether.errors import InvalidInput, TetherError
from tether.repo.history import History
from tether.repo.partial import Partial, partial_of, set_partial
from tether.sync.peel import peel
from tether.sync.scope import contents_under
from tether.worktree.plan import plan_checkout


class Grown(NamedTuple):
    """What came to a partial clone."""

    contents: int
    """Contents that were not here before."""
    files: int
    """Files written to the working copy."""


def show_more(repo: Opened, patterns: Sequence[bytes]) -> Grown:
    """Let the working copy show more files, and bring what they hold.

    Where contents come lazily only those of the checked out commit come, otherwise those of all commits.

    Raises:
        InvalidInput: The working copy shows everything, or a pattern cannot be one.
        Conflict: Other files are where these shall be; the working copy is as it was.
        Unavailable: The remote cannot be reached.
    """
    repository, before = repo.repository, partial_of(repo.repository.root())
    if before.shown.everything:
        raise InvalidInput("this working copy shows every file", hint="leave out --path")
    after = Partial(before.lazy, before.shown.with_more(patterns))
    if after.shown.everything:
        after = replace(after, shown=EVERYTHING)
    trees = [repository.root().stage] if after.lazy else _all_trees(repo)
    named = contents_under(repository.objects, trees, PathFilter(patterns))
    brought = supply(repo, unnamed(repo, named))
    if repository.worktree is None:
        with repository.transaction("fetch --path") as transaction:
            set_partial(transaction, after)
        return Grown(len(brought), 0)
    try:
        return Grown(len(brought), _write(repo, before, after))
    except (TetherError, OSError):
        if partial_of(repository.root()) == after:  # the files could not be written and were taken back
            with repository.transaction("fetch --path") as transaction:
                set_partial(transaction, before)
        raise


def _write(repo: Opened, before: Partial, after: Partial) -> int:
    """Write the files that the working copy did not show; return how many."""
    with changing(repo, "fetch --path") as change:
        transaction = change.transaction
        stage = transaction.root.stage
        fresh = [
            path
            for path, _ in walk(transaction.objects, stage)
            if after.shown.covers(path) and not before.shown.covers(path)
        ]
        set_partial(transaction, after)
        change.worktree.shown = after.shown
        if fresh:
            plan = plan_checkout(change.worktree, transaction.objects, EMPTY_TREE, stage, paths=fresh)
            change.follow(plan)
    return change.files


def prefetch(repo: Opened, patterns: Sequence[bytes] = (), *, all_commits: bool = False) -> Grown:
    """Bring contents before they are needed: those of the checked out commit, or of all commits here.

    Args:
        repo: Where.
        patterns: Only what lies under these files, folders and globs; everything if empty.
        all_commits: Of every commit that is here, not of the stage alone.

    Raises:
        NotFound: The remote does not have one any more.
        Unavailable: The remote cannot be reached.
    """
    repository = repo.repository
    trees = _all_trees(repo) if all_commits else [repository.root().stage]
    if not all_commits and repository.worktree is None:
        trees = [tree_of(repo, repository.root().head_commit())]
    paths = PathFilter(patterns) if patterns else EVERYTHING
    named = contents_under(repository.objects, trees, paths)
    named.pop(EMPTY_FILE, None)
    return Grown(len(supply(repo, unnamed(repo, named))), 0)


def _all_trees(repo: Opened) -> list[Digest]:
    """Return the trees of all commits that a ref reaches here, and the stage."""
    repository = repo.repository
    root, objects, history = repository.root(), repository.objects, History.of(repository)
    tips = {peel(objects, digest) for digest in _named(root.refs.values(), repo)}
    return list(dict.fromkeys([root.stage, *(history.commit(c).tree for c in history.ancestors(tips))]))


def _named(digests: Iterable[Digest], repo: Opened) -> list[Digest]:
    """Return those that are commits or tags; refs of other kinds need no contents."""
    found = []
    for digest in digests:
        place = repo.repository.objects.find(digest)
        if place is not None and place.frame.kind in (ObjectKind.COMMIT, ObjectKind.TAG):
            found.append(digest)
    return found
