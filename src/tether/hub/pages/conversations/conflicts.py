"""Conflicts of a pull request decided on a page: each path as one side has it, gone, or as an own text."""

from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import quote_plus

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from tether.core.digest import Digest, parse_digest
from tether.core.textdiff import line_end, looks_binary
from tether.core.tree import EntryKind
from tether.core.treeread import find
from tether.errors import Conflict, InvalidInput, NotFound, TetherError
from tether.hub.access import Role
from tether.hub.branchrules import tree_path
from tether.hub.pages.conversations.composing import failed
from tether.hub.pages.conversations.held import Held, number_in
from tether.hub.pages.conversations.pull import PullHeld, hold_pull
from tether.hub.pages.conversations.sides import (
    LINES,
    OURS,
    STEPS,
    THEIRS,
    Line,
    compare,
    is_undecided,
    lines_in,
    uncompared,
)
from tether.hub.pages.forms import Form
from tether.hub.problems import told
from tether.hub.pulls import resolving
from tether.hub.pulls.resolving import CONTENT, TAKES, Choice
from tether.hub.pulls.trials import SHOWN as NAMED
from tether.hub.pulls.trials import Trial
from tether.pages.differences.pair import Side
from tether.pages.rendering import page
from tether.pages.viewers.image import SHOWN as PICTURES
from tether.repo.history import History

LISTED = 40
"""Conflicts that a page lets people decide one by one; the others are decided together."""
_TEXT = 64 * 1024
_ROOM = 1024 * 1024
_SENT = 512 * 1024
"""Bytes of own texts, as a form sends them, that a page begins: a hub takes bodies of a megabyte."""
_REST = TAKES[:3]


@dataclass(frozen=True, slots=True)
class Version:
    """What one side has at a path; `text` is None where it is shown as a picture or by its size.

    Attributes:
        lines: The text as it is shown: what differs, with a few lines around.
    """

    title: str
    side: Side | None
    text: str | None = None
    picture: bool = False
    lines: list[Line] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Decision:
    """A path to be decided, its versions, and what the form said before.

    Attributes:
        own: An own text as it begins, or as the form had it; None where none can be written.
        merged: Whether an own text begins with what both sides changed.
    """

    number: int
    path: str
    reason: str
    versions: list[Version]
    take: str
    own: str | None
    merged: bool


def show(request: Request, held: Held) -> Response:
    """Show the conflicts side by side."""
    return _page(request, held, {})


def send(request: Request, held: Held, form: Form) -> Response:
    """Merge the target into the branch with what was decided, or show what was wrong."""
    number = number_in(request)
    try:
        found = hold_pull(held, number)
        choices = _choices(held, found, form)
        wanted = resolving.WantedJoin(form.get("head", ""), form.get("target", ""), choices)
        resolved = resolving.resolve(held.hub, held.principal, held.row, number, wanted)
        if resolved.commit is None:
            raise Conflict(f"{resolved.left[0]} is still to be decided", hint="decide all of them")
    except TetherError as error:
        return _page(request, held, form, told(request, error))
    return RedirectResponse(f"{held.shown.base}/pulls/{number}", 303)


def _page(request: Request, held: Held, form: Form, failure: TetherError | None = None) -> Response:
    found = hold_pull(held, number_in(request))
    if not found.conflicts and failure is None:
        return RedirectResponse(f"{held.shown.base}/pulls/{number_in(request)}", 303)
    trial, pull = found.trial, found.shown.pull
    conflicts = [] if trial is None else list(trial.conflicts)
    return page(
        request,
        "hub/pull/conflicts.html",
        200 if failure is None else failed(failure),
        held=held,
        shown=held.shown,
        tab="pulls",
        part="conflicts",
        found=found,
        pull=pull,
        talk=pull.conversation,
        roles=Role,
        decisions=[] if trial is None else _decisions(held, trial, form),
        rest=max(len(conflicts) - LISTED, 0),
        unnamed=0 if trial is None else trial.total - len(conflicts),
        form=form,
        failure=failure,
    )


