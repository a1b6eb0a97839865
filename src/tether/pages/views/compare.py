"""Two revisions beside each other: the commits between them, and what differs."""

from itertools import islice
from typing import NamedTuple
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from tether.core.digest import Digest
from tether.core.names import BRANCHES, TAGS, display, short_ref
from tether.core.treediff import diff_trees
from tether.errors import InvalidInput, NotFound
from tether.pages.addresses import where_of
from tether.pages.differences import difference_of
from tether.pages.differences.changed import Between, changed_between, kind_of, pair_of, with_attributes
from tether.pages.rendering import page
from tether.pages.revisions import MOST_REFS
from tether.pages.shelf import Shown
from tether.repo.history import History
from tether.repo.logwalk import LogFilter, LogRange, read_log
from tether.repo.revision import resolve

_COMMITS = 100


class Compared(NamedTuple):
    """Two revisions as people wrote them, and the commits that are compared.

    Attributes:
        old: None for nothing at all, before the first commit.
        new: The commit after.
        left: What was written before the dots.
        right: What was written behind them.
        dots: Two: the revisions themselves; three: from where they parted.
    """

    old: Digest | None
    new: Digest
    left: str
    right: str
    dots: str


def choose(request: Request, shown: Shown) -> Response:
    """Let people choose two revisions; with both in the query, go to their page."""
    left, right = (request.query_params.get(name, "").strip() for name in ("base", "head"))
    if left and right:
        spec = f"{quote(left, safe='')}...{quote(right, safe='')}"
        return RedirectResponse(f"{shown.base}/compare/{spec}", 303)
    return page(
        request,
        "repository/choose.html",
        shown=shown,
        tab="history",
        names=_names(shown),
        left=left,
        right=right,
    )


def show(request: Request, shown: Shown) -> Response:
    """Show what leads from one revision to the other."""
    asked = compared(shown, where_of(request.scope).rev)
    history = History.of(shown.repository)
    excludes = [] if asked.old is None else [asked.old]
    log = read_log(history, shown.repository.objects, LogRange([asked.new], excludes), LogFilter())
    commits = list(islice(log, _COMMITS + 1))
    return page(
        request,
        "repository/compare.html",
        shown=shown,
        tab="history",
        asked=asked,
        names=_names(shown),
        commits=commits[:_COMMITS],
        more=len(commits) > _COMMITS,
        changed=changed_between(shown, asked.old, asked.new, request.query_params),
        query=request.query_params,
    )


def show_file(request: Request, shown: Shown) -> Response:
    """Show what differs in one file."""
    where = where_of(request.scope)
    asked = compared(shown, where.rev)
    history, objects = History.of(shown.repository), shown.repository.objects
    trees = None if asked.old is None else history.commit(asked.old).tree, history.commit(asked.new).tree
    change = next(iter(diff_trees(objects, *trees, paths=[where.path])), None)
    if not where.path or change is None or change.path != where.path:
        raise NotFound(f"no difference in {display(where.path) or 'a file without a name'}")
    between = Between.of(shown, asked.old, asked.new)
    pair = with_attributes(between, pair_of(between, change, request.query_params, alone=True))
    return page(
        request,
        "repository/difference.html",
        shown=shown,
        tab="history",
        asked=asked,
        kind=kind_of(change),
        pair=pair,
        difference=difference_of(pair),
        query=request.query_params,
    )


def compared(shown: Shown, spec: str) -> Compared:
    """Return the commits that `BASE...HEAD` or `BASE..HEAD` names; nothing before the dots is no commit.

    Raises:
        InvalidInput: It has another form.
        NotFound: There is no such revision, or the two have nothing in common where three dots ask for that.
    """
    dots = "..." if "..." in spec else ".."
    left, found, right = spec.partition(dots)
    if not found or not right:
        raise InvalidInput(f"not two revisions: {spec[:100]!r}", hint="write BASE...HEAD")
    new = resolve(shown.repository, right)
    old = resolve(shown.repository, left) if left else None
    if old is not None and dots == "...":
        bases = History.of(shown.repository).merge_bases(old, new)
        if not bases:
            raise NotFound(f"{left} and {right} have no commit in common", hint=f"compare {left}..{right}")
        old = bases[0]
    return Compared(old, new, left, right, dots)


def _names(shown: Shown) -> list[str]:
    refs = sorted(shown.repository.root().refs)
    return [short_ref(ref) for ref in refs if ref.startswith((BRANCHES, TAGS))][:MOST_REFS]
