"""Two models on the same examples: what changed, of all and by slices, and which examples changed most."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tether.errors import InvalidInput
from tether.evals.intervals import Plan, adjusted
from tether.evals.measuring import Change, measure_change
from tether.evals.metrics.base import Measures
from tether.evals.needs import arrow, compute
from tether.evals.predictions import Predictions
from tether.evals.tasks import CLASSIFICATION, classes_of, measures_of

_LEAST = 1e-12
_SHOWN = 100
"""Examples that are named."""


@dataclass(frozen=True, slots=True)
class Example:
    """One example that changed.

    Attributes:
        id: Of the example.
        label: What it is.
        old: What the one model said.
        new: What the other said.
        worse: How much more wrong the new one is; less than 0 is better.
        slices: Those that it is in.
    """

    id: str
    label: Any
    old: Any
    new: Any
    worse: float
    slices: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Part:
    """What changed of some of the examples.

    Attributes:
        name: Of the slice; None is all.
        count: Of examples.
        supported: Whether these are enough; otherwise there are no changes.
        changes: By metric.
        wins: Examples that got better.
        regressions: Examples that got worse.
        q: The p of its exact test, adjusted for the number of slices.
    """

    name: str | None
    count: int
    supported: bool
    changes: tuple[Change, ...]
    wins: int
    regressions: int
    q: float | None = None

    def change(self, metric: str) -> Change | None:
        """Return the change of a metric, or None."""
        return next((change for change in self.changes if change.name == metric), None)


@dataclass(frozen=True, slots=True)
class Comparison:
    """How two models differ.

    Attributes:
        task: What they predict.
        primary: The metric that speaks for all.
        whole: Of all examples.
        slices: Of each slice.
        worst: The examples that got worse by most.
        best: Those that got better by most.
        left_out: How many examples only the one and only the other has, and how many have another label.
    """

    task: str
    primary: str
    whole: Part
    slices: tuple[Part, ...]
    worst: tuple[Example, ...]
    best: tuple[Example, ...]
    left_out: tuple[int, int, int]

    def __repr__(self) -> str:
        return f"Comparison({self.task!r}, {self.primary!r}, {self.whole.count} examples)"


def compare(
    old: Predictions,
    new: Predictions,
    least: dict[str, int],
    plan: Plan,
    *,
    common: bool = False,
) -> Comparison:
    """Compare two tables of predictions.

    Args:
        old: Of the one model.
        new: Of the other; its slices count.
        least: How many examples each slice needs at least.
        plan: How intervals are made.
        common: Compare what both have, where the sets differ.

    Raises:
        InvalidInput: The sets or the tasks differ.
    """
    if old.task != new.task:
        raise InvalidInput(f"a {old.task} and a {new.task} cannot be compared")
    old, new, left_out = _aligned(old, new, common=common)
    classes = classes_of(old, new) if old.task == CLASSIFICATION else None
    pair = measures_of(old, classes), measures_of(new, classes)
    whole = _part(None, pair, np.ones(new.count, np.bool_), 1, plan)
    parts = [_part(name, pair, mask, least.get(name, 1), plan) for name, mask in new.slices.items()]
    worse = _worse(pair)
    return Comparison(
        old.task,
        pair[1].primary,
        whole,
        tuple(_adjusted(parts)),
        tuple(_examples(old, new, worse)),
        tuple(_examples(old, new, -worse, sign=-1)),
        left_out,
    )


def _aligned(
    old: Predictions, new: Predictions, *, common: bool
) -> tuple[Predictions, Predictions, tuple[int, int, int]]:
    """Return both with the same examples in the same order."""
    places = compute().index_in(new.ids, value_set=old.ids)
    rows = np.flatnonzero(np.asarray(compute().is_valid(places)))
    there = np.asarray(places.take(arrow().array(rows)), np.int64)
    same = np.asarray(
        compute().equal(old.labels.take(arrow().array(there)), new.labels.take(arrow().array(rows)))
    )
    relabelled = int((~same.astype(np.bool_)).sum())
    left_out = old.count - len(rows), new.count - len(rows), relabelled
    if any(left_out) and not common:
        what = f"{left_out[0]:,} examples are only in the one, {left_out[1]:,} only in the other"
        raise InvalidInput(
            f"not the same evaluation set: {what}, {relabelled:,} have another label",
            hint="--common compares what both have",
        )
    kept = same.astype(np.bool_)
    if not kept.any():
        raise InvalidInput("the evaluations have no example in common")
    return old.take(there[kept]), new.take(rows[kept]), left_out


def _part(
    name: str | None, pair: tuple[Measures, Measures], chosen: NDArray[np.bool_], least: int, plan: Plan
) -> Part:
    old, new = pair
    count = int(chosen.sum())
    enough = count >= max(least, 1)
    changes = measure_change(old, new, plan, chosen, details=name is None) if enough else []
    worse = (new.error - old.error)[chosen]
    if old.correct is not None and new.correct is not None:
        before, after = old.correct[chosen], new.correct[chosen]
        wins, regressions = int((after & ~before).sum()), int((before & ~after).sum())
    else:
        wins, regressions = int((worse < -_LEAST).sum()), int((worse > _LEAST).sum())
    return Part(name, count, enough, tuple(changes), wins, regressions)


def _worse(pair: tuple[Measures, Measures]) -> NDArray[np.float64]:
    """Return how much worse each example got; 0 where it stayed right or stayed wrong."""
    old, new = pair
    worse = new.error - old.error
    if old.correct is None or new.correct is None:
        return worse
    return np.where(old.correct == new.correct, 0.0, worse)


def _adjusted(parts: Sequence[Part]) -> list[Part]:
    """Return the parts with the p of their exact tests adjusted for how many there are."""
    tested = [
        (at, change.p) for at, part in enumerate(parts) for change in part.changes if change.p is not None
    ]
    values = dict(zip([at for at, _ in tested], adjusted([p for _, p in tested]), strict=True))
    return [
        Part(part.name, part.count, part.supported, part.changes, part.wins, part.regressions, values.get(at))
        for at, part in enumerate(parts)
    ]


def _examples(old: Predictions, new: Predictions, by: NDArray[np.float64], sign: int = 1) -> list[Example]:
    """Return the examples of which a number is greatest, if that is more than 0."""
    order = np.argsort(-by, kind="stable")[:_SHOWN]
    found = []
    for at in order[by[order] > _LEAST]:
        row = int(at)
        slices = tuple(name for name, mask in new.slices.items() if mask[row])
        columns = (new.ids, new.labels, old.predictions, new.predictions)
        said = tuple(column[row].as_py() for column in columns)
        found.append(Example(said[0], said[1], said[2], said[3], sign * float(by[row]), slices))
    return found
