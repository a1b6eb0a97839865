"""One commit: what it says, and what it changed."""

from starlette.requests import Request
from starlette.responses import Response

from tether.pages.differences.changed import changed_between
from tether.pages.records.used import used_commit
from tether.pages.rendering import page
from tether.pages.shelf import Shown
from tether.repo.history import History
from tether.repo.revision import resolve


def show(request: Request, shown: Shown) -> Response:
    """Show a commit against its first parent."""
    digest = resolve(shown.repository, request.path_params["commit"])
    history = History.of(shown.repository)
    commit, parents = history.commit(digest), history.parents(digest)
    before = parents[0] if parents else None
    return page(
        request,
        "repository/commit.html",
        shown=shown,
        tab="history",
        digest=digest,
        commit=commit,
        parents=[(parent, history.commit(parent)) for parent in parents],
        changed=changed_between(shown, before, digest, request.query_params),
        cut=history.is_cut(digest),
        query=request.query_params,
        used=used_commit(shown, digest),
    )
