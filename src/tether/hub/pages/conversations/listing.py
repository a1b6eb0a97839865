"""The lists of pull requests and discussions: by state, author and words, a page at a time."""

from collections.abc import Sequence
from typing import NamedTuple
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import Response

from tether.hub.conversations import finding
from tether.hub.conversations.finding import CLOSED, DISCUSSION, MERGED, OPEN, PULL
from tether.hub.database.conversations import Conversation
from tether.hub.pages.conversations.held import Held, after_in
from tether.hub.pulls import opening
from tether.pages.rendering import page

_PAGE = 50
_LONGEST = 200
_STATES = {PULL: (OPEN, MERGED, CLOSED, "all"), DISCUSSION: (OPEN, CLOSED, "all")}


class Asked(NamedTuple):
    """What a list is of; empty texts ask for nothing."""

    state: str
    author: str
    words: str
    path: str
    commit: str

    @classmethod
    def of(cls, request: Request, kind: str) -> "Asked":
        """Return what the address asks for."""
        values = {name: request.query_params.get(name, "").strip()[:_LONGEST] for name in cls._fields}
        if values["state"] not in _STATES[kind]:
            values["state"] = OPEN
        return cls(**values)

    def query(self, **other: str) -> str:
        """Return the query of the same list with something else."""
        return "?" + urlencode({key: value for key, value in {**self._asdict(), **other}.items() if value})

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
        rows: Sequence[Conversation] = finding.list_conversations(session, held.row, wanted, _PAGE + 1)
    return page(
        request,
        "hub/talk/list.html",
        held=held,
        shown=held.shown,
        tab="discussions",
        asked=asked,
        states=_STATES[DISCUSSION],
        rows=rows[:_PAGE],
        next=asked.query(before=str(rows[_PAGE - 1].number)) if len(rows) > _PAGE else None,
    )
