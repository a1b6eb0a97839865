"""Small text files written on a page: new ones and those that are there, with a preview."""

from dataclasses import dataclass
from functools import partial
from io import BytesIO

from markupsafe import Markup
from starlette.responses import RedirectResponse, Response

from tether.core.digest import Digest
from tether.core.names import display, path_bytes
from tether.core.textdiff import line_end
from tether.core.tree import EntryKind
from tether.errors import InvalidInput, TetherError, TooLarge
from tether.hub.atonce import Change, change_at_once, stageable
from tether.hub.pages.changing.aim import aim_of, new_branch_in, page_after
from tether.hub.pages.changing.asked import Spot, seen_in
from tether.hub.pages.changing.beginnings import BEGINNINGS, beginning
from tether.hub.pages.forms import Form
from tether.hub.problems import status_of, told
from tether.hub.staging import Staging
from tether.pages import markdown
from tether.pages.rendering import page
from tether.pages.viewers.opened import LONGEST_WRITTEN
from tether.pages.viewers.text import coloured

LONGEST = LONGEST_WRITTEN
"""Bytes of a text that is written on a page. A form makes three of each that is not plain, and a hub takes
bodies of a megabyte."""
_MARKED = (b".md", b".markdown")


@dataclass(frozen=True, slots=True)
class _Draft:
    """What the page shows of what is being written.

    Attributes:
        new: The file is not there yet.
        name: Of a new file, below the folder of the address, as it was typed.
        text: What is in the field.
        html: The preview of a text in Markdown.
        lines: The preview of any other text.
    """

    new: bool
    name: str
    text: str
    html: Markup | None = None
    lines: list[Markup] | None = None


def show_edit(spot: Spot) -> Response:
    """Show the text of a file in a field."""
    text, _ = _text_of(spot)
    return _page(spot, _Draft(False, "", text.replace("\r\n", "\n")), {})


def edit(spot: Spot, form: Form) -> Response:
    """Commit the text, or show how it will look."""
    draft = _Draft(False, "", _plain(form))
    if form.get("do") == "preview":
        return _page(spot, _previewed(spot, draft, spot.path), form)
    try:
        _, endings = _text_of(spot)
        _commit(spot, form, spot.path, draft.text.replace("\n", endings))
        branch = new_branch_in(form) or spot.branch
    except TetherError as error:
        return _page(spot, draft, form, told(spot.request, error))
    return _shown(spot, form, branch, spot.path)


def show_new(spot: Spot) -> Response:
    """Show fields for a name and a text; `?name=README.md` begins with that name and its headings."""
    name = spot.request.query_params.get("name", "")
    return _page(spot, _Draft(True, name, beginning(name, spot.shown.name)), {})


def new(spot: Spot, form: Form) -> Response:
    """Commit a file that was not there, or show how it will look."""
    draft = _Draft(True, form.get("name", ""), _plain(form))
    path = _below(spot, draft.name)
    if form.get("do") == "preview":
        return _page(spot, _previewed(spot, draft, path), form)
    try:
        _commit(spot, form, path, draft.text)
        branch = new_branch_in(form) or spot.branch
    except TetherError as error:
        return _page(spot, draft, form, told(spot.request, error))
    return _shown(spot, form, branch, path)


def _shown(spot: Spot, form: Form, branch: str, path: bytes) -> Response:
    page_of_file = spot.page("file", branch, path)
    return RedirectResponse(page_after(form, spot.shown.base, spot.branch, page_of_file), 303)


def _commit(spot: Spot, form: Form, path: bytes, text: str) -> Digest:
    data, name = text.encode(), stageable(path)
    if len(data) > LONGEST:
        raise TooLarge(f"a text here has at most {LONGEST >> 10} KiB", hint="upload it as a file instead")
    executable = spot.entry is not None and spot.entry.kind == EntryKind.EXECUTABLE
    message = form.get("message", "").strip() or _message(form, path)
    change = Change(spot.branch, new_branch_in(form), path, seen_in(form), message)
    return change_at_once(spot.asking, change, partial(_put, name, data, executable))


def _put(name: str, data: bytes, executable: bool, staging: Staging) -> None:
    staging.put(name, BytesIO(data).readinto, executable=executable, digest=None)


def _message(form: Form, path: bytes) -> str:
    return f"{'Change' if form.get('seen') else 'Add'} {path.rpartition(b'/')[2].decode(errors='replace')}"


def _text_of(spot: Spot) -> tuple[str, str]:
    """Return the text of a file, and how its lines end.

    Raises:
        NotFound, InvalidInput, TooLarge: It is not there, or no small text.
    """
    entry, shown = spot.there, display(spot.path)
    stageable(spot.path)
    if entry.kind > EntryKind.EXECUTABLE:
        raise InvalidInput(f"{shown} is no file that can be written here")
    if entry.size > LONGEST:
        raise TooLarge(f"{shown} has more than {LONGEST >> 10} KiB", hint="change it in a clone, and push")
    data = spot.shown.repository.contents.read(entry.digest)
    try:
        text = data.decode()
    except UnicodeDecodeError:
        text = "\0"
    ends = line_end(text)
    if "\0" in text or ends is None:
        hint = "change it in a clone, and push, or upload another one"
        raise InvalidInput(f"{shown} is no UTF-8 text with one kind of line end", hint=hint)
    return text, ends


def _plain(form: Form) -> str:
    """Return the text of a form with line feeds: browsers send both characters for each end of a line."""
    return form.get("text", "").replace("\r\n", "\n")


def _below(spot: Spot, name: str) -> bytes:
    folder = spot.path + b"/" if spot.path else b""
    return folder + path_bytes(name.strip().strip("/"))


def _previewed(spot: Spot, draft: _Draft, path: bytes) -> _Draft:
    if path.lower().endswith(_MARKED):
        html = markdown.render(draft.text, spot.shown.base, spot.branch, path.rpartition(b"/")[0])
        return _Draft(draft.new, draft.name, draft.text, html=html)
    return _Draft(draft.new, draft.name, draft.text, lines=coloured(draft.text[:LONGEST], path))


def _page(spot: Spot, draft: _Draft, form: Form, failure: TetherError | None = None) -> Response:
    refs = spot.shown.repository.root().refs
    return page(
        spot.request,
        "hub/changing/text.html",
        200 if failure is None else status_of(failure),
        shown=spot.shown,
        tab="files",
        spot=spot,
        draft=draft,
        failure=failure,
        seen=form.get("seen", "" if draft.new else spot.seen),
        message=form.get("message", ""),
        aim=aim_of(spot.branch, spot.refusal(), form, spot.asking.principal.name, refs),
        beginnings=BEGINNINGS,
        first=spot.tip is None,
    )
