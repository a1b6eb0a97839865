"""Classes: accuracy, precision, recall, F1, log loss, and the area under the curve of the scores."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tether.evals.metrics.base import Codes, Figures, Floats, Groups, Measures, Ranks, Sums, divided

_LEAST = float(np.finfo(np.float64).eps)
_SLACK = 1e-3
_MOST_DETAILED = 1000
"""With more classes there are no figures of each."""


def classification(
    labels: Codes, predictions: Codes, classes: Sequence[str], scores: Floats | None = None
) -> Measures:
    """Return what is measured of predicted classes.

    Args:
        labels: The class of each example, as its place in `classes`.
        predictions: As for `labels`.
        classes: All classes.
        scores: Of shape (examples, classes), in the order of `classes`; NaN for a class that has none.
    """
    correct = labels == predictions
    warnings: list[str] = []
    ranks: tuple[Ranks, ...] = ()
    loss: Floats | None = None
    if scores is not None and len(classes) > 1:
        ranks = (Curve(labels, scores, classes),)
        loss = log_loss(labels, scores)
        if loss is None:
            warnings.append("the scores are no probabilities: no log loss")
    counts = _Counts(labels, predictions, classes, loss)
    error = (~correct).astype(np.float64)
    if loss is not None:  # of two that are wrong, the surer one is worse
        error = np.where(correct, 0.0, 1.0 + loss)
    sums = Sums(counts.add, counts.figures, counts.statistics, counts.shares())
    return Measures(len(labels), "accuracy", sums, error, ranks, correct, tuple(warnings))


def log_loss(labels: Codes, scores: Floats) -> Floats | None:
    """Return the negative logarithm of the probability that each label was given; None if there are none."""
    known = np.nan_to_num(scores, nan=0.0)
    totals = known.sum(axis=1)
    if known.min(initial=0.0) < -_SLACK or np.abs(totals - 1).max(initial=0.0) > _SLACK:
        return None
    given = known[np.arange(len(labels)), labels] / totals
    return np.asarray(-np.log(np.clip(given, _LEAST, 1.0)))


def confusion(labels: Codes, predictions: Codes, count: int) -> NDArray[np.int64]:
    """Return how often each class was taken for each, of shape (labels, predictions)."""
    return np.bincount(labels * count + predictions, minlength=count * count).reshape(count, count)


@dataclass(frozen=True, slots=True)
class _Counts:
    """Sums: examples, hits, log loss; then for each class hits, labels and predictions."""

    labels: Codes
    predictions: Codes
    classes: Sequence[str]
    loss: Floats | None

    @property
    def statistics(self) -> int:
        return 3 + 3 * len(self.classes)

    def add(self, groups: Groups, count: int) -> Floats:
        kept = groups >= 0
        group, label, predicted = groups[kept], self.labels[kept], self.predictions[kept]
        hit, size = label == predicted, len(self.classes)
        found = np.zeros((count, self.statistics))
        found[:, 0] = np.bincount(group, minlength=count)
        found[:, 1] = np.bincount(group[hit], minlength=count)
        if self.loss is not None:
            found[:, 2] = np.bincount(group, self.loss[kept], count)
        parts = ((group[hit], label[hit]), (group, label), (group, predicted))
        for at, (where, code) in enumerate(parts):
            table = np.bincount(where * size + code, minlength=count * size).reshape(count, size)
            found[:, 3 + at * size : 3 + (at + 1) * size] = table
        return found

    def figures(self, sums: Floats) -> Figures:
        size = len(self.classes)
        hits, labels, predicted = (sums[:, 3 + at * size : 3 + (at + 1) * size] for at in range(3))
        recall, precision = divided(hits, labels, 0.0), divided(hits, predicted, 0.0)
        f1 = divided(2 * hits, labels + predicted, 0.0)
        there = (labels + predicted) > 0
        found = {
            "accuracy": divided(sums[:, 1], sums[:, 0]),
            "balanced_accuracy": divided((recall * (labels > 0)).sum(axis=1), (labels > 0).sum(axis=1)),
        }
        for name, values in (("precision", precision), ("recall", recall), ("f1", f1)):
            found[f"{name}_macro"] = divided((values * there).sum(axis=1), there.sum(axis=1))
        if self.loss is not None:
            found["log_loss"] = divided(sums[:, 2], sums[:, 0])
        if size <= _MOST_DETAILED:
            for at, label in enumerate(self.classes):
                found[f"precision[{label}]"] = divided(hits[:, at], predicted[:, at])
                found[f"recall[{label}]"] = divided(hits[:, at], labels[:, at])
                found[f"f1[{label}]"] = divided(2 * hits[:, at], labels[:, at] + predicted[:, at])
        return found

    def shares(self) -> dict[str, tuple[int, int]]:
        size = len(self.classes)
        found = {"accuracy": (1, 0)}
        for at, label in enumerate(self.classes):
            found[f"recall[{label}]"] = (3 + at, 3 + size + at)
            found[f"precision[{label}]"] = (3 + at, 3 + 2 * size + at)
        return found


class Curve:
    """The area under the curve: how often an example of a class has a higher score for it than another.

    Of two classes it is that of the second one; of more the mean over those that some have and some have not.
    Equal scores count one half.

    Args:
        labels: As for `classification`.
        scores: As for `classification`.
        classes: All classes.
    """

    def __init__(self, labels: Codes, scores: Floats, classes: Sequence[str]) -> None:
        self._labels, self._scores, self._classes = labels, scores, classes
        known = [at for at in range(len(classes)) if not np.isnan(scores[:, at]).any()]
        self._used = known[1:] if len(classes) == 2 and len(known) == 2 else known
        self.cost = len(labels) * max(len(self._used), 1)
        self._orders: dict[int, tuple[NDArray[np.intp], NDArray[np.intp]]] = {}

    def take(self, chosen: NDArray[np.bool_]) -> "Curve":
        """Return the same for some of the examples."""
        return Curve(self._labels[chosen], self._scores[chosen], self._classes)

    def figures(self, weights: Floats) -> Figures:
        """Return `auc` with weights of shape (replicates, examples)."""
        if not self._used or not len(self._labels):
            return {"auc": np.full(len(weights), np.nan)}
        areas = np.stack([self._area(at, weights) for at in self._used])
        known = ~np.isnan(areas)
        return {"auc": divided(np.nansum(areas, axis=0), known.sum(axis=0))}

    def influence(self) -> dict[str, tuple[float, Floats]]:
        """Return `auc` and how much each example moves it, of shape (examples,) with a mean of 0.

        Source: E. DeLong and others, Biometrics 44 (1988): which part of the others each is right about.
        """
        found = [each for at in self._used if (each := self._moved(at)) is not None]
        if not found:
            return {}
        moves = np.mean([rows for _, rows in found], axis=0)
        return {"auc": (float(np.mean([area for area, _ in found])), moves)}

    def _moved(self, at: int) -> tuple[float, Floats] | None:
        order, starts = self._order(at)
        is_class = self._labels[order] == at
        inside = np.add.reduceat(is_class.astype(np.float64), starts)
        outside = np.add.reduceat((~is_class).astype(np.float64), starts)
        members, others = inside.sum(), outside.sum()
        if not members or not others:
            return None
        below = (np.cumsum(outside) - outside / 2) / others
        above = 1 - (np.cumsum(inside) - inside / 2) / members
        area = float((inside * below).sum() / members)
        sizes = np.diff(np.r_[starts, len(order)])
        right = np.where(is_class, np.repeat(below, sizes), np.repeat(above, sizes))
        rows = np.empty(len(order))
        rows[order] = (right - area) * len(order) / np.where(is_class, members, others)
        return area, rows

    def _area(self, at: int, weights: Floats) -> Floats:
        order, starts = self._order(at)
        sorted_weights = weights[:, order]
        is_class = (self._labels[order] == at).astype(np.float64)
        inside = np.add.reduceat(sorted_weights * is_class, starts, axis=1)
        outside = np.add.reduceat(sorted_weights * (1 - is_class), starts, axis=1)
        below = np.cumsum(outside, axis=1) - outside / 2
        return divided((inside * below).sum(axis=1), inside.sum(axis=1) * outside.sum(axis=1))

    def _order(self, at: int) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        """Return the examples by rising score, and where in that order each new score begins."""
        if at not in self._orders:
            order = np.argsort(self._scores[:, at], kind="stable")
            values = self._scores[order, at]
            self._orders[at] = order, np.flatnonzero(np.r_[True, values[1:] != values[:-1]])
        return self._orders[at]
