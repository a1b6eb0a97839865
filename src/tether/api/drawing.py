"""Runs as a drawing: which one says most where nobody chose, and what it is made of."""

from collections.abc import Mapping, Sequence
from typing import Any

from tether.api.opened import Opened
from tether.api.runs import run_series
from tether.errors import InvalidInput, NotFound
from tether.runs.conditions import has_name, names_of, unknown_name, value_of
from tether.runs.metrics import Series
from tether.runs.plotting import curves, parallel
from tether.runs.reading import KnownRun
from tether.runs.textplot import chosen_axes, chosen_metric


def draw_runs(
    repo: Opened, runs: Sequence[KnownRun], metric: str | None = None, axes: Sequence[str] = ()
) -> str:
    """Return runs as SVG: the curves of a metric, or parallel coordinates.

    Runs that have none of what is drawn are left out.

    Args:
        repo: Has them.
        runs: Which.
        metric: The metric whose curves are drawn.
        axes: Parameters and metrics of parallel coordinates. Without either it is the metric that most of
            the runs have with several points, or else what tells them apart.

    Raises:
        InvalidInput: Both are given, or nothing was measured.
        NotFound: There are no runs, or none of them has the metric or one of the axes.
        Corrupt: The metrics of a run are damaged.
    """
    if not runs:
        raise NotFound("no runs to draw", hint="'tether runs list' lists them")
    if metric is not None and axes:
        raise InvalidInput("two drawings at once", hint="choose a metric, or the axes")
    if metric is None and not axes:
        metric, axes = chosen_drawing(runs)
    if metric is not None:
        return curves(metric, curves_of(repo, runs, metric))
    return parallel(" / ".join(axes), list(axes), values_of(runs, axes))


def chosen_drawing(runs: Sequence[KnownRun]) -> tuple[str | None, list[str]]:
    """Return the metric whose curves say most, or the axes that do where no metric has several points.

    Raises:
        InvalidInput: There is nothing to draw.
    """
    records = [run.record for run in runs]
    metric = chosen_metric(records)
    if metric is not None:
        return metric, []
    axes = chosen_axes(records)
    if len(axes) < 2:
        raise InvalidInput(
            "nothing to draw", hint="no run has metrics: 'tether runs list' shows what there is"
        )
    return None, axes


def labels_of(runs: Sequence[KnownRun]) -> Mapping[str, str]:
    """Return what runs are called in a drawing, by id."""
    return {run.id: f"{run.record.name or ''} {run.id[-8:]}".strip() for run in runs}


def curves_of(repo: Opened, runs: Sequence[KnownRun], metric: str) -> dict[str, Series]:
    """Return the series of a metric, by what the runs that have it are called.

    Raises:
        NotFound: None of them has it.
        Corrupt: The metrics of a run are damaged.
    """
    having = [run for run in runs if metric in run.record.metrics]
    if not having:
        known = sorted({name for run in runs for name in run.record.metrics})
        raise unknown_name(metric, known, "metric")
    labels = labels_of(having)
    return {labels[run.id]: run_series(repo, run)[metric] for run in having}


def values_of(runs: Sequence[KnownRun], axes: Sequence[str]) -> dict[str, list[Any]]:
    """Return the values at some axes, by what the runs that have one at least are called.

    Raises:
        NotFound: No run knows one of the axes.
    """
    records = [run.record for run in runs]
    for name in axes:
        if not any(has_name(record, name) for record in records):
            raise unknown_name(name, names_of(records))
    labels = labels_of(runs)
    rows = {labels[run.id]: [value_of(run.record, name) for name in axes] for run in runs}
    return {label: row for label, row in rows.items() if any(value is not None for value in row)}
