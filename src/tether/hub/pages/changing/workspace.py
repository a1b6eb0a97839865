"""Workspaces on pages: what is staged, by counts and by name; committed, changed and discarded."""

from collections import Counter
from dataclasses import dataclass
from itertools import islice

from starlette.responses import RedirectResponse, Response

from tether.core.identity import Person
from tether.core.names import BRANCHES
from tether.core.treediff import TreeChange
from tether.core.treemerge import MergeConflict
from tether.errors import Conflict, TetherError
from tether.hub import committing, workspaces
from tether.hub.acting import acting
from tether.hub.atonce import require_message, why_refused
from tether.hub.pages.changing.aim import aim_of, new_branch_in, page_after
from tether.hub.pages.changing.asked import Asked
from tether.hub.pages.forms import Form
from tether.hub.problems import status_of, told
from tether.hub.routes.workspace_documents import WorkspaceDocument
from tether.hub.staging import MOST, Staging
from tether.pages.addresses import bytes_asked
from tether.pages.rendering import page

PAGE = 100
"""Changes on a page."""
_FOLDERS = 30
_CONFLICTS = 50


@dataclass(frozen=True, slots=True)
class FolderCount:
    """What is staged in one folder, without those below it."""

    path: bytes
    added: int
    changed: int
    removed: int
    size: int

    @property
    def files(self) -> int:
        """How many differ."""
        return self.added + self.changed + self.removed


@dataclass(frozen=True, slots=True)
class Staged:
    """How a workspace differs from its base.

    Attributes:
        counts: Paths by `added`, `changed` and `removed`.
        size: Bytes of what was added and changed.
        folders: By folder, those with most changes first; at most 30.
        hidden: Further folders.
        rows: Those of this page: what happened, the path, and the size.
        after: The path behind which the next page begins; None where this is the last.
        partial: More differs than is counted.
    """

    counts: Counter[str]
    size: int
    folders: list[FolderCount]
    hidden: int
    rows: list[tuple[str, bytes, int]]
    after: bytes | None
    partial: bool


def list_all(asked: Asked) -> Response:
    """List the workspaces that one is in."""
    with asked.asking.hub.database.session(reads_only=True) as session:
        rows = workspaces.list_visible(session, asked.asking)
        shown = [WorkspaceDocument.of(row, [], workspaces.expiry(asked.asking.hub, row)) for row in rows]
    shown.sort(key=lambda row: (row.commit is not None, -row.changed))
    return page(asked.request, "hub/changing/workspaces.html", shown=asked.shown, tab="files", rows=shown)


def show(asked: Asked) -> Response:
    """Show one workspace."""
    return answer(asked, bytes_asked(asked.request.scope, "into").decode("utf-8", "replace"))


def commit(asked: Asked, form: Form) -> Response:
    """Commit it to its branch or to a new one."""
    staging, message = staging_of(asked), form.get("message", "")
    try:
        require_message(message)
        author = Person(asked.asking.principal.name, "")
        outcome = committing.commit(staging, message, author, new_branch_in(form))
    except TetherError as error:
        return answer(asked, form.get("into", ""), told(asked.request, error), form)
    if outcome.commit is None:
        return answer(asked, form.get("into", ""), None, form)
    base = asked.shown.base
    into = _document(asked).branch
    if form.get("branch") == into:  # the workspace was begun for a branch that was not there
        into = asked.shown.branch
    return RedirectResponse(page_after(form, base, into, f"{base}/commit/{outcome.commit.hex()}"), 303)


def drop(asked: Asked, form: Form) -> Response:
    """Let one path be as it was."""
    try:
        staging_of(asked).unstage(form.get("path", ""))
    except TetherError as error:
        return answer(asked, form.get("into", ""), told(asked.request, error))
    return RedirectResponse(address_of(asked), 303)


def discard(asked: Asked, _: Form) -> Response:
    """Give it up with all that is staged."""
    hub, principal, row = asked.asking
    with acting(hub, principal) as act:
        found = workspaces.find(act.session, asked.asking, asked.request.path_params["workspace"], own=True)
        workspaces.discard(act, row, found)
    return RedirectResponse(f"{asked.shown.base}/workspaces", 303)


