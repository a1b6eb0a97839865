"""The addresses of pages, and which view answers each."""

from collections.abc import Callable
from typing import TypeAlias

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from tether.pages import assets
from tether.pages.remembered import PAGES
from tether.pages.shelf import Shown, shelf_of
from tether.pages.views import (
    blame,
    commit,
    compare,
    file,
    folder,
    history,
    lineage,
    overview,
    raw,
    releases,
    runs,
    thumb,
)

View: TypeAlias = Callable[[Request, Shown], Response]
REPOSITORY = "/{owner}/{name}"


def of_repository(view: View) -> Callable[[Request], Response]:
    """Return an endpoint that opens the repository of the address for a view, and closes it behind it."""

    def endpoint(request: Request) -> Response:
        owner, name = request.path_params["owner"], request.path_params["name"]
        shelf = shelf_of(request)
        with shelf.turns.taken(), shelf.open(owner, name) as shown:
            return view(request, shown)

    return endpoint


def in_turn(view: Callable[[Request], Response]) -> Callable[[Request], Response]:
    """Return an endpoint that makes a page of no repository when it is its turn."""

    def endpoint(request: Request) -> Response:
        with shelf_of(request).turns.taken():
            return view(request)

    return endpoint


def remembered(view: View, *, counted: bool = False) -> Callable[[Request], Response]:
    """Return the endpoint of a view whose pages are kept: see `tether.pages.remembered.Remembered.answer`."""
    return of_repository(lambda request, shown: PAGES.answer(request, shown, view, counted=counted))


def routes() -> list[BaseRoute]:
    """Return the routes of all that every shelf has."""
    return [
        Route("/-/static/{mark}/{name}", assets.send),
        Route(REPOSITORY, remembered(overview.show, counted=True)),
        Route(f"{REPOSITORY}/tree/{{rev:anything}}", remembered(folder.show)),
        Route(f"{REPOSITORY}/file/{{rev:anything}}", remembered(file.show)),
        Route(f"{REPOSITORY}/raw/{{rev:anything}}", raw.send),
        Route(f"{REPOSITORY}/thumb/{{rev:anything}}", of_repository(thumb.show)),
        Route(f"{REPOSITORY}/blame/{{rev:anything}}", remembered(blame.show)),
        Route(f"{REPOSITORY}/history/{{rev:anything}}", remembered(history.show)),
        Route(f"{REPOSITORY}/compare", remembered(compare.choose)),
        Route(f"{REPOSITORY}/compare/{{spec:anything}}", remembered(compare.show)),
        Route(f"{REPOSITORY}/diff/{{spec:anything}}", remembered(compare.show_file)),
        Route(f"{REPOSITORY}/runs", of_repository(runs.show)),
        Route(f"{REPOSITORY}/runs/diff", of_repository(runs.show_difference)),
        Route(f"{REPOSITORY}/runs/compare", of_repository(runs.show_comparison)),
        Route(f"{REPOSITORY}/runs/{{run}}", of_repository(runs.show_one)),
        Route(f"{REPOSITORY}/releases", of_repository(releases.show)),
        Route(f"{REPOSITORY}/releases/{{release}}/{{version}}", of_repository(releases.show_one)),
        Route(
            f"{REPOSITORY}/releases/{{release}}/{{version}}/exports/{{form}}",
            of_repository(releases.send_export),
        ),
        Route(f"{REPOSITORY}/lineage", of_repository(lineage.show)),
        Route(f"{REPOSITORY}/commit/{{commit}}", remembered(commit.show)),
    ]
