"""What people do in a conversation with the forms of its page; each is a service by the name of a button."""

from collections.abc import Callable, Mapping
from typing import TypeAlias

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from tether.errors import Conflict, InvalidInput, TetherError
from tether.hub.access import require_user
from tether.hub.acting import acting
from tether.hub.conversations import finding, people, talking
from tether.hub.conversations.finding import CLOSED, OPEN, PULL
from tether.hub.pages.conversations import discussion, pull
from tether.hub.pages.conversations.composing import texts_of
from tether.hub.pages.conversations.held import Held, number_in
from tether.hub.pages.conversations.timeline import place_of
from tether.hub.pages.forms import Form
from tether.hub.problems import told
from tether.hub.pulls import merging, opening, reviewing, suggesting
from tether.hub.pulls.reviewing import WantedReview

Act: TypeAlias = Callable[[Held, int, Form], str]
"""Does it, and returns the part of the page to look at then."""
_LABELS = 20


def _comment(held: Held, number: int, form: Form) -> str:
    thread = _number(form, "thread") if form.get("thread") else None
    with acting(held.hub, held.principal) as act:
        made = talking.comment(act, held.row, number, form.get("body", ""), thread)
    return place_of(made, thread)


def _edit(held: Held, number: int, form: Form) -> str:
    entry = _number(form, "entry")
    with acting(held.hub, held.principal) as act:
        talking.edit_entry(act, held.row, number, entry, form.get("body", ""))
    return place_of(entry)


def _delete(held: Held, number: int, form: Form) -> str:
    entry = _number(form, "entry")
    with acting(held.hub, held.principal) as act:
        talking.delete_entry(act, held.row, number, entry)
    return place_of(entry)


def _tell(held: Held, number: int, form: Form) -> str:
    with acting(held.hub, held.principal) as act:
        user = require_user(act.actor)
        conversation = finding.find(act.session, held.row, number)
        people.set_subscription(act, conversation, user, told=form.get("told") == "1")
    return ""


def _change(held: Held, number: int, wanted: opening.PullChanges) -> str:
    """Change a pull request or a discussion."""
    with held.hub.database.session(reads_only=True) as session:
        kind = finding.find(session, held.row, number).kind
    if kind == PULL:
        opening.change_pull(held.hub, held.principal, held.row, number, wanted)
        return ""
    with acting(held.hub, held.principal) as act:
        told = talking.Changes(wanted.title, wanted.body, wanted.labels, wanted.state)
        talking.change(act, held.row, number, told)
    return ""


def _close(held: Held, number: int, form: Form) -> str:
    if form.get("body", "").strip():
        _comment(held, number, {"body": form["body"]})
    return _change(held, number, opening.PullChanges(state=CLOSED))


def _reopen(held: Held, number: int, form: Form) -> str:
    if form.get("body", "").strip():
        _comment(held, number, {"body": form["body"]})
    return _change(held, number, opening.PullChanges(state=OPEN))


def _rewrite(held: Held, number: int, form: Form) -> str:
    return _change(held, number, opening.PullChanges(title=form.get("title"), body=form.get("text")))


def _label(held: Held, number: int, form: Form) -> str:
    labels = [each.strip() for each in form.get("labels", "").split(",") if each.strip()]
    if len(labels) > _LABELS or any(len(each) > 50 or not each.isprintable() for each in labels):
        raise InvalidInput(f"{_LABELS} labels of 50 characters at most", hint="separate them by commas")
    return _change(held, number, opening.PullChanges(labels=labels))


def _ask(held: Held, number: int, form: Form) -> str:
    names = form.get("reviewers", "").replace(",", " ").split()
    return _change(held, number, opening.PullChanges(reviewers=names))


def _ready(held: Held, number: int, form: Form) -> str:
    return _change(held, number, opening.PullChanges(draft=form.get("draft") == "1"))


