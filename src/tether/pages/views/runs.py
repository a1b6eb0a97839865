"""Pages of runs: the table, one run, and what differs between two."""

from starlette.requests import Request
from starlette.responses import Response

from tether.errors import Corrupt, InvalidInput, TetherError, Unsupported
from tether.pages.records.charts import coordinates
from tether.pages.records.compared import compared_runs
from tether.pages.records.differing import diff_of
from tether.pages.records.known import run_shown
from tether.pages.records.onerun import MOST_ROWS, details_of, live_of
from tether.pages.records.table import Asked, table_of
from tether.pages.rendering import page
from tether.pages.shelf import Shown
from tether.releases.pushedruns import LOOKED_AT


def show(request: Request, shown: Shown) -> Response:
    """Show the runs, filtered and sorted as the address asks."""
    table = table_of(shown, Asked.of(request.query_params))
    return page(
        request,
        "repository/runs.html",
        shown=shown,
        tab="runs",
        table=table,
        drawing=coordinates(table.fitting),
        looked_at=LOOKED_AT,
    )


def show_one(request: Request, shown: Shown) -> Response:
    """Show one run; `part=live` asks for what changes while it goes on."""
    run = run_shown(shown, request.path_params["run"])
    live = live_of(shown, run)
    if request.query_params.get("part") == "live":
        return page(request, "parts/live.html", live=live, shown=shown)
    return page(
        request,
        "repository/run.html",
        shown=shown,
        tab="runs",
        run=run,
        record=run.record,
        live=live,
        details=details_of(shown, run),
        most=MOST_ROWS,
    )


def show_difference(request: Request, shown: Shown) -> Response:
    """Show how the two runs that were chosen differ."""
    old, new = _two(request)
    found = diff_of(shown, run_shown(shown, old), run_shown(shown, new))
    return page(request, "repository/rundiff.html", shown=shown, tab="runs", diff=found)


def show_comparison(request: Request, shown: Shown) -> Response:
    """Compare what two runs, or the models that they made, said of the same examples."""
    old, new = _two(request)
    failure, found = None, None
    try:
        found = compared_runs(shown, run_shown(shown, old), run_shown(shown, new))
    except (InvalidInput, Corrupt, Unsupported) as error:
        failure = error
    return page(
        request, "repository/compared.html", _status(failure), shown=shown, tab="runs", runs=(old, new),
        found=found, failure=failure,
    )  # fmt: skip


def _status(failure: TetherError | None) -> int:
    return 200 if failure is None else 400


def _two(request: Request) -> tuple[str, str]:
    """Return the two runs of an address; the older is the one before.

    Raises:
        InvalidInput: They are not two.
    """
    asked = request.query_params
    chosen = [asked["old"], asked["new"]] if "old" in asked and "new" in asked else asked.getlist("run")
    if len(chosen) != 2:
        raise InvalidInput(f"{len(chosen)} runs were chosen", hint="choose two in the table")
    return (chosen[0], chosen[1]) if "old" in asked else (min(chosen), max(chosen))
