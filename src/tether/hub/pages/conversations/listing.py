"""The lists of pull requests and discussions: by state, author and words, a page at a time."""

from collections.abc import Sequence
from typing import NamedTuple
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import Response

from tether.errors import InvalidInput
from tether.hub.conversations import finding
from tether.hub.conversations.finding import CLOSED, DISCUSSION, MERGED, OPEN, PULL
from tether.hub.database.conversations import Conversation
from tether.hub.pages.conversations.discussion import about_of, can_be_about
from tether.hub.pages.conversations.held import Held, after_in
from tether.hub.pulls import opening
from tether.pages.addresses import bytes_asked
from tether.pages.rendering import page
from tether.pages.words import is_id

_PAGE = 50
_LONGEST = {"state": 200, "author": 200, "words": 200, "commit": 64}
"""Characters of what is asked for; what is longer is cut, and finds nothing. A path is taken as it is."""
_STATES = {PULL: (OPEN, MERGED, CLOSED, "all"), DISCUSSION: (OPEN, CLOSED, "all")}


class Asked(NamedTuple):
    """What a list is of; empty texts ask for nothing.

    Attributes:
        path: Bytes of it that are not UTF-8 are lone surrogates, and nothing is about it.
    """

    state: str
    author: str
    words: str
    path: str
    commit: str

    @classmethod
    def of(cls, request: Request, kind: str) -> "Asked":
        """Return what the address asks for."""
        query = request.query_params
        values = {name: query.get(name, "").strip()[:most] for name, most in _LONGEST.items()}
        if values["state"] not in _STATES[kind]:
            values["state"] = OPEN
        values["path"] = bytes_asked(request.scope, "path").decode("utf-8", "surrogateescape")
        return cls(**values)

    def query(self, **other: str) -> str:
        """Return the query of the same list with something else."""
        asked = {key: value for key, value in {**self._asdict(), **other}.items() if value}
        return "?" + urlencode(asked, errors="surrogateescape")

    @property
    def about(self) -> str:
        """The query of the form for one more discussion about the same."""
        about = {"path": self.path if can_be_about(self.path) else "", "commit": self.commit}
        found = urlencode({name: value for name, value in about.items() if value})
        return found and f"?{found}"

    @property
    def filters(self) -> bool:
        """Whether it leaves out more than those of other states."""
        return any(self[1:])


def show_pulls(request: Request, held: Held) -> Response:
    """List pull requests, the newest first."""
    asked, before = Asked.of(request, PULL), after_in(request, "before") or None
    state, author = None if asked.state == "all" else asked.state, asked.author or None
    wanted = opening.AskedPulls(state=state, author=author, before=before, words=asked.words)
    with held.hub.database.session(reads_only=True) as session:
        rows = opening.list_pulls(session, held.row, wanted, _PAGE + 1)
        shown = opening.shown(session, held.row, rows[:_PAGE])
    return page(
        request,
        "hub/pull/list.html",
        held=held,
        shown=held.shown,
        tab="pulls",
        asked=asked,
        states=_STATES[PULL],
        rows=shown,
        next=asked.query(before=str(shown[-1].pull.conversation.number)) if len(rows) > _PAGE else None,
    )


def show_discussions(request: Request, held: Held) -> Response:
    """List discussions, the newest first."""
    asked, before = Asked.of(request, DISCUSSION), after_in(request, "before") or None
    wanted = finding.Asked(
        DISCUSSION,
        None if asked.state == "all" else asked.state,
        asked.author or None,
        path=asked.path or None,
        commit=asked.commit or None,
        before=before,
        words=asked.words,
    )
    with held.hub.database.session(reads_only=True) as session:
        rows: Sequence[Conversation] = []
        if not asked.path or can_be_about(asked.path):
            rows = finding.list_conversations(session, held.row, wanted, _PAGE + 1)
    return page(
        request,
        "hub/talk/list.html",
        held=held,
        shown=held.shown,
        tab="discussions",
        asked=asked,
        states=_STATES[DISCUSSION],
        rows=rows[:_PAGE],
        about=_about(held, asked),
        next=asked.query(before=str(rows[_PAGE - 1].number)) if len(rows) > _PAGE else None,
    )


def _about(held: Held, asked: Asked) -> tuple[str, str] | None:
    """Return what the list is about, and its address; None where it is about everything or cannot be."""
    if asked.commit and not is_id(asked.commit):
        return None
    try:
        return about_of(held, asked.path or None, asked.commit or None)
    except InvalidInput:
        return None
