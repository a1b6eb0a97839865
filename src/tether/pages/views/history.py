"""The commits that lead to a revision, or those that changed a path; as lines where all are shown.

A page names in its address the commits at which it ends, so the next one begins there: no page walks what
those before it walked, and no line of history is lost. Where so many lines are open that an address
would be too long, it holds how many commits to pass over instead.
"""

import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error as NoBase64
from contextlib import suppress
from dataclasses import dataclass
from typing import NamedTuple
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import Response

from tether.core.digest import Digest
from tether.core.names import BRANCHES, TAGS
from tether.errors import InvalidInput
from tether.pages.addresses import link, where_of
from tether.pages.lanes import Drawn, draw
from tether.pages.rendering import page
from tether.pages.revisions import find_place, picker
from tether.pages.shelf import Shown
from tether.pages.words import moment
from tether.repo.history import History
from tether.repo.logwalk import LogEntry, LogFilter, LogPage, PageSize, read_log_page
from tether.repo.revision import peel

PAGE = 50
LOOKED_AT = 2_000
"""Commits that one page looks at for those that fit; with fewer found, people go on by themselves."""
MOST_OPEN = 40
"""Open lines that an address names: about 1,800 letters."""
_DEEPEST = 100_000
_SIZE = 32
_CURSOR = re.compile(r"([0-9]{1,9})(?:\.([A-Za-z0-9_-]{1,2000}))?")
_LONGEST_WORDS = 200
_BADGES = 6
_TAGS_LOOKED_AT = 1_000


class Cursor(NamedTuple):
    """Where a page begins: behind so many commits, at those that are open, or at none that are named."""

    passed: int
    open: list[Digest]

    def __str__(self) -> str:
        """Return it as it stands in an address."""
        named = urlsafe_b64encode(b"".join(self.open)).decode().rstrip("=")
        return f"{self.passed}.{named}" if named else str(self.passed)


@dataclass(frozen=True, slots=True)
class Row:
    """A commit of the page.

    Attributes:
        entry: The commit.
        day: On which it was committed, in UTC, where the row above has another one; else None.
        drawn: The lines beside it; None where only some commits are shown.
        names: Branches and tags at it: the kind, the name and the address.
        more: Branches and tags that are left out.
    """

    entry: LogEntry
    day: str | None
    drawn: Drawn | None
    names: list[tuple[str, str, str]]
    more: int


def show(request: Request, shown: Shown) -> Response:
    """Show a page of the history."""
    place = find_place(shown, where_of(request.scope))
    words = {
        name: request.query_params.get(name, "").strip()[:_LONGEST_WORDS] for name in ("author", "words")
    }
    history = History.of(shown.repository)
    cursor = read_cursor(request.query_params.get("after", ""))
    found = read_log_page(
        history,
        shown.repository.objects,
        cursor.open or [place.id],
        _filter(words, place.path),
        PageSize(PAGE, LOOKED_AT, 0 if cursor.open else cursor.passed),
    )
    # Where commits were passed over, nobody knows the columns at which their lines stood.
    is_drawn = not place.path and not any(words.values()) and (bool(cursor.open) or not cursor.passed)
    drawn, columns = draw(found.walked, cursor.open) if is_drawn else ({}, [])
    following = _following(cursor, found, columns)
    asked = {name: value for name, value in words.items() if value}
    return page(
        request,
        "repository/history.html",
        shown=shown,
        tab="history",
        place=place,
        picker=picker(shown, place, "history"),
        rows=_rows(shown, found, drawn),
        words=words,
        first="?" + urlencode(asked) if cursor.passed else None,
        older=None if following is None else "?" + urlencode({**asked, "after": str(following)}),
        looked_at=len(found.walked),
    )


def read_cursor(text: str) -> Cursor:
    """Return where a page begins, as the address says; without any, at the revision.

    Raises:
        InvalidInput: It has another form.
    """
    found = _CURSOR.fullmatch(text or "0")
    data = b"-"
    if found is not None:
        named = found[2] or ""
        with suppress(NoBase64):
            data = urlsafe_b64decode(named + "=" * (-len(named) % 4))
    if found is None or len(data) % _SIZE or len(data) > MOST_OPEN * _SIZE:
        raise InvalidInput(
            "the address of this page of the history is damaged", hint="begin at its first page"
        )
    named_commits = [Digest(data[at : at + _SIZE]) for at in range(0, len(data), _SIZE)]
    return Cursor(min(int(found[1]), _DEEPEST), named_commits)


def _following(cursor: Cursor, found: LogPage, columns: list[Digest]) -> Cursor | None:
    """Return where the next page begins, lines in the order of their columns; None behind the last one."""
    if not found.open:
        return None
    count = cursor.passed + len(found.walked)
    if len(found.open) <= MOST_OPEN:
        order = {digest: at for at, digest in enumerate(columns)}
        return Cursor(count, sorted(found.open, key=lambda digest: order.get(digest, len(order))))
    return Cursor(count, []) if count < _DEEPEST else None


def _filter(words: dict[str, str], path: bytes) -> LogFilter:
    """Return what was asked for; words are no expressions, since one of a stranger can take hours."""
    author, message = (re.escape(words[name]) if words[name] else None for name in ("author", "words"))
    return LogFilter(paths=(path,) if path else (), author=author, message=message)


def _rows(shown: Shown, found: LogPage, drawn: dict[Digest, Drawn]) -> list[Row]:
    """Return the rows of the commits that are shown."""
    names = names_by_commit(shown, {entry.id for entry in found.entries})
    rows, day = list[Row](), ""
    for entry in found.entries:
        own = moment(entry.commit.committed.micros)[:10]
        at = names.get(entry.id, [])
        changed = own if own != day else None
        rows.append(Row(entry, changed, drawn.get(entry.id), at[:_BADGES], max(len(at) - _BADGES, 0)))
        day = own
    return rows


def names_by_commit(shown: Shown, wanted: set[Digest]) -> dict[Digest, list[tuple[str, str, str]]]:
    """Return the branches and tags at some commits: kind, name and address."""
    found: dict[Digest, list[tuple[str, str, str]]] = {}
    looked_at = 0
    for ref, named in sorted(shown.repository.root().refs.items()):
        target = named
        kind = "branch" if ref.startswith(BRANCHES) else "tag" if ref.startswith(TAGS) else ""
        if kind == "tag" and target not in wanted and looked_at < _TAGS_LOOKED_AT:
            looked_at += 1
            try:
                target = peel(shown.repository, target, ref)
            except InvalidInput:  # it names a tree or a file
                continue
        if kind and target in wanted:
            name = ref.removeprefix(BRANCHES if kind == "branch" else TAGS)
            found.setdefault(target, []).append((kind, name, link(shown.base, "tree", name)))
    return found
