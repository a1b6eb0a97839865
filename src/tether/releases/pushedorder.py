"""Runs of a repository in the order of a value, as the hub tells of them: those that one request looks at."""

from collections.abc import Sequence
from contextlib import suppress
from typing import Any, NamedTuple

from tether.core.names import RUNS
from tether.errors import NotFound
from tether.releases.pushedruns import (
    DAMAGED,
    LOOKED_AT,
    MOST_READ,
    MOST_RECORD,
    Page,
    known_run,
    list_runs,
    size_at,
)
from tether.repo.history import History
from tether.repo.repository import Repository
from tether.runs.conditions import has_name, names_of, unknown_name, value_of
from tether.runs.journal import RECORD
from tether.runs.ordering import arranged
from tether.runs.reading import KnownRun

PAGES = 4
"""As many pages of the plain list are read for one request, and as many requests it counts."""
_LONGEST, _MOST_NAMES = 250, 1000
"""Of names among which one is looked for that resembles an unknown one."""


class SortedPage(NamedTuple):
    """Some runs, the one behind which the next page begins, and whether all runs were looked at."""

    page: Page
    complete: bool


def list_sorted(
    repository: Repository, where: Sequence[str], sort: str, after: str, limit: int
) -> SortedPage:
    """Return a page of runs in the order of a value; runs without it come last, damaged ones are left out.

    Args:
        repository: Where.
        where: Conditions that all must hold; see `tether.runs.conditions`.
        sort: A parameter, metric or field, with `-` before it the other way round.
        after: The id of the run before the first one; empty to begin.
        limit: How many at most.

    Raises:
        InvalidInput: A condition cannot be read, or asks for a pattern.
        NotFound: No run knows that name, or there is no run `after` which to begin.
    """
    name = sort.removeprefix("-")
    valued, complete = _values(repository, where, name)
    ids = arranged(valued, falling=sort.startswith("-"))
    start = 0
    if after:
        if after not in ids:
            raise NotFound(f"no run {after[:100]} in this order", hint="begin with the first page")
        start = ids.index(after) + 1
    return SortedPage(_page(repository, ids[start:], limit), complete)


def _values(repository: Repository, where: Sequence[str], name: str) -> tuple[list[tuple[Any, str]], bool]:
    """Return the value and the id of runs, the newest first, and whether these are all.

    Raises:
        NotFound: None of them knows the name.
    """
    found: list[tuple[Any, str]] = []
    after: str | None = ""
    is_known, names = False, set[str]()
    for _ in range(PAGES):
        if after is None:
            break
        page = list_runs(repository, where, after, LOOKED_AT)
        records = [run.record for run in page.runs]
        is_known = is_known or any(has_name(record, name) for record in records)
        names.update(() if is_known else names_of(records))
        found += [(value_of(record, name), record.id) for record in records]
        after = page.next
    if found and not is_known:
        short = sorted(each for each in names if len(each) <= _LONGEST)
        raise unknown_name(name[:_LONGEST], short[:_MOST_NAMES])
    return found, after is None


def _page(repository: Repository, ids: Sequence[str], limit: int) -> Page:
    refs, history = repository.root().refs, History.of(repository)
    runs: list[KnownRun] = []
    read = looked = 0
    for run in ids[:limit]:
        looked += 1
        with suppress(*DAMAGED):
            commit = refs.get(RUNS + run)
            read += (
                0 if commit is None else size_at(repository, history.commit(commit).tree, RECORD, MOST_RECORD)
            )
            runs.append(known_run(repository, run))
        if read >= MOST_READ:
            break
    return Page(runs, ids[looked - 1] if looked < len(ids) else None)