def _merge(held: Held, number: int, form: Form) -> str:
    try:
        method = merging.Method(form.get("method", "merge"))
    except ValueError:
        raise InvalidInput("no such way to merge", hint="choose one of the three") from None
    message = form.get("message", "").strip() or None
    wanted = merging.WantedMerge(form.get("head", ""), method, message, "delete_branch" in form)
    merged = merging.merge(held.hub, held.principal, held.row, number, wanted)
    if merged.commit is None and merged.lacks:
        raise Conflict("; ".join(each.message for each in merged.lacks), hint="see to that first")
    if merged.commit is None:
        raise Conflict("both sides changed the same", hint="resolve the conflicts first")
    return ""


def _review(held: Held, number: int, form: Form) -> str:
    verdict = form.get("verdict", "comment")
    if verdict not in reviewing.VERDICTS:
        raise InvalidInput("no such verdict", hint="approve, ask for changes, or comment")
    with acting(held.hub, held.principal) as act:
        wanted = WantedReview(verdict, form.get("head", ""), form.get("body", ""))
        made = reviewing.review(act, held.row, number, wanted, ())
    return place_of(made)


def _dismiss(held: Held, number: int, form: Form) -> str:
    reason = form.get("reason", "").strip()
    if not 0 < len(reason) <= 1000:
        raise InvalidInput("no reason is given", hint="say in short why it does not count")
    with acting(held.hub, held.principal) as act:
        reviewing.dismiss(act, held.row, number, _number(form, "entry"), reason)
    return ""


def _settle(held: Held, number: int, form: Form) -> str:
    thread = _number(form, "thread")
    with acting(held.hub, held.principal) as act:
        reviewing.set_resolved(act, held.row, number, thread, resolved=form.get("resolved") == "1")
    return place_of(thread)


def _apply(held: Held, number: int, form: Form) -> str:
    thread = _number(form, "thread")
    wanted = suggesting.WantedSuggestions(form.get("head", ""), [thread])
    suggesting.apply_suggestions(held.hub, held.principal, held.row, number, wanted)
    return place_of(thread)


OF_ALL: Mapping[str, Act] = {
    "comment": _comment,
    "edit": _edit,
    "delete": _delete,
    "tell": _tell,
    "close": _close,
    "reopen": _reopen,
    "rewrite": _rewrite,
    "label": _label,
}
OF_PULLS: Mapping[str, Act] = {
    **OF_ALL,
    "ask": _ask,
    "ready": _ready,
    "merge": _merge,
    "review": _review,
    "dismiss": _dismiss,
    "settle": _settle,
    "apply": _apply,
}


def in_pull(request: Request, held: Held, form: Form) -> Response:
    """Do what a button of the page of a pull request says, or show the page with what was wrong."""
    return _done(request, held, form, OF_PULLS, "pulls")


def in_discussion(request: Request, held: Held, form: Form) -> Response:
    """Do what a button of the page of a discussion says, as above."""
    return _done(request, held, form, OF_ALL, "discussions")


def _done(request: Request, held: Held, form: Form, acts: Mapping[str, Act], word: str) -> Response:
    again = pull.show_with if word == "pulls" else discussion.show_with
    number = number_in(request)
    with held.hub.database.session(reads_only=True) as session:
        finding.find(session, held.row, number, PULL if word == "pulls" else finding.DISCUSSION)
    if "preview" in form:
        return again(request, held, form)
    act = acts.get(form.get("do", ""))
    try:
        if act is None:
            raise InvalidInput("no such button", hint="send it again from the page")
        texts_of(form)
        place = act(held, number, form)
    except TetherError as error:
        return again(request, held, form, told(request, error))
    return RedirectResponse(f"{held.shown.base}/{word}/{number}{place}", 303)


def _number(form: Form, name: str) -> int:
    text = form.get(name, "")
    if not (text.isascii() and text.isdecimal() and len(text) < 10):
        raise InvalidInput(f"no number of a {name}", hint="send it again from the page")
    return int(text)