def _decisions(held: Held, trial: Trial, form: Form) -> list[Decision]:
    room, left, sent, found = _ROOM, LINES, _SENT, list[Decision]()
    listed = trial.conflicts[:LISTED]
    for at, conflict in enumerate(listed):
        versions = _versions(held, trial, conflict, room)
        ours, base, theirs = (each.text for each in versions)
        room -= sum(len(each.text or "") for each in versions)
        if (lines := lines_in(ours, base, theirs)) <= left:
            left -= lines
            compared = compare(ours, base, theirs, STEPS // (2 * len(listed)))
        else:
            compared = uncompared(ours, base, theirs)
        shown = (compared.ours, compared.base, compared.theirs)
        versions = [replace(each, lines=near) for each, near in zip(versions, shown, strict=True)]
        take = form.get(f"take-{at}", "") if form.get(f"path-{at}") == conflict["path"] else ""
        begun = _begun(versions, compared.merged)
        size = len(quote_plus(begun or "", errors="surrogatepass"))
        begun, sent = (begun, sent - size) if size <= sent else (None, sent)
        own = None if begun is None else form.get(f"text-{at}", begun)
        merged = bool(begun) and begun == compared.merged
        found.append(Decision(at, conflict["path"], conflict["reason"], versions, take, own, merged))
    return found


def _begun(versions: list[Version], merged: str | None) -> str | None:
    """Return the text with which an own one begins; None where a side has something other than a text.

    None as well where lines end in several ways. It has what both sides changed, or is that of the only side
    that has one, or empty: a text of one side would drop in silence what the other one changed.
    """
    ours, base, theirs = versions
    if _end_of(versions) is None:
        return None
    if ours.text is None or theirs.text is None:
        return ours.text if ours.text is not None else theirs.text
    return merged if merged is not None and (base.side is None or base.text is not None) else ""


def _end_of(versions: list[Version]) -> str | None:
    """Return how the lines of an own text end; None where none can be written, as `_begun` says.

    Fields of forms do not keep the ends of lines, so the sides have to agree in one.
    """
    there = [each for each in (versions[0], versions[2]) if each.side is not None]
    texts = [each.text for each in there if each.text is not None]
    return line_end(*texts) if there and len(texts) == len(there) else None


def _versions(held: Held, trial: Trial, conflict: dict[str, Any], room: int) -> list[Version]:
    sides = (
        (OURS, trial.head, "head"),
        ("Before", trial.base, "base"),
        (THEIRS, trial.target, "target"),
    )
    return [
        _version(held, title, commit if conflict[key] is not None else None, conflict["path"], room)
        for title, commit, key in sides
    ]


def _version(held: Held, title: str, commit: str | None, path: str, room: int) -> Version:
    """Return what a side has; of a path that cannot be written as text nothing can be read here."""
    if commit is None:
        return Version(title, None)
    try:
        place, at = tree_path(path), parse_digest(commit)
        side = _side(held, at, place)
    except TetherError:
        return Version(title, None)
    if side.entry.kind > EntryKind.EXECUTABLE:
        return Version(title, side)
    if side.type.kind in PICTURES:
        return Version(title, side, picture=True)
    if side.entry.size > min(_TEXT, room):
        return Version(title, side)
    data = side.read(_TEXT)
    try:
        return Version(title, side, None if looks_binary(data) else data.decode())
    except UnicodeDecodeError:
        return Version(title, side)


def _side(held: Held, commit: Digest, path: bytes) -> Side:
    repository = held.shown.repository
    entry = find(repository.objects, History.of(repository).commit(commit).tree, path)
    if entry is None:
        raise NotFound("nothing at the path")
    return Side(held.shown, commit, path, entry)


def _choices(held: Held, found: PullHeld, form: Form) -> dict[str, Choice]:
    """Return what was decided: each path that the page showed, and the others together.

    Raises:
        InvalidInput: A field is none of the page, or there are more conflicts than a page can name.
    """
    choices, conflicts = dict[str, Choice](), () if found.trial is None else found.trial.conflicts
    if found.trial is not None and found.trial.total > NAMED:
        raise InvalidInput(f"there are more than {NAMED} conflicts", hint="resolve them in a clone")
    for at in range(LISTED):
        path, take = form.get(f"path-{at}"), form.get(f"take-{at}", "")
        if not path or not take:
            continue
        if take not in TAKES:
            raise InvalidInput(f"{path}: no such choice", hint="choose a side, or write a text")
        content = _own(held, found.trial, path, form.get(f"text-{at}", "")) if take == CONTENT else b""
        choices[path] = Choice(take, content)
    rest = form.get("rest", "")
    if rest and rest not in _REST:
        raise InvalidInput("no such choice for the others", hint="choose a side")
    if rest:
        for conflict in conflicts[LISTED:]:
            choices.setdefault(conflict["path"], Choice(rest))
    return choices


def _own(held: Held, trial: Trial | None, path: str, sent: str) -> bytes:
    """Return an own text as it was sent, with the ends of lines that the sides have.

    Raises:
        InvalidInput: It is still to be decided, or none can be written for the path.
    """
    # What is no conflict any more is told by the merge itself, which compares what the page was of.
    conflict = next((each for each in (trial.conflicts if trial else ()) if each["path"] == path), None)
    versions = [] if trial is None or conflict is None else _versions(held, trial, conflict, _TEXT)
    end = _end_of(versions) if versions else "\n"
    if end is None:
        raise InvalidInput(f"{path}: no text can be written here", hint="choose a side, or use a clone")
    text = sent.replace("\r\n", "\n")
    if is_undecided(text, *(each.text or "" for each in versions)):
        raise InvalidInput(
            f"{path}: lines of the text are still to be decided",
            hint="take the lines <<<<<<<, ======= and >>>>>>> out of it, or use a clone if they belong there",
        )
    return text.replace("\n", end).encode("utf-8", "surrogatepass")
