"""A file of a revision, shown by what it is."""

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from tether.core.filetype import HEAD_SIZE, sniff
from tether.core.tree import EntryKind
from tether.pages.addresses import link, where_of
from tether.pages.lastchange import last_changes
from tether.pages.records.used import used_at
from tether.pages.rendering import page
from tether.pages.revisions import find_place, picker
from tether.pages.shelf import Shown
from tether.pages.viewers import view_of
from tether.pages.viewers.opened import Opened
from tether.repo.history import History


def show(request: Request, shown: Shown) -> Response:
    """Show the file; a folder has another page."""
    place = find_place(shown, where_of(request.scope))
    if place.entry.kind == EntryKind.DIRECTORY:
        return RedirectResponse(link(shown.base, "tree", place.rev, place.path), 303)
    head = shown.repository.contents.read(place.entry.digest, 0, HEAD_SIZE)
    opened = Opened(request, shown, place, sniff(head, place.name), head)
    history = History.of(shown.repository)
    changed = last_changes(history, shown.repository.objects, place.id, [place.path]).get(place.path)
    return page(
        request,
        "repository/file.html",
        shown=shown,
        tab="files",
        place=place,
        opened=opened,
        view=view_of(opened),
        picker=picker(shown, place, "file"),
        changed=changed,
        change=None if changed is None else history.commit(changed),
        used=used_at(shown, place),
    )
