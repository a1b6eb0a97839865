"""The commits that lead to a revision, or those of them that changed a path."""

from itertools import islice

from starlette.requests import Request
from starlette.responses import Response

from tether.pages.addresses import where_of
from tether.pages.rendering import page
from tether.pages.revisions import find_place, picker
from tether.pages.shelf import Shown
from tether.pages.words import moment
from tether.repo.history import History
from tether.repo.logwalk import LogEntry, LogFilter, LogRange, read_log

PAGE = 50
_DEEPEST = 100_000


def show(request: Request, shown: Shown) -> Response:
    """Show a page of the history."""
    place = find_place(shown, where_of(request.scope))
    skip = _number(request.query_params.get("skip", "0"))
    history = History.of(shown.repository)
    wanted = LogFilter(paths=(place.path,) if place.path else ())
    log = read_log(history, shown.repository.objects, LogRange([place.id]), wanted)
    found = list(islice(log, skip, skip + PAGE + 1))
    return page(
        request,
        "repository/history.html",
        shown=shown,
        tab="history",
        place=place,
        picker=picker(shown, place, "history"),
        days=_by_day(found[:PAGE]),
        newer=max(skip - PAGE, 0) if skip else None,
        older=skip + PAGE if len(found) > PAGE else None,
    )


def _number(text: str) -> int:
    return min(int(text), _DEEPEST) if text.isascii() and text.isdigit() and len(text) < 10 else 0


def _by_day(entries: list[LogEntry]) -> list[tuple[str, list[LogEntry]]]:
    """Return the commits under the days on which they were committed, in UTC."""
    days: dict[str, list[LogEntry]] = {}
    for entry in entries:
        days.setdefault(moment(entry.commit.committed.micros)[:10], []).append(entry)
    return list(days.items())
