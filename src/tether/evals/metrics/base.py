"""What a task measures, in the two forms that intervals and comparisons need.

Most figures are functions of sums over examples: so parts of a set, replicates and pairs of models cost sums
of groups and no second look at the examples. What depends on an order, as the area under a curve does, takes
weights of the examples instead.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

Floats: TypeAlias = NDArray[np.float64]
Codes: TypeAlias = NDArray[np.int64]
Groups: TypeAlias = NDArray[np.intp]
Figures: TypeAlias = dict[str, Floats]
"""Of each metric one value for each replicate; NaN where there is none."""


@dataclass(frozen=True, slots=True)
class Sums:
    """Metrics that are functions of sums.

    Attributes:
        add: Takes the group of each example (-1 is none) and the number of groups; returns the sums of each
            group, of shape (groups, statistics).
        figures: Takes sums of shape (replicates, statistics).
        statistics: How many sums there are.
        shares: The metrics that are shares: which statistic is divided by which.
    """

    add: Callable[[Groups, int], Floats]
    figures: Callable[[Floats], Figures]
    statistics: int
    shares: Mapping[str, tuple[int, int]] = field(default_factory=dict)


class Ranks(Protocol):
    """Metrics that need an order of the examples."""

    cost: int
    """Numbers that one replicate looks at."""

    def take(self, chosen: NDArray[np.bool_]) -> "Ranks":
        """Return the same for some of the examples."""

    def figures(self, weights: Floats) -> Figures:
        """Return the metrics with weights of shape (replicates, examples)."""

    def influence(self) -> dict[str, tuple[float, Floats]]:
        """Return each metric and how much each example moves it, of shape (examples,); empty if unknown."""


@dataclass(frozen=True, slots=True)
class Measures:
    """What is measured of the predictions of one model.

    Attributes:
        count: Of examples.
        primary: The metric that speaks for all.
        sums: Metrics by sums.
        ranks: Metrics by order.
        error: How wrong each example is, of shape (examples,); 0 is right.
        correct: Whether each is right, where that can be said.
        warnings: What could not be measured, for people.
    """

    count: int
    primary: str
    sums: Sums
    error: Floats
    ranks: tuple[Ranks, ...] = ()
    correct: NDArray[np.bool_] | None = None
    warnings: tuple[str, ...] = ()


LOWER_IS_BETTER = frozenset(["mae", "rmse", "log_loss", "cer", "wer"])
"""Metrics of which less is better; of all others more is."""


def direction(metric: str) -> int:
    """Return 1 where more of a metric is better, -1 where less is."""
    return -1 if metric in LOWER_IS_BETTER else 1


def is_detail(metric: str) -> bool:
    """Return whether a metric is of one class alone, such as `recall[cat]`."""
    return metric.endswith("]")


def sums_of_rows(rows: Floats) -> Callable[[Groups, int], Floats]:
    """Return what adds up rows of shape (examples, statistics) by groups."""

    def add(groups: Groups, count: int) -> Floats:
        kept = groups >= 0
        chosen = groups[kept]
        columns = [np.bincount(chosen, rows[kept, at], count) for at in range(rows.shape[1])]
        return np.stack(columns, axis=1) if columns else np.zeros((count, 0))

    return add


def divided(above: Floats, below: Floats, otherwise: float = float("nan")) -> Floats:
    """Return a quotient, with another value where the divisor is 0."""
    found: Floats = np.full(np.broadcast(above, below).shape, otherwise)
    np.divide(above, below, out=found, where=below != 0)
    return found
