"""What a pull request brings: its commits, and its files with the notes at them and the forms for more."""

from collections import defaultdict
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, unquote_to_bytes

from pydantic import ValidationError
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from tether.core.digest import Digest, parse_digest
from tether.core.names import display
from tether.core.treediff import diff_trees
from tether.errors import InvalidInput, NotFound, TetherError
from tether.hub.access import Role
from tether.hub.acting import acting
from tether.hub.pages.conversations.composing import failed, preview_of, texts_of
from tether.hub.pages.conversations.held import Held, after_in, number_in
from tether.hub.pages.conversations.pull import PullHeld, hold_pull
from tether.hub.pages.conversations.texts import Texts
from tether.hub.pages.conversations.timeline import ShownThread, show_threads
from tether.hub.pages.forms import Form
from tether.hub.problems import told
from tether.hub.pulls import changes, reviewing
from tether.hub.pulls.heads import find_pull
from tether.hub.routes.review_documents import NoteBody
from tether.pages.addresses import bytes_asked
from tether.pages.differences import difference_of
from tether.pages.differences.changed import Between, changed_between, kind_of, pair_of
from tether.pages.rendering import page
from tether.repo.history import History

_THREADS = 100
_COMMITS = 200
_NUMBERS = {"line": ("start", "end"), "region": ("x", "y", "w", "h")}


def show_commits(request: Request, held: Held) -> Response:
    """List the commits that it brings, the newest first."""
    found = hold_pull(held, number_in(request))
    rows = list(changes.list_commits(held.shown.repository, found.shown.pull, _COMMITS + 1))
    return page(
        request,
        "hub/pull/commits.html",
        **_frame(held, found, "commits"),
        commits=rows[:_COMMITS],
        more=len(rows) > _COMMITS,
    )


def show_files(request: Request, held: Held) -> Response:
    """Show what differs, with the threads at each file."""
    return _files(request, held, {})


def _files(request: Request, held: Held, form: Form, failure: TetherError | None = None) -> Response:
    found = hold_pull(held, number_in(request))
    base, head = _ends(found)
    threads = _threads(held, found.shown.pull.conversation.number, after_in(request))
    changed = changed_between(held.shown, base, head, request.query_params)
    there = {display(file.path) for file in changed.opened}
    others = [each for path, of_path in threads.items() if path not in there for each in of_path]
    numbers = [each.thread.row.number for of_path in threads.values() for each in of_path]
    return page(
        request,
        "hub/pull/files.html",
        200 if failure is None else failed(failure),
        **_frame(held, found, "files"),
        changed=changed,
        threads=threads,
        others=others,
        more=max(numbers) if len(numbers) == _THREADS else None,
        query=request.query_params,
        under="hub/pull/under.html",
        alone=f"{held.shown.base}/pulls/{found.shown.pull.conversation.number}/file?path=",
        form=form,
        failure=failure,
        preview=preview_of(held, form),
    )


def show_file(request: Request, held: Held) -> Response:
    """Show what differs in one file, alone, with its threads and the form for a note."""
    return _file(request, held, bytes_asked(request.scope, "path"), {})


def _file(
    request: Request, held: Held, path: bytes, form: Form, failure: TetherError | None = None
) -> Response:
    found = hold_pull(held, number_in(request))
    base, head = _ends(found)
    history = History.of(held.shown.repository)
    trees = None if base is None else history.commit(base).tree, history.commit(head).tree
    change = (
        next(iter(diff_trees(held.shown.repository.objects, *trees, paths=[path])), None) if path else None
    )
    if change is None or change.path != path:
        raise NotFound(f"nothing differs in {display(path) or 'a file without a name'}")
    pair = pair_of(Between.of(held.shown, base, head), change, request.query_params, alone=True)
    return page(
        request,
        "hub/pull/file.html",
        200 if failure is None else failed(failure),
        **_frame(held, found, "files"),
        kind=kind_of(change),
        pair=pair,
        difference=difference_of(pair),
        threads=_threads(held, found.shown.pull.conversation.number, 0),
        query=request.query_params,
        form=form,
        failure=failure,
        preview=preview_of(held, form),
    )


def send_note(request: Request, held: Held, form: Form) -> Response:
    """Write a note at a place of a file, or show how it will look."""
    path, number = unquote_to_bytes(form.get("path", "")), number_in(request)
    if "preview" in form:
        return _file(request, held, path, form)
    try:
        texts_of(form)
        wanted = note_in(form, path)
        with held.hub.database.session(reads_only=True) as session:
            pull = find_pull(session, held.row, number)
        [placed] = reviewing.placed(held.shown.repository, pull, _head(form), [wanted])
        with acting(held.hub, held.principal) as act:
            made = reviewing.note(act, held.row, number, placed)
    except TetherError as error:
        return _file(request, held, path, form, told(request, error))
    address = f"{held.shown.base}/pulls/{number}/file?path={quote(path, safe='/')}"
    return RedirectResponse(f"{address}#entry-{made}", 303)


def note_in(form: Form, path: bytes) -> reviewing.Note:
    """Return the note that a form has; the limits are those of programs.

    Raises:
        InvalidInput: It is none.
    """
    kind, side = form.get("kind", "file"), form.get("side", "head")
    anchor: dict[str, Any] = {"kind": kind, "side": side}
    if kind == "row":
        anchor["key"] = form.get("key", "")
    for name in _NUMBERS.get(kind, ()):
        anchor[name] = form.get(name, "").strip()
    if kind == "line" and not anchor["end"]:
        anchor["end"] = anchor["start"]
    suggestion = form.get("suggestion", "").replace("\r\n", "\n") if "suggest" in form else None
    values = {"path": display(path), "anchor": anchor, "body": form.get("body", ""), "suggestion": suggestion}
    try:
        return NoteBody.model_validate(values).note()
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        where = " ".join(str(part) for part in first["loc"]) or "the note"
        raise InvalidInput(f"{where}: {first['msg']}", hint="say where in the file it is") from None


def _head(form: Form) -> str:
    head = form.get("head", "")
    if len(head) != 64 or not head.isalnum():
        raise InvalidInput("no head is named", hint="send it again from the page")
    return parse_digest(head).hex()


def _ends(found: PullHeld) -> tuple[Digest | None, Digest]:
    """Return the commits whose difference it is."""
    pull = found.shown.pull
    return None if pull.base is None else parse_digest(pull.base), parse_digest(pull.head)


def _threads(held: Held, number: int, after: int) -> Mapping[str, list[ShownThread]]:
    """Return the threads by the path that they are about."""
    found: dict[str, list[ShownThread]] = defaultdict(list)
    with held.hub.database.session(reads_only=True) as session:
        pull = find_pull(session, held.row, number)
        threads = reviewing.list_threads(session, held.shown.repository, pull, after, _THREADS)
        said = [entry.body for thread in threads for entry in thread.entries]
        made = Texts(session, said, held.shown.base, held.shown.branch)
        for each in show_threads(held, threads, made).values():
            found[each.thread.row.path].append(each)
    return found


def _frame(held: Held, found: PullHeld, part: str) -> dict[str, Any]:
    """Return what every page of a pull request shows."""
    pull = found.shown.pull
    return {
        "held": held,
        "shown": held.shown,
        "tab": "pulls",
        "part": part,
        "found": found,
        "pull": pull,
        "talk": pull.conversation,
        "roles": Role,
        "text_of": display,
    }
