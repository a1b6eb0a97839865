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
from tether.runs.conditions import value_of
from tether.runs.journal import RECORD
from tether.runs.ordering import arranged
from tether.runs.reading import KnownRun

PAGES = 4
"""As many pages of the plain list are read for one request, and as many requests it counts."""


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
        NotFound: No run has a value of that name, or there is no run `after` which to begin.
    """
    name = sort.removeprefix("-")
    valued, complete = _values(repository, where, name)
    if valued and all(value is None for value, _ in valued):
        hint = "a parameter, a metric, or a field such as started: the list has their names"
        raise NotFound(f"no run has {name[:250]}", hint=hint)
    ids = arranged(valued, falling=sort.startswith("-"))
    start = 0
    if after:
        if after not in ids:
            raise NotFound(f"no run {after[:100]} in this order", hint="begin with the first page")
        start = ids.index(after) + 1
    return SortedPage(_page(repository, ids[start:], limit), complete)


def _values(repository: Repository, where: Sequence[str], name: str) -> tuple[list[tuple[Any, str]], bool]:
    """Return the value and the id of runs, the newest first, and whether these are all."""
    found: list[tuple[Any, str]] = []
    after = ""
    for _ in range(PAGES):
        page = list_runs(repository, where, after, LOOKED_AT)
        found += [(value_of(run.record, name), run.id) for run in page.runs]
        if page.next is None:
            return found, True
        after = page.next
    return found, False


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
