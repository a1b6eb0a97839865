"""The table of runs: which columns, in which order, and the addresses that ask for others."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from starlette.datastructures import QueryParams

from tether.core.phrases import duration_text, size_text
from tether.errors import TetherError
from tether.pages.records.known import page_of_runs
from tether.pages.shelf import Shown
from tether.pages.words import figure
from tether.runs.conditions import text_of, value_of
from tether.runs.ordering import ordered
from tether.runs.reading import KnownRun
from tether.runs.rundoc import RunRecord

SHOWN = 100
"""Rows of one page."""
MOST_CONDITIONS, MOST_COLUMNS, OFFERED = 10, 20, 60
_LONGEST = 60
_PARAMETERS, _METRICS = 4, 4
_SECONDS, _BYTES = frozenset({"wall_s", "user_s", "system_s"}), frozenset({"peak_bytes", "read_bytes"})


@dataclass(frozen=True, slots=True)
class Asked:
    """What an address asks for.

    Attributes:
        where: Conditions.
        sort: What to sort by, with `-` before it the other way round; empty is the newest first.
        columns: Chosen ones; empty are those that fit the runs.
        after: The run before the first one.
    """

    where: tuple[str, ...]
    sort: str
    columns: tuple[str, ...]
    after: str

    @classmethod
    def of(cls, query: QueryParams) -> "Asked":
        """Read the query of an address; what is too much is left out."""
        texts = [text.strip()[:500] for text in query.getlist("where")]
        return cls(
            tuple(dict.fromkeys(filter(None, texts)))[:MOST_CONDITIONS],
            query.get("sort", "")[:260],
            tuple(dict.fromkeys(filter(None, query.getlist("column"))))[:MOST_COLUMNS],
            query.get("after", "")[:64],
        )

    def address(self, **changes: Any) -> str:
        """Return the address of the table with something else asked for; from the first page on."""
        wanted = {"where": self.where, "sort": self.sort, "column": self.columns, "after": "", **changes}
        return "?" + urlencode({name: value for name, value in wanted.items() if value}, doseq=True)

    def without(self, text: str) -> str:
        """Return the address without a condition."""
        return self.address(where=[each for each in self.where if each != text])

    def sorted_by(self, column: str) -> str:
        """Return the address that sorts by a column: numbers fall first, as the best are looked for."""
        return self.address(sort=column if self.sort == f"-{column}" else f"-{column}")


@dataclass(frozen=True, slots=True)
class Cell:
    """A value as it is shown; `whole` is what was cut."""

    text: str
    is_number: bool
    whole: str = ""


@dataclass(frozen=True, slots=True)
class Table:
    """Runs as a table.

    Attributes:
        asked: What was asked for.
        runs: Those of the page.
        fitting: All that were found on the way, for drawings.
        columns: Names as conditions have them.
        rows: A cell for each column.
        offered: Columns that can be chosen.
        hidden: Runs that were found and have no room on the page.
        next: The run behind which older ones were not looked at; None where all were.
        failure: What is wrong with what was asked for.
    """

    asked: Asked
    runs: list[KnownRun]
    fitting: list[KnownRun]
    columns: list[str]
    rows: list[list[Cell]]
    offered: list[str]
    hidden: int
    next: str | None
    failure: TetherError | None = None


def table_of(shown: Shown, asked: Asked) -> Table:
    """Return the table; a condition that cannot be read is told of beside runs without it."""
    failure = None
    try:
        page = page_of_runs(shown, asked.where, asked.after)
    except TetherError as error:
        failure, page = error, page_of_runs(shown, (), asked.after)
    found = ordered(page.runs, asked.sort) if asked.sort.strip("-") else page.runs
    runs, behind = found[:SHOWN], page.next
    hidden = len(found) - len(runs)
    if not asked.sort and hidden:  # in their own order the next page begins behind the last one
        hidden, behind = 0, runs[-1].id
    offered = _offered(page.runs)
    columns = list(asked.columns) or _fitting(page.runs)
    rows = [[_cell(run.record, name) for name in columns] for run in runs]
    return Table(asked, runs, found, columns, rows, offered, hidden, behind, failure)


def _offered(runs: Sequence[KnownRun]) -> list[str]:
    parameters = sorted({f"param.{name}" for run in runs for name in run.record.parameters})
    metrics = sorted({f"metric.{name}" for run in runs for name in run.record.metrics})
    seeds = sorted({f"seed.{name}" for run in runs for name in run.record.seeds})
    plain = ["status", "started", "wall_s", "peak_bytes", "code", "command"]
    return plain + metrics[:OFFERED] + parameters[:OFFERED] + seeds[:_PARAMETERS]


def _fitting(runs: Sequence[KnownRun]) -> list[str]:
    """Return the columns that tell most: metrics first that most runs have, then parameters that vary."""
    metrics: dict[str, int] = {}
    values: dict[str, set[str]] = {}
    for run in runs:
        for name in run.record.metrics:
            metrics[name] = metrics.get(name, 0) + 1
        for name, value in run.record.parameters.items():
            values.setdefault(name, set()).add(text_of(value))
    often = sorted(metrics, key=lambda name: (-metrics[name], name))[:_METRICS]
    vary = sorted(values, key=lambda name: (-min(len(values[name]), 2), name))[:_PARAMETERS]
    return [f"metric.{name}" for name in often] + [f"param.{name}" for name in vary] + ["wall_s"]


def _cell(record: RunRecord, name: str) -> Cell:
    value = value_of(record, name)
    if isinstance(value, bool) or not isinstance(value, int | float):
        text = text_of(value)
        return Cell(text[:_LONGEST] + "…", False, text[:500]) if len(text) > _LONGEST else Cell(text, False)
    if name in _SECONDS:
        return Cell(duration_text(max(value, 0)), True, f"{value} s")
    if name in _BYTES:
        return Cell(size_text(int(value)), True)
    return Cell(figure(value), True, repr(value))
