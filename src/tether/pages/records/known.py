"""The runs of a repository for pages: those that are stored, and those under way beside it."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TypeVar

from tether.core.names import path_bytes
from tether.core.treeread import find
from tether.errors import Corrupt, NotFound
from tether.pages.shelf import Shown
from tether.pages.underway import MOST_METRICS, Journals, UnderWay
from tether.releases.pushedruns import DAMAGED, LOOKED_AT, Page, known_run, list_runs, size_at
from tether.runs.conditions import condition
from tether.runs.journal import METRICS
from tether.runs.metrics import Series
from tether.runs.reading import KnownRun, read_file, series_of

T = TypeVar("T")
MOST_BESIDE = 1 << 20
"""Bytes of any other file of a run that one page reads."""


def page_of_runs(shown: Shown, where: Sequence[str], after: str) -> Page:
    """Return runs, the newest first, as far as one page looks; those under way come before all.

    Args:
        shown: Has them.
        where: Conditions that all must hold; see `tether.runs.conditions`.
        after: The id of the run before the first one; empty to begin.

    Raises:
        InvalidInput: A condition cannot be read, or asks for a pattern.
    """
    page = list_runs(shown.repository, where, after, LOOKED_AT)
    if after:
        return page
    tests = [condition(text, patterns=False) for text in where]
    stored = {run.id for run in page.runs}
    waiting = [run for run in _under_way(shown).runs() if run.id not in stored]
    fits = [run for run in waiting if all(test(run.record) for test in tests)]
    return Page(sorted([*fits, *page.runs], key=lambda run: run.id, reverse=True), page.next)


def _under_way(shown: Shown) -> UnderWay:
    return shown.under_way or Journals(shown.repository)


def run_shown(shown: Shown, run: str) -> KnownRun:
    """Return a run by its whole id, stored or under way.

    Raises:
        NotFound: There is none.
        Corrupt, Unsupported: It is damaged, or larger than what is read here.
    """
    try:
        return known_run(shown.repository, run)
    except NotFound:
        found = _under_way(shown).run(run)
        if found is None:
            raise
        return found


def beside(shown: Shown, run: KnownRun, name: str, most: int = MOST_BESIDE) -> bytes | None:
    """Return a file of a run; None where it has none.

    Raises:
        Corrupt: It is larger than what a page reads.
        NotFound: Its content is not here.
    """
    if run.tree is not None:
        size_at(shown.repository, run.tree, name, most)
    return read_file(shown.repository, run, name)


def ending_of(shown: Shown, run: KnownRun, name: str, most: int) -> tuple[bytes, int]:
    """Return the last bytes of a file of a run, and how many there are; none where there is no file."""
    if run.tree is None:
        return (b"", 0) if run.journal is None else _end(run.journal.folder / name, most)
    entry = find(shown.repository.objects, run.tree, path_bytes(name))
    if entry is None:
        return b"", 0
    size = shown.repository.contents.size(entry.digest)
    return shown.repository.contents.read(entry.digest, max(size - most, 0), most), size


def _end(path: Path, most: int) -> tuple[bytes, int]:
    with suppress(FileNotFoundError), path.open("rb") as file:
        size = file.seek(0, 2)
        file.seek(max(size - most, 0))
        return file.read(most), size
    return b"", 0


def series_shown(shown: Shown, run: KnownRun) -> dict[str, Series] | None:
    """Return the metrics of a run; None where they are more than a page reads."""
    if run.tree is None:
        found = _under_way(shown).series(run)
        return None if found is None else dict(found)
    try:
        size_at(shown.repository, run.tree, METRICS, MOST_METRICS)
    except Corrupt:
        return None
    return dict(series_of(shown.repository, run))


@contextmanager
def told(what: str) -> Iterator[None]:
    """Tell of a record that is nested deeper than Python goes as of one that is damaged."""
    try:
        yield
    except RecursionError:
        raise Corrupt(f"{what} is nested too deep") from None


def or_none(read: Callable[[], T]) -> T | None:
    """Return what is read, or None where it is damaged or not here: the rest of the page is still good."""
    try:
        return read()
    except (*DAMAGED, RecursionError):
        return None
