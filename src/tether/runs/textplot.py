"""Curves and parallel coordinates as lines of text, for a terminal; and what to draw where nobody says."""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import pairwise
from string import ascii_letters, digits

from tether.runs.metrics import Series
from tether.runs.plotting import Axis, Scale, figure_text, thinned, unbroken
from tether.runs.rundoc import RunRecord, Summary

_MARKS = "*+ox#@%&" + "".join(each for each in digits + ascii_letters if each not in "ox")
_MARGIN = 11
_LAST = 14
"""Columns for what is written at the last axis."""
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
    return [title, *drawn, axis, " " * _MARGIN + ends, *_key(lines)]


def text_parallel(
    names: Sequence[str], rows: Mapping[str, Sequence[object]], width: int = 78, height: int = 16
) -> list[str]:
    """Return parallel coordinates with a mark for each run; a line has a gap where a run has no value.

    Args:
        names: Those of the axes.
        rows: The values of each run, one for each axis.
        width: Columns of the drawing.
        height: Lines of the axes.
    """
    axes = [Axis([row[number] for row in rows.values()], height - 1, 0) for number in range(len(names))]
    gap = max((width - _LAST) // max(len(names) - 1, 1), 2)
    grid = [[" "] * (gap * (len(names) - 1) + 1) for _ in range(height)]
    for line in grid:
        line[::gap] = "|" * len(line[::gap])
    for number, row in enumerate(rows.values()):
        mark = _MARKS[number % len(_MARKS)]
        for piece in unbroken([axis.at(value) for axis, value in zip(axes, row, strict=True)]):
            for column, place in _between(piece, gap):
                grid[round(place)][column] = mark
    drawn = ["".join(line).rstrip() for line in grid]
    heads = [_spread(texts, gap) for texts in (names, [axis.high for axis in axes])]
    words = [
        f"{name} from below: {', '.join(axis.words)}"
        for name, axis in zip(names, axes, strict=True)
        if len(axis.words) > 2
    ]
    return [*heads, *drawn, _spread([axis.low for axis in axes], gap), *words, *_key(rows)]


def _key(names: Iterable[str]) -> Iterator[str]:
    """Yield which mark is which run, and from where on marks stand for several."""
    for number, name in enumerate(names):
        if number == len(_MARKS):
            yield f"there are {number} marks; those of the following runs stand for others too:"
        yield f"{_MARKS[number % len(_MARKS)]} {name}"


def _between(piece: Sequence[tuple[int, float]], gap: int) -> Iterator[tuple[int, float]]:
    """Yield the columns of a line and its places there, every second one between two axes."""
    for (number, place), (_, target) in pairwise(piece):
        for step in range(0, gap, 2):
            yield number * gap + step, place + (target - place) * step / gap
    yield piece[-1][0] * gap, piece[-1][1]


def _spread(texts: Sequence[str], gap: int) -> str:
    """Return texts above their axes, cut where the next one begins; the last one has all the room."""
    cut = [text[: gap - 1].ljust(gap) for text in texts[:-1]]
    return "".join([*cut, *texts[-1:]]).rstrip()


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
