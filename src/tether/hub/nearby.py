"""Which repositories of the hub somebody may read, those that are near to one of them first.

Nothing here tells of a repository that the one who asks may not read, not even by a count.
"""

from collections.abc import Iterator, Sequence
from itertools import islice
from typing import NamedTuple

from sqlalchemy import select
from sqlalchemy.orm import Session

from tether.core.names import RELEASES, RUNS
from tether.hub.access import Principal, role_of
from tether.hub.database.models import RepositoryRow, RootRow
from tether.hub.forks import list_forks, source_of
from tether.hub.repositories import PAGE, list_visible

MOST_SEEN = 1000
"""Repositories that are looked at for whether they have runs or releases."""
MOST_READ = 200
"""Repositories with runs or releases that are read."""
_MOST_FORKS = 200
_TOGETHER = 20
_MARKS = (RUNS.encode(), RELEASES.encode())


class Nearby(NamedTuple):
    """Repositories with runs or releases that somebody may read.

    Attributes:
        rows: The one that was asked for, its forks and sources, those of its owner, and all others.
        sources: What they were forked from, by their id, where that may be known.
        complete: Whether these are all.
    """

    rows: list[RepositoryRow]
    sources: dict[str, str]
    complete: bool


def find_nearby(session: Session, principal: Principal, row: RepositoryRow) -> Nearby:
    """Return the repositories whose records somebody may read, with `row` as the first."""
    found, others = [row], _by_distance(session, principal, row)
    for _ in range(MOST_SEEN // _TOGETHER):
        some = list(islice(others, _TOGETHER))
        with_records = _with_records(session, some)
        found += [each for each in with_records if role_of(session, principal, each) is not None]
        if len(some) < _TOGETHER or len(found) > MOST_READ:
            break
    rest = len(found) > MOST_READ or next(others, None) is not None
    rows = found[:MOST_READ]
    sources = {each.id: source_of(session, principal, each) for each in rows}
    named = {key: source.full_name for key, source in sources.items() if source is not None}
    return Nearby(rows, named, not rest)


def _by_distance(session: Session, principal: Principal, row: RepositoryRow) -> Iterator[RepositoryRow]:
    """Yield what somebody may know of, each once and without `row`."""
    seen = {row.id}
    for each in _candidates(session, principal, row):
        if each.id not in seen:
            seen.add(each.id)
            yield each


def _candidates(session: Session, principal: Principal, row: RepositoryRow) -> Iterator[RepositoryRow]:
    yield from _network(session, principal, row)
    for owner in (row.owner.name, None):
        after = ""
        while page := list_visible(session, principal, owner=owner, after=after, limit=PAGE):
            yield from page
            after = page[-1].full_name


def _network(session: Session, principal: Principal, row: RepositoryRow) -> Iterator[RepositoryRow]:
    """Yield forks and sources, and their forks and sources, as far as one leads to the next in sight."""
    waiting, seen = [row], {row.id}
    while waiting and len(seen) < _MOST_FORKS:
        here = waiting.pop(0)
        source = source_of(session, principal, here)
        near = ([] if source is None else [source]) + list(list_forks(session, principal, here))
        for each in near:
            if each.id not in seen:
                seen.add(each.id)
                waiting.append(each)
                yield each


def _with_records(session: Session, rows: Sequence[RepositoryRow]) -> list[RepositoryRow]:
    """Return those whose root can have refs of runs or releases; names stand in it as they are."""
    query = select(RootRow.repository_id, RootRow.value).where(
        RootRow.repository_id.in_([each.id for each in rows])
    )
    roots = ((key, bytes(value)) for key, value in session.execute(query))
    marked = {key for key, value in roots if any(mark in value for mark in _MARKS)}
    return [each for each in rows if each.id in marked]
