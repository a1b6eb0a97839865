"""The page of a new pull request: the branches first, then what it would bring, then what to say."""

from contextlib import ExitStack
from itertools import islice
from typing import Any

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from tether.core.digest import Digest
from tether.core.names import BRANCHES, short_ref
from tether.errors import InvalidInput, NotFound, TetherError
from tether.hub.access import Role, require
from tether.hub.database.models import RepositoryRow
from tether.hub.pages.conversations.composing import failed, preview_of, texts_of
from tether.hub.pages.conversations.held import Held
from tether.hub.pages.forms import Form
from tether.hub.problems import told
from tether.hub.pulls import opening
from tether.hub.pulls.heads import base_of, opened, tip
from tether.hub.repositories import find
from tether.pages.differences.changed import changed_between
from tether.pages.rendering import page
from tether.pages.revisions import MOST_REFS
from tether.pages.shelf import shelf_of
from tether.repo.history import History
from tether.repo.logwalk import LogFilter, LogRange, read_log

_COMMITS = 50


def show(request: Request, held: Held) -> Response:
    """Let people choose the branches; with both in the query show what the one would bring to the other."""
    names = ("source", "target", "repository")
    return _page(request, held, {name: request.query_params.get(name, "").strip() for name in names})


def send(request: Request, held: Held, form: Form) -> Response:
    """Open the pull request, or show how what was written will look."""
    if "preview" in form:
        return _page(request, held, form)
    wanted = opening.WantedPull(
        title=form.get("title", ""),
        source=form.get("source", ""),
        body=form.get("body", ""),
        repository=form.get("repository") or None,
        target=form.get("target") or None,
        draft="draft" in form,
        reviewers=form.get("reviewers", "").replace(",", " ").split(),
    )
    try:
        texts_of(form)
        number = opening.open_pull(held.hub, held.principal, held.row, wanted)
    except TetherError as error:
        return _page(request, held, form, told(request, error))
    return RedirectResponse(f"{held.shown.base}/pulls/{number}", 303)


def _page(request: Request, held: Held, form: Form, failure: TetherError | None = None) -> Response:
    chosen: dict[str, Any] = {"commits": (), "changed": None, "more": False}
    with ExitStack() as stack:
        if form.get("source"):
            try:
                chosen |= _brought(request, held, form, stack)
            except TetherError as error:
                failure = failure or told(request, error)
        return page(
            request,
            "hub/pull/new.html",
            200 if failure is None else failed(failure),
            held=held,
            shown=held.shown,
            tab="pulls",
            form=form,
            failure=failure,
            preview=preview_of(held, form),
            branches=_branches(held),
            query=request.query_params,
            **chosen,
        )


def _branches(held: Held) -> list[str]:
    refs = sorted(held.shown.repository.root().refs)
    return [short_ref(ref) for ref in refs if ref.startswith(BRANCHES)][:MOST_REFS]


def _brought(request: Request, held: Held, form: Form, stack: ExitStack) -> dict[str, Any]:
    """Return the commits that it would bring, and what differs; a fork is open as long as the stack is."""
    source, into = _source(held, form.get("repository", "")), form.get("target") or held.shown.branch
    with opened(held.hub, held.row, source) as (target, other):
        head, there = tip(other, form["source"]), tip(target, into)
        if head is None or there is None:
            raise NotFound(f"no branch {form['source'] if head is None else into}", hint="choose another one")
        base = base_of(target, other, there, head)
        if base == head:
            raise InvalidInput(f"{into} has all of {form['source']} already", hint="choose another one")
        excludes: list[Digest] = [] if base is None else [base]
        history = History.of(other)
        log = read_log(history, other.objects, LogRange([head], excludes), LogFilter())
        commits = list(islice(log, _COMMITS + 1))
    shown = held.shown
    if source.id != held.row.id:
        shown = stack.enter_context(shelf_of(request).open(*source.full_name.split("/")))
    changed = changed_between(shown, base, head, request.query_params)
    return {"commits": commits[:_COMMITS], "more": len(commits) > _COMMITS, "changed": changed}


def _source(held: Held, address: str) -> RepositoryRow:
    """Return the repository that has the branch: who opens it must be able to write in a fork."""
    owner, _, name = address.partition("/")
    with held.hub.database.session(reads_only=True) as session:
        found = find(session, owner, name) if address else held.row
        if found is not None and found.id == held.row.id:
            return held.row
        return require(session, held.principal, found, Role.WRITE, address)
