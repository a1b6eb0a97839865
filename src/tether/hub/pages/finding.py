"""The page of search."""

from starlette.requests import Request
from starlette.responses import Response

from tether.hub.pages.shelf import principal_in
from tether.hub.routes.dependencies import hub_of
from tether.hub.search import finding
from tether.pages.rendering import page


def show(request: Request) -> Response:
    """Show what fits, best first, by pages; nobody is told of what they may not see."""
    query, asked = request.query_params.get("q", "")[:500], request.query_params.get("first", "")
    first = int(asked) if asked.isascii() and asked.isdigit() and len(asked) < 6 else 0
    with hub_of(request).database.session(reads_only=True) as session:
        results = finding.find(session, principal_in(request), query, first)
        return page(request, "hub/search.html", query=query, results=results, first=first)
