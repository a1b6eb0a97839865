"""Files and folders deleted and renamed on a page."""

from starlette.responses import RedirectResponse, Response

from tether.core.names import path_bytes
from tether.errors import InvalidInput, TetherError
from tether.hub.atonce import Change, change_at_once, stageable
from tether.hub.pages.changing.aim import aim_of, new_branch_in, page_after
from tether.hub.pages.changing.asked import Spot, seen_in
from tether.hub.pages.forms import Form
from tether.hub.problems import status_of, told
from tether.hub.staging import Staging
from tether.pages.rendering import page


def show_delete(spot: Spot) -> Response:
    """Ask whether a file or folder shall go."""
    return _page(spot, "delete", {})


def delete(spot: Spot, form: Form) -> Response:
    """Commit that it goes."""
    return _commit(spot, form, "delete")


def show_rename(spot: Spot) -> Response:
    """Ask where a file or folder shall go."""
    return _page(spot, "rename", {})


def rename(spot: Spot, form: Form) -> Response:
    """Commit that it has another path."""
    return _commit(spot, form, "rename")


def _commit(spot: Spot, form: Form, word: str) -> Response:
    try:
        path, target = stageable(spot.path), form.get("target", "").strip().strip("/")
        if word == "rename" and target == path:
            raise InvalidInput("it has that path already", hint="write another one")

        def stage(staging: Staging) -> None:
            if word == "delete":
                staging.remove(path)
            else:
                staging.rename(path, stageable(path_bytes(target)))

        message = form.get("message", "").strip() or _message(word, path, target)
        change = Change(spot.branch, new_branch_in(form), spot.path, seen_in(form), message)
        made = change_at_once(spot.asking, change, stage)
    except TetherError as error:
        return _page(spot, word, form, told(spot.request, error))
    base = spot.shown.base
    return RedirectResponse(page_after(form, base, spot.branch, f"{base}/commit/{made.hex()}"), 303)


def _message(word: str, path: str, target: str) -> str:
    return f"Delete {path}" if word == "delete" else f"Rename {path} to {target}"


def _page(spot: Spot, word: str, form: Form, failure: TetherError | None = None) -> Response:
    path, entry = stageable(spot.path), spot.there
    return page(
        spot.request,
        "hub/changing/moving.html",
        200 if failure is None else status_of(failure),
        shown=spot.shown,
        tab="files",
        spot=spot,
        word=word,
        entry=entry,
        failure=failure,
        seen=form.get("seen", spot.seen),
        target=form.get("target", path),
        message=form.get("message", ""),
        aim=aim_of(
            spot.branch,
            spot.refusal(),
            form,
            spot.asking.principal.name,
            spot.shown.repository.root().refs,
        ),
    )
