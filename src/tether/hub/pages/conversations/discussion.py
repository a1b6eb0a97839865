"""Pages of discussions: begun, read, answered."""

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from tether.core.digest import parse_digest
from tether.errors import InvalidInput, TetherError
from tether.hub.access import Role
from tether.hub.acting import acting
from tether.hub.branchrules import tree_path
from tether.hub.conversations import talking
from tether.hub.conversations.finding import DISCUSSION, find
from tether.hub.database.conversations import Subscription
from tether.hub.database.rights import PATH
from tether.hub.pages.conversations.composing import failed, preview_of, texts_of
from tether.hub.pages.conversations.held import Held, after_in, number_in
from tether.hub.pages.conversations.timeline import timeline
from tether.hub.pages.forms import Form
from tether.hub.problems import told
from tether.pages.addresses import link
from tether.pages.rendering import page
from tether.repo.history import History


def show(request: Request, held: Held) -> Response:
    """Show a discussion."""
    return show_with(request, held, {})


def show_with(request: Request, held: Held, form: Form, failure: TetherError | None = None) -> Response:
    """Show a discussion with what somebody was about to say, and what was wrong with it."""
    with held.hub.database.session(reads_only=True) as session:
        talk = find(session, held.row, number_in(request), DISCUSSION)
        held.see(session, talk.id)
        user = held.principal.user
        own = None if user is None else session.get(Subscription, (talk.id, user.id))
        return page(
            request,
            "hub/talk/talk.html",
            200 if failure is None else failed(failure),
            held=held,
            shown=held.shown,
            tab="discussions",
            talk=talk,
            timeline=timeline(held, session, talk, after_in(request), None),
            about=about_of(held, talk.path, talk.commit_id),
            told=own is not None and not own.muted,
            form=form,
            failure=failure,
            preview=preview_of(held, form),
            roles=Role,
        )


def show_new(request: Request, held: Held) -> Response:
    """Ask for what a discussion is to say; the address may name a path or a commit."""
    return _new(request, held, {name: request.query_params.get(name, "") for name in ("path", "commit")})


def send(request: Request, held: Held, form: Form) -> Response:
    """Begin a discussion, or show how what was written will look."""
    if "preview" in form:
        return _new(request, held, form)
    path, commit = form.get("path") or None, form.get("commit") or None
    try:
        texts_of(form)
        if path is not None:
            _place(path)
        if commit is not None:
            History.of(held.shown.repository).commit(parse_digest(commit))
        wanted = talking.Wanted(form.get("title", ""), form.get("body", ""), path=path, commit=commit)
        with acting(held.hub, held.principal) as act:
            number = talking.discuss(act, held.row, wanted).number
    except TetherError as error:
        return _new(request, held, form, told(request, error))
    return RedirectResponse(f"{held.shown.base}/discussions/{number}", 303)


def _new(request: Request, held: Held, form: Form, failure: TetherError | None = None) -> Response:
    return page(
        request,
        "hub/talk/new.html",
        200 if failure is None else failed(failure),
        held=held,
        shown=held.shown,
        tab="discussions",
        form=form,
        failure=failure,
        preview=preview_of(held, form),
    )


def about_of(held: Held, path: str | None, commit: str | None) -> tuple[str, str] | None:
    """Return what a discussion is about, and its address.

    Raises:
        InvalidInput: It cannot be a path.
    """
    if path is not None:
        return path, link(held.shown.base, "file", commit or held.shown.branch, _place(path))
    if commit is not None:
        return f"commit {commit[:10]}", f"{held.shown.base}/commit/{commit}"
    return None


def can_be_about(path: str) -> bool:
    """Whether a discussion can be about a path; a database cannot even be asked for some others."""
    try:
        _place(path)
    except InvalidInput:
        return False
    return True


def _place(path: str) -> bytes:
    """Return the path that a discussion is about.

    Raises:
        InvalidInput: It cannot be about that.
    """
    if len(path) > PATH:
        raise InvalidInput(f"a discussion is about a path of at most {PATH} characters")
    return tree_path(path)
