"""How right the answers are that were given while times were taken: speed alone can be had by being wrong."""

import math
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

Arrays: TypeAlias = Mapping[str, NDArray[Any]]
Scorer: TypeAlias = Callable[[NDArray[Any], Arrays, Arrays], dict[str, Any]]
"""Takes labels, outputs by name and columns of groups, a row of each for every input; gives what is kept."""

SCORER = "tether-score 1"
_Z = 1.959963984540054
_MOST_GROUPS = 200


def score(labels: NDArray[Any], outputs: Arrays, groups: Arrays) -> dict[str, Any]:
    """Return accuracy, or the mean absolute error where labels are numbers with fractions; also by group.

    Args:
        labels: What the answers should be.
        outputs: The answers by name. Numbers of the kind of the labels are taken as they are, else the
            largest of each row says which class is meant.
        groups: Columns whose values make groups.
    """
    name, answers = _answers(labels, outputs)
    if answers is None:
        return {"scorer": SCORER, "metric": None, "why": "no output has answers like the labels"}
    if labels.dtype.kind == "f" and not _are_whole(labels):
        metric, good = "mae", np.abs(answers.astype(np.float64) - labels)
    else:
        metric, good = "accuracy", (answers == labels).astype(np.float64)
    rows = [
        {"column": column, "value": str(value), **_part(metric, good[values == value])}
        for column, values in groups.items()
        for value in np.unique(values)[:_MOST_GROUPS]
    ]
    return {"scorer": SCORER, "metric": metric, "output": name, **_part(metric, good), "groups": rows}


def _part(metric: str, good: NDArray[np.float64]) -> dict[str, Any]:
    count, mean = len(good), float(good.mean())
    if metric == "accuracy":
        return {"score": mean, "n": count, "ci": list(wilson(round(good.sum()), count))}
    wide = _Z * float(good.std(ddof=1)) / math.sqrt(count) if count > 1 else None
    return {"score": mean, "n": count, "ci": None if wide is None else [mean - wide, mean + wide]}


def wilson(right: int, count: int) -> tuple[float, float]:
    """Return the interval of 95 % for a share (Wilson, 1927)."""
    share, square = right / count, _Z * _Z
    middle = (share + square / (2 * count)) / (1 + square / count)
    wide = _Z / (1 + square / count) * math.sqrt(share * (1 - share) / count + square / (4 * count * count))
    return max(0.0, middle - wide), min(1.0, middle + wide)


def _answers(labels: NDArray[Any], outputs: Arrays) -> tuple[str, NDArray[Any] | None]:
    count, whole = len(labels), labels.dtype.kind != "f" or _are_whole(labels)
    for name, output in outputs.items():
        flat = output.reshape(count) if output.size == count else None
        alike = flat is not None and (flat.dtype.kind == "U") == (labels.dtype.kind == "U")
        if flat is not None and alike and (not whole or flat.dtype.kind != "f" or _are_whole(flat)):
            return name, flat
    for name, output in outputs.items():
        if whole and labels.dtype.kind != "U" and output.ndim == 2 and len(output) == count:
            return name, output.argmax(axis=1)
    return "", None


def _are_whole(values: NDArray[Any]) -> bool:
    return values.dtype.kind != "f" or bool((values == np.floor(values)).all())
