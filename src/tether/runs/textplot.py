"""Curves of one metric as lines of text, for a terminal; and which metric to draw where nobody says."""

import math
from collections.abc import Mapping, Sequence

from tether.runs.metrics import Series
from tether.runs.plotting import Scale, figure_text, thinned
from tether.runs.rundoc import RunRecord, Summary

_MARKS = "*+ox#@%&"
_MARGIN = 11
_PREFERRED = ("val_loss", "valid_loss", "validation_loss", "loss", "val_accuracy", "accuracy")


def text_curves(title: str, lines: Mapping[str, Series], width: int = 78, height: int = 16) -> list[str]:
    """Return a drawing of one metric over its steps, with a mark for each run; what is no number is left out.

    Args:
        title: What is drawn.
        lines: A series for each run.
        width: Columns of the drawing.
        height: Lines of the drawing, without title and axes.
    """
    points = {name: thinned(series) for name, series in lines.items()}
    finite = [(step, value) for row in points.values() for step, value in row if math.isfinite(value)]
    if not finite:
        return [title, "no points"]
    across = Scale([step for step, _ in finite], 0, max(width - _MARGIN - 1, 1))
    up = Scale([value for _, value in finite], height - 1, 0)
    grid = [[" "] * (width - _MARGIN) for _ in range(height)]
    for number, row in enumerate(points.values()):
        for step, value in row:
            if math.isfinite(value):
                grid[round(up.at(value))][round(across.at(step))] = _MARKS[number % len(_MARKS)]
    labels = {round(up.at(value)): figure_text(value) for value in up.ticks()}
    drawn = [f"{labels.get(at, ''):>{_MARGIN - 2}} |{''.join(row).rstrip()}" for at, row in enumerate(grid)]
    axis = " " * (_MARGIN - 1) + "+" + "-" * (width - _MARGIN)
    steps = [step for step, _ in finite]
    ends = f"{min(steps):<{(width - _MARGIN) // 2}}{max(steps):>{(width - _MARGIN) - (width - _MARGIN) // 2}}"
    key = [f"{_MARKS[number % len(_MARKS)]} {name}" for number, name in enumerate(lines)]
    return [title, *drawn, axis, " " * _MARGIN + ends, *key]


def chosen_metric(records: Sequence[RunRecord]) -> str | None:
    """Return the metric whose curves say most: one that most runs have, with several points each."""
    counts: dict[str, int] = {}
    for record in records:
        for name, short in record.metrics.items():
            if short.count > 1:
                counts[name] = counts.get(name, 0) + 1
    return min(counts, key=lambda name: (-counts[name], _rank(name), name), default=None)


def _rank(name: str) -> int:
    return _PREFERRED.index(name) if name in _PREFERRED else len(_PREFERRED)


def chosen_axes(records: Sequence[RunRecord]) -> list[str]:
    """Return what tells runs apart: parameters that differ between them, then their metrics."""
    parameters = sorted({name for record in records for name in record.parameters})
    differing = [
        f"param.{name}"
        for name in parameters
        if len({repr(record.parameters.get(name)) for record in records}) > 1
    ]
    metrics = {name for record in records for name, short in record.metrics.items() if _is_number(short)}
    return [*differing, *(f"metric.{name}" for name in sorted(metrics))]


def _is_number(short: Summary) -> bool:
    return math.isfinite(float(short.last))