def staging_of(asked: Asked) -> Staging:
    """Return what works in the workspace of the address."""
    return Staging(*asked.asking, asked.request.path_params["workspace"])


def address_of(asked: Asked) -> str:
    """Return the address of the page of the workspace, which was found already."""
    return f"{asked.shown.base}/workspaces/{asked.request.path_params['workspace']}"


def answer(asked: Asked, into: str, failure: TetherError | None = None, form: Form | None = None) -> Response:
    """Return the page of a workspace.

    Args:
        asked: The address.
        into: The folder to which files go that are uploaded next.
        failure: Why what was wanted could not be done.
        form: What was typed.

    Raises:
        Unauthenticated, NotFound: There is none for who asks.
    """
    found, refs = _document(asked), asked.shown.repository.root().refs
    is_open, is_there = found.commit is None, BRANCHES + found.branch in refs
    refusal = why_refused(asked.asking, found.branch, b"") if is_open and asked.shown.may_write else None
    staged: Staged | None = None
    conflicts: tuple[MergeConflict, ...] = ()
    try:
        staged = _staged(asked) if is_open else None
        conflicts = committing.conflicts_of(staging_of(asked)) if is_open and is_there else ()
    except Conflict as error:  # the base is gone: it can still be discarded
        failure = failure or told(asked.request, error)
    status = 409 if form is not None and conflicts else 200
    return page(
        asked.request,
        "hub/changing/workspace.html",
        status if failure is None else status_of(failure),
        shown=asked.shown,
        tab="files",
        workspace=found,
        address=address_of(asked),
        open=is_open and asked.shown.may_write,
        staged=staged,
        conflicts=conflicts[:_CONFLICTS],
        more_conflicts=max(len(conflicts) - _CONFLICTS, 0),
        makes=not is_there and bool(refs),
        failure=failure,
        into=into,
        message=(form or {}).get("message", ""),
        limit=asked.asking.hub.settings.max_body,
        most=MOST,
        aim=aim_of(found.branch, refusal, form or {}, asked.asking.principal.name, refs),
    )


def _document(asked: Asked) -> WorkspaceDocument:
    hub = asked.asking.hub
    with hub.database.session(reads_only=True) as session:
        row = workspaces.find(session, asked.asking, asked.request.path_params["workspace"])
        return WorkspaceDocument.of(row, workspaces.members(session, row), workspaces.expiry(hub, row))


def _staged(asked: Asked) -> Staged:
    """Count what is staged; a workspace holds few enough to look at all."""
    after = bytes_asked(asked.request.scope, "after")
    changes = staging_of(asked).changes("", MOST + 1)
    partial = len(changes) > MOST  # a folder that goes counts as one change, and may hold more
    del changes[MOST:]
    folders: dict[bytes, Counter[str]] = {}
    for change in changes:
        count = folders.setdefault(change.path.rpartition(b"/")[0], Counter())
        count[_word(change)] += 1
        count["size"] += change.new.size if change.new is not None else 0
    shown = [
        FolderCount(path, each["added"], each["changed"], each["removed"], each["size"])
        for path, each in folders.items()
    ]
    shown.sort(key=lambda each: (-each.files, each.path))
    start = after.split(b"/")
    rest = (change for change in changes if not after or change.path.split(b"/") > start)
    rows = list(islice(rest, PAGE + 1))
    return Staged(
        Counter(map(_word, changes)),
        sum(each.size for each in shown),
        shown[:_FOLDERS],
        max(len(shown) - _FOLDERS, 0),
        [(_word(each), each.path, (each.new or each.old).size) for each in rows[:PAGE]],  # type: ignore[union-attr]
        rows[PAGE - 1].path if len(rows) > PAGE else None,
        partial,
    )


def _word(change: TreeChange) -> str:
    return "added" if change.old is None else "removed" if change.new is None else "changed"
