"""From predictions to an evaluation: always the same, so that anybody can do it again from what is kept."""

from collections.abc import Sequence
from typing import NamedTuple

import msgspec
import numpy as np

from tether.errors import InvalidInput
from tether.evals.data.opening import set_digest
from tether.evals.evaldoc import Evaluation, Metric, SliceResult
from tether.evals.expressions import parse_condition
from tether.evals.intervals import Plan
from tether.evals.measuring import measure
from tether.evals.metrics.base import Measures, is_detail
from tether.evals.metrics.classification import confusion
from tether.evals.needs import arrow, compute
from tether.evals.predictions import Predictions
from tether.evals.slices import Slice
from tether.evals.tasks import CLASSIFICATION, classes_of, measures_of

_MOST_PAIRS = 10_000
_MOST_CLASSES = 2000


class Measured(NamedTuple):
    """What was measured."""

    task: str
    measures: Measures
    metrics: tuple[Metric, ...]
    slices: tuple[SliceResult, ...]
    confusion: tuple[tuple[str, str, int], ...]


def evaluate(table: Predictions, slices: Sequence[Slice], plan: Plan) -> Measured:
    """Measure predictions, all and by slices.

    Args:
        table: The predictions; it says which examples are in a slice.
        slices: What the slices are.
        plan: How intervals are made.
    """
    measures = measures_of(table)
    found = [*map(Metric.of, measure(measures, plan))]
    return Measured(
        table.task,
        measures,
        tuple(found),
        tuple(_slice(table, measures, each, plan) for each in slices),
        _confusion(table) if table.task == CLASSIFICATION else (),
    )


def _slice(table: Predictions, measures: Measures, each: Slice, plan: Plan) -> SliceResult:
    chosen = table.slices[each.name]
    count = int(chosen.sum())
    metrics = measure(measures, plan, chosen, details=False) if count >= each.least else []
    return SliceResult(each.name, each.where, each.least, count, tuple(map(Metric.of, metrics)), each.note)


def _confusion(table: Predictions) -> tuple[tuple[str, str, int], ...]:
    """Return which classes are taken for which, the most frequent first; empty of very many classes."""
    names = classes_of(table)
    if len(names) > _MOST_CLASSES:
        return ()
    values = arrow().array(names, arrow().string())
    codes = [
        np.asarray(compute().index_in(column, value_set=values), np.int64)
        for column in (table.labels, table.predictions)
    ]
    counts = confusion(codes[0], codes[1], len(names))
    rows = [(names[at], names[to], int(counts[at, to])) for at, to in np.argwhere(counts)]
    return tuple(sorted(rows, key=lambda row: (-row[2], row[0], row[1]))[:_MOST_PAIRS])


def headlines(metrics: Sequence[Metric]) -> list[Metric]:
    """Return the metrics that are not of one class alone."""
    return [metric for metric in metrics if not is_detail(metric.name)]


def evaluated_again(table: Predictions, old: Evaluation) -> Evaluation:
    """Return an evaluation with its figures computed again from its predictions.

    It is equal to `old` if that is what these predictions give.

    Args:
        table: The predictions; their digest is not looked at.
        old: What was said of them.

    Raises:
        InvalidInput: A slice is not in the table, or its condition cannot be read.
    """
    missing = [each.name for each in old.slices if each.name not in table.slices]
    if missing:
        raise InvalidInput(f"the predictions know no slice {missing[0]}")
    slices = [
        Slice(each.name, each.where, parse_condition(each.where), each.min, each.note) for each in old.slices
    ]
    plan = Plan(old.intervals.level, old.intervals.replicates, old.intervals.seed).check()
    found = evaluate(table, slices, plan)
    data = msgspec.structs.replace(old.data, set=set_digest(table.ids, table.labels), count=table.count)
    return msgspec.structs.replace(
        old,
        task=table.task,
        data=data,
        primary=found.measures.primary,
        metrics=found.metrics,
        slices=found.slices,
        confusion=found.confusion,
        warnings=found.measures.warnings,
    )
