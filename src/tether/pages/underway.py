"""Runs under way, which no ref names yet: what pages ask of whoever knows of them."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Protocol

from tether.errors import TetherError
from tether.repo.repository import Repository
from tether.runs.journal import METRICS, Journal, journals
from tether.runs.metrics import Series
from tether.runs.reading import KnownRun, under_way

MOST_METRICS = 8 << 20
"""Bytes of metrics that one page reads."""
_MOST = 50


class UnderWay(Protocol):
    """The runs of one repository that are under way."""

    def runs(self) -> Sequence[KnownRun]:
        """Return them; damaged ones are left out, and of very many the newest are given."""
        ...

    def run(self, run: str) -> KnownRun | None:
        """Return one of them by its id; None where there is none, or it is damaged."""
        ...

    def series(self, run: KnownRun) -> Mapping[str, Series] | None:
        """Return the metrics of one; None where they are more than a page reads."""
        ...


class Journals:
    """Runs that are written beside a repository of this machine."""

    def __init__(self, repository: Repository) -> None:
        self._repository = repository

    def runs(self) -> list[KnownRun]:
        """Return them."""
        found = []
        for journal in journals(self._repository.directory)[-_MOST:]:
            with suppress(TetherError, OSError):
                if journal.is_told and _is_small(journal) and (run := under_way(journal)) is not None:
                    found.append(run)
        return found

    def run(self, run: str) -> KnownRun | None:
        """Return one of them."""
        return next((each for each in self.runs() if each.id == run), None)

    def series(self, run: KnownRun) -> Mapping[str, Series]:
        """Return the metrics of one."""
        return {} if run.journal is None else run.journal.metrics().series


def _is_small(journal: Journal) -> bool:
    with suppress(FileNotFoundError):
        return (journal.folder / METRICS).stat().st_size <= MOST_METRICS
    return True
