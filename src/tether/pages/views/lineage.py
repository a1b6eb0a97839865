"""The lineage of a run, a release, a model or data, to be walked."""

from starlette.requests import Request
from starlette.responses import Response

from tether.pages.records.walking import MOST_STEPS, STEPS, walk
from tether.pages.rendering import page
from tether.pages.shelf import Shown


def show(request: Request, shown: Shown) -> Response:
    """Show what is around a node."""
    asked = request.query_params.get("steps", "")
    number = int(asked) if asked.isascii() and asked.isdigit() and len(asked) < 4 else STEPS
    steps = min(max(number, 1), MOST_STEPS)
    focus = request.query_params.get("of", "")
    found = walk(shown, focus, steps)
    return page(request, "repository/lineage.html", shown=shown, tab="lineage", walk=found, most=MOST_STEPS)
