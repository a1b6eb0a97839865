"""Figures of one model, or of two on the same examples, with their intervals: of all, and of parts."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from tether.evals.intervals import (
    MOST_GROUPS,
    Floats,
    Interval,
    Plan,
    draw_blocks,
    draws,
    groups_of,
    mcnemar,
    percentiles,
    wilson,
)
from tether.evals.metrics.base import Figures, Measures, Ranks, is_detail

Method = Literal["wilson", "bootstrap"]
Chosen = NDArray[np.bool_]
"""Which examples, of shape (examples,)."""


@dataclass(frozen=True, slots=True)
class Figure:
    """One metric.

    Attributes:
        name: Of the metric.
        value: None where it has none, such as a recall without examples.
        interval: Its ends; None where there is none.
        method: `wilson` or `bootstrap`; None without an interval.
    """

    name: str
    value: float | None
    interval: Interval | None = None
    method: Method | None = None


@dataclass(frozen=True, slots=True)
class Change:
    """How one metric differs between two models on the same examples.

    Attributes:
        name: Of the metric.
        old: Of the one model.
        new: Of the other.
        interval: Of the difference, from pairs of replicates.
        p: Of McNemar's exact test, for a share of examples that are right.
    """

    name: str
    old: float | None
    new: float | None
    interval: Interval | None = None
    p: float | None = None

    @property
    def is_detail(self) -> bool:
        """Whether it is of one class alone."""
        return is_detail(self.name)

    @property
    def change(self) -> float | None:
        """How much more the new one has."""
        return None if self.old is None or self.new is None else self.new - self.old


def measure(
    measures: Measures, plan: Plan, chosen: Chosen | None = None, *, details: bool = True
) -> list[Figure]:
    """Return the figures of some examples.

    Args:
        measures: What is measured.
        plan: How intervals are made.
        chosen: Which examples; None is all.
        details: Figures of single classes too.
    """
    which = np.ones(measures.count, np.bool_) if chosen is None else chosen
    values, totals = _values(measures, which)
    spread = _replicates((measures,), which, plan, lambda rows: rows[0])
    found = []
    for name, value in values.items():
        if is_detail(name) and not details:
            continue
        share = measures.sums.shares.get(name)
        method: Method = "bootstrap" if share is None else "wilson"
        if share is not None:
            interval = wilson(totals[share[0]], totals[share[1]], plan.level)
        else:
            interval = _interval(spread.get(name), plan)
        known = interval is not None and value is not None
        found.append(Figure(name, value, interval if known else None, method if known else None))
    return found


def measure_change(
    old: Measures, new: Measures, plan: Plan, chosen: Chosen | None = None, *, details: bool = True
) -> list[Change]:
    """Return how figures differ from one model to another, whose examples are in the same order.

    Args:
        old: Of the one.
        new: Of the other.
        plan: How intervals are made.
        chosen: Which examples; None is all.
        details: Figures of single classes too.
    """
    which = np.ones(old.count, np.bool_) if chosen is None else chosen
    before, after = _values(old, which)[0], _values(new, which)[0]
    spread = _replicates((old, new), which, plan, _differences)
    exact = _exact_test(old, new, which)
    names = [name for name in before if name in after and (details or not is_detail(name))]
    return [
        Change(
            name,
            before[name],
            after[name],
            _interval(spread.get(name), plan),
            exact if name in ("accuracy", "exact_match") else None,
        )
        for name in names
    ]


def _differences(rows: "tuple[Figures, ...]") -> Figures:
    old, new = rows
    return {name: new[name] - old[name] for name in old if name in new}


def _exact_test(old: Measures, new: Measures, chosen: Chosen) -> float | None:
    if old.correct is None or new.correct is None:
        return None
    before, after = old.correct[chosen], new.correct[chosen]
    return mcnemar(int((before & ~after).sum()), int((after & ~before).sum()))


def _values(measures: Measures, chosen: Chosen) -> tuple[dict[str, float | None], Floats]:
    """Return the metrics of some examples, and the sums that they come from."""
    totals = measures.sums.add(np.where(chosen, 0, -1).astype(np.intp), 1)
    found = dict(measures.sums.figures(totals))
    for ranks in measures.ranks:
        part = ranks.take(chosen)
        found |= part.figures(np.ones((1, int(chosen.sum()))))
    return {name: _known(values[0]) for name, values in _headlines_first(found).items()}, totals[0]


def _headlines_first(found: Figures) -> Figures:
    return dict(sorted(found.items(), key=lambda item: is_detail(item[0])))


def _known(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None


def _interval(values: Floats | None, plan: Plan) -> Interval | None:
    return None if values is None else percentiles(values, plan.level)


def _replicates(
    models: tuple[Measures, ...], chosen: Chosen, plan: Plan, joined: Callable[[tuple[Figures, ...]], Figures]
) -> Mapping[str, Floats]:
    """Return metrics of replicates, drawn for all models alike."""
    if not plan.replicates or chosen.sum() < 2:
        return {}
    statistics = max(model.sums.statistics for model in models)
    groups, count = groups_of(chosen, statistics, plan.seed)
    weights = draws(count, plan.replicates, plan.seed)
    sums = [model.sums.figures(weights @ model.sums.add(groups, count)) for model in models]
    return {**joined(tuple(sums)), **_ranked(models, chosen, plan, joined)}


def _ranked(
    models: tuple[Measures, ...], chosen: Chosen, plan: Plan, joined: Callable[[tuple[Figures, ...]], Figures]
) -> Mapping[str, Floats]:
    found: dict[str, list[Floats]] = {}
    count = int(chosen.sum())
    kinds = min(len(model.ranks) for model in models)
    for at in range(kinds):
        parts = [model.ranks[at].take(chosen) for model in models]
        if count > MOST_GROUPS and (moved := _moved(parts, count, plan)):
            found |= {name: [values] for name, values in joined(moved).items()}
            continue
        replicates = plan.affordable(sum(part.cost for part in parts))
        for weights in draw_blocks(count, replicates, plan.seed):
            for name, values in joined(tuple(part.figures(weights) for part in parts)).items():
                found.setdefault(name, []).append(values)
    return {name: np.concatenate(values) for name, values in found.items()}


def _moved(parts: Sequence[Ranks], count: int, plan: Plan) -> tuple[Figures, ...]:
    """Return metrics of replicates by how much each example moves them; of very many that is as good."""
    groups, size = groups_of(np.ones(count, np.bool_), 1, plan.seed)
    weights = draws(size, plan.replicates, plan.seed)
    rows = []
    for part in parts:
        known = part.influence()
        if not known:
            return ()
        sums = {name: (value, np.bincount(groups, moves, size)) for name, (value, moves) in known.items()}
        rows.append({name: value + weights @ moves / count for name, (value, moves) in sums.items()})
    return tuple(rows)


def find(figures: Iterable[Figure], name: str) -> Figure | None:
    """Return the figure of a name, or None."""
    return next((figure for figure in figures if figure.name == name), None)
