"""One commit: what it says, and what it changed, counted by folder first so that 50,000 files can be read."""

from collections import Counter
from dataclasses import dataclass
from itertools import islice

from starlette.requests import Request
from starlette.responses import Response

from tether.core.digest import Digest
from tether.core.treediff import TreeChange, count_changes, diff_trees
from tether.pages.rendering import page
from tether.pages.shelf import Shown
from tether.repo.history import History
from tether.repo.revision import resolve

LISTED = 300
"""Changed files that one page names; the counts are of all that it looked at."""
LOOKED_AT = 20_000
"""Changes that are looked at for the counts by folder."""


@dataclass(frozen=True, slots=True)
class Summary:
    """What changed between two trees.

    Attributes:
        files: Files that differ; exact, from the totals of the trees.
        folders: For each folder how many were added, changed and removed.
        listed: The first changes.
        more: There are more than were looked at.
        bytes: Of the new versions of the files that were looked at.
    """

    files: int
    folders: list[tuple[bytes, Counter[str]]]
    listed: list[TreeChange]
    more: bool
    bytes: int


def show(request: Request, shown: Shown) -> Response:
    """Show a commit against its first parent."""
    digest = resolve(shown.repository, request.path_params["commit"])
    history = History.of(shown.repository)
    commit, parents = history.commit(digest), history.parents(digest)
    before = history.commit(parents[0]).tree if parents else None
    return page(
        request,
        "repository/commit.html",
        shown=shown,
        tab="history",
        digest=digest,
        commit=commit,
        parents=[(parent, history.commit(parent)) for parent in parents],
        summary=summarise(shown, before, commit.tree),
        cut=history.is_cut(digest),
    )


def summarise(shown: Shown, old: Digest | None, new: Digest) -> Summary:
    """Return what differs between two trees; the work is bounded."""
    objects = shown.repository.objects
    found = list(islice(diff_trees(objects, old, new), LOOKED_AT + 1))
    more = len(found) > LOOKED_AT
    folders: dict[bytes, Counter[str]] = {}
    size = 0
    for change in found[:LOOKED_AT]:
        folders.setdefault(change.path.rpartition(b"/")[0], Counter())[kind_of(change)] += 1
        size += change.new.size if change.new is not None else 0
    files = count_changes(objects, old, new) if more else len(found)
    return Summary(files, sorted(folders.items()), found[:LISTED], more, size)


def kind_of(change: TreeChange) -> str:
    """Return `added`, `removed` or `changed`."""
    if change.old is None:
        return "added"
    return "removed" if change.new is None else "changed"
