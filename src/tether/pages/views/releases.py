"""Pages of releases: the list, and one."""

from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import Response

from tether.pages.records.known import told
from tether.pages.records.onerelease import MOST_PARTS, release_shown
from tether.pages.rendering import page
from tether.pages.shelf import Shown, shelf_of
from tether.releases.pushedexports import COST, MADE, pushed_export
from tether.releases.pushedreleases import PAGE, list_releases


def show(request: Request, shown: Shown) -> Response:
    """List the releases by name, those of one name from the oldest on."""
    after = request.query_params.get("after", "")
    found = list_releases(shown.repository, after, PAGE)
    return page(
        request,
        "repository/releases.html",
        shown=shown,
        tab="releases",
        releases=found.releases,
        next=found.next,
        after=after,
    )


def send_export(request: Request, shown: Shown) -> Response:
    """Send a release in a form that other programs read."""
    params = request.path_params
    with shelf_of(request).heavy(COST), told(f"release {params['release']}@{params['version']}"):
        made = pushed_export(shown.repository, params["release"], params["version"], params["form"])
    headers = {
        "Content-Type": made.media,
        "Content-Disposition": f"attachment; filename*=UTF-8''{quote(made.name, safe='')}",
        "Cache-Control": "private, no-cache",
    }
    return Response(made.data, headers=headers)


def show_one(request: Request, shown: Shown) -> Response:
    """Show a release, how complete it is before all else."""
    name, version = request.path_params["release"], request.path_params["version"]
    with told(f"release {name}@{version}"):
        release = release_shown(shown, name, version)
    return page(
        request,
        "repository/release.html",
        shown=shown,
        tab="releases",
        release=release,
        manifest=release.manifest,
        most=MOST_PARTS,
        forms=MADE,
    )
