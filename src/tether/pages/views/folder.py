"""A folder of a revision."""

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from tether.core.namekinds import DataKind
from tether.core.tree import EntryKind
from tether.core.treeread import entry_before
from tether.pages import folders
from tether.pages.addresses import bytes_asked, link, where_of
from tether.pages.records.used import used_at
from tether.pages.rendering import page
from tether.pages.revisions import find_place, picker
from tether.pages.shelf import Shown
from tether.pages.views.overview import readme_of


def _is_grid(request: Request, listing: folders.Listing) -> bool:
    """Say whether pictures are shown: if that was asked for, or most of what is on the page are some."""
    wanted = request.query_params.get("view")
    if wanted in ("grid", "list"):
        return wanted == "grid"
    pictures = sum(row.kind is DataKind.IMAGES for row in listing.rows)
    return pictures > len(listing.rows) / 2


def show(request: Request, shown: Shown) -> Response:
    """Show a page of the folder, behind a name or from one on; a file has another page."""
    place = find_place(shown, where_of(request.scope))
    if place.entry.kind != EntryKind.DIRECTORY:
        return RedirectResponse(link(shown.base, "file", place.rev, place.path), 303)
    after = bytes_asked(request.scope, "after")
    if begin := bytes_asked(request.scope, "from"):
        before = entry_before(shown.repository.objects, place.entry.digest, begin)
        after = b"" if before is None else before.name
    listing = folders.list_folder(shown, place, after)
    readme = None if after else readme_of(shown, place, [row.entry for row in listing.rows])
    return page(
        request,
        "repository/folder.html",
        shown=shown,
        tab="files",
        place=place,
        picker=picker(shown, place, "tree"),
        listing=listing,
        readme=readme,
        grid=_is_grid(request, listing),
        used=used_at(shown, place),
    )
