"""Runs as a drawing: which one says most where nobody chose, and what it is made of."""

from collections.abc import Mapping, Sequence
from typing import Any

from tether.api.opened import Opened
from tether.api.runs import run_series
from tether.errors import InvalidInput
from tether.runs.conditions import value_of
from tether.runs.metrics import Series
from tether.runs.plotting import curves, parallel
from tether.runs.reading import KnownRun
from tether.runs.textplot import chosen_axes, chosen_metric


def draw_runs(
    repo: Opened, runs: Sequence[KnownRun], metric: str | None = None, axes: Sequence[str] = ()
) -> str:
    """Return runs as SVG: the curves of a metric, or parallel coordinates.

    Args:
        repo: Has them.
        runs: Which.
        metric: The metric whose curves are drawn.
        axes: Parameters and metrics of parallel coordinates. Without either it is the metric that most of
            the runs have with several points, or else what tells them apart.

    Raises:
        InvalidInput: Both are given, or there is nothing to draw.
        Corrupt: The metrics of a run are damaged.
    """
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
    """Return the series of a metric, by what the runs that have it are called."""
    labels, lines = labels_of(runs), dict[str, Series]()
    for run in runs:
        series = run_series(repo, run).get(metric)
        if series is not None:
            lines[labels[run.id]] = series
    return lines


def values_of(runs: Sequence[KnownRun], axes: Sequence[str]) -> dict[str, list[Any]]:
    """Return the values at some axes, by what the runs are called."""
    labels = labels_of(runs)
    return {labels[run.id]: [value_of(run.record, name) for name in axes] for run in runs}
