"""Boxes in images: average precision as COCO has it, at an overlap of 0.5 and over 0.5 to 0.95.

Source: T.-Y. Lin and others, Microsoft COCO, ECCV 2014, and its rules of evaluation: the 100 surest boxes of
a class in an image, each taken for the free box that it overlaps most, precision at 101 levels of recall.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tether.evals.metrics.base import Figures, Floats, Measures, Sums, divided, sums_of_rows

THRESHOLDS = np.linspace(0.5, 0.95, 10)
_LEVELS = np.linspace(0.0, 1.0, 101)
_MOST_BOXES = 100
_SURE = 0.5
_PER_CLASS = 20_000
"""What a class costs a replicate beside its boxes, in numbers looked at."""


class Box(NamedTuple):
    """One box: corners in pixels, `x1 < x2` and `y1 < y2`, and how sure it is."""

    label: str
    x1: float
    y1: float
    x2: float
    y2: float
    score: float = 1.0


class _Found(NamedTuple):
    """Columns of boxes that were found, those of a class together, the surest first."""

    image: NDArray[np.int64]
    label: NDArray[np.int64]
    score: Floats
    hit: NDArray[np.bool_]
    """Of shape (boxes, thresholds)."""


def detection(labels: Sequence[Sequence[Box]], found: Sequence[Sequence[Box]]) -> Measures:
    """Return what is measured of boxes, with the true and the found ones of each image."""
    classes = sorted({box.label for boxes in (*labels, *found) for box in boxes})
    codes = {label: at for at, label in enumerate(classes)}
    pairs = [*zip(labels, found, strict=True)]
    rows = [row for image, pair in enumerate(pairs) for row in _matched(image, *pair, codes)]
    rows.sort(key=lambda row: (row[1], -row[2]))
    columns = _Found(
        np.array([row[0] for row in rows], np.int64),
        np.array([row[1] for row in rows], np.int64),
        np.array([row[2] for row in rows], np.float64),
        np.array([row[3] for row in rows], np.bool_).reshape(-1, len(THRESHOLDS)),
    )
    truth = [(image, codes[box.label]) for image, boxes in enumerate(labels) for box in boxes]
    curve = Precision(columns, np.array(truth, np.int64).reshape(-1, 2), classes, len(pairs))
    return _measures(columns, curve, len(pairs))


def _measures(columns: _Found, curve: "Precision", count: int) -> Measures:
    real = np.bincount(curve.truth[:, 0], minlength=count).astype(np.float64)
    hits = np.bincount(columns.image, columns.hit[:, 0], count)
    sure = columns.score >= _SURE
    sure_hits = np.bincount(columns.image[sure], columns.hit[sure, 0], count)
    sure_boxes = np.bincount(columns.image[sure], minlength=count).astype(np.float64)
    boxes = np.asarray(real + sure_boxes, np.float64)
    error = 1 - divided(np.asarray(2 * sure_hits, np.float64), boxes, 1.0)
    rows = np.stack([real, hits], axis=1)
    sums = Sums(sums_of_rows(rows), lambda sums: {"recall@0.5": divided(sums[:, 1], sums[:, 0])}, 2)
    return Measures(count, "ap@0.5:0.95", sums, error, (curve,))


def _matched(
    image: int, labels: Sequence[Box], found: Sequence[Box], codes: dict[str, int]
) -> Iterator[tuple[int, int, float, NDArray[np.bool_]]]:
    """Yield image, class, score, and the thresholds at which it is a hit, of each box found in an image."""
    for label in {box.label for box in found}:
        boxes = sorted((box for box in found if box.label == label), key=lambda box: -box.score)[:_MOST_BOXES]
        real = [box for box in labels if box.label == label]
        overlaps = overlap(_corners(boxes), _corners(real))
        for box, hit in zip(boxes, _hits(overlaps), strict=True):
            yield image, codes[label], box.score, hit


def _corners(boxes: Sequence[Box]) -> Floats:
    return np.array([box[1:5] for box in boxes], np.float64).reshape(-1, 4)


def overlap(one: Floats, two: Floats) -> Floats:
    """Return the shared area over the joint area of each pair of boxes, of shape (one, two)."""
    low = np.maximum(one[:, None, :2], two[None, :, :2])
    high = np.minimum(one[:, None, 2:], two[None, :, 2:])
    shared = np.clip(high - low, 0, None).prod(axis=2)
    areas = [(each[:, 2:] - each[:, :2]).prod(axis=1) for each in (one, two)]
    return divided(shared, areas[0][:, None] + areas[1][None, :] - shared, 0.0)


def _hits(overlaps: Floats) -> NDArray[np.bool_]:
    """Return at which thresholds each box, the surest first, gets a true box of its own."""
    count, real = overlaps.shape
    hits = np.zeros((count, len(THRESHOLDS)), np.bool_)
    if not real:
        return hits
    for at, threshold in enumerate(THRESHOLDS):
        free = np.ones(real, np.bool_)
        for box in range(count):
            open_ones = np.where(free, overlaps[box], -1.0)
            best = int(open_ones.argmax())
            if open_ones[best] >= threshold - 1e-10:
                free[best], hits[box, at] = False, True
    return hits


class Precision:
    """Average precision over the classes that have a true box.

    Args:
        found: The boxes that were found.
        truth: Image and class of each true box, of shape (boxes, 2).
        classes: All classes.
        count: Of images.
    """

    def __init__(self, found: _Found, truth: NDArray[np.int64], classes: Sequence[str], count: int) -> None:
        self.truth = truth
        self._found, self._classes, self._count = found, classes, count
        self.cost = len(classes) * _PER_CLASS + len(found.image) * len(THRESHOLDS)

    def take(self, chosen: NDArray[np.bool_]) -> "Precision":
        """Return the same for some of the images."""
        place = np.cumsum(chosen) - 1
        kept = chosen[self._found.image]
        image, label, score, hit = self._found
        found = _Found(place[image[kept]], label[kept], score[kept], hit[kept])
        truth = self.truth[chosen[self.truth[:, 0]]]
        truth = np.stack([place[truth[:, 0]], truth[:, 1]], axis=1)
        return Precision(found, truth, self._classes, int(chosen.sum()))

    def figures(self, weights: Floats) -> Figures:
        """Return the averages with weights of shape (replicates, images)."""
        tables = np.stack([self._table(row) for row in weights])  # (replicates, classes, thresholds)
        known = ~np.isnan(tables[:, :, 0])
        means = divided(np.nansum(tables, axis=1), known.sum(axis=1)[:, None])
        found = {"ap@0.5": means[:, 0], "ap@0.5:0.95": means.mean(axis=1)}
        return found | {f"ap@0.5[{label}]": tables[:, at, 0] for at, label in enumerate(self._classes)}

    def influence(self) -> dict[str, tuple[float, Floats]]:
        """Return nothing: it is not known how much an image moves an average precision."""
        return {}

    def _table(self, weights: Floats) -> Floats:
        """Return the average precision of each class at each threshold; NaN where there is no true box."""
        table = np.full((len(self._classes), len(THRESHOLDS)), np.nan)
        real = np.bincount(self.truth[:, 1], weights[self.truth[:, 0]], len(self._classes))
        ends = np.searchsorted(self._found.label, np.arange(len(self._classes) + 1))
        for at in np.flatnonzero(real > 0):
            part = slice(ends[at], ends[at + 1])
            mass = weights[self._found.image[part]]
            for level in range(len(THRESHOLDS)):
                hit = self._found.hit[part, level]
                table[at, level] = average_precision(mass * hit, mass * ~hit, real[at])
        return table


def average_precision(hits: Floats, misses: Floats, real: float) -> float:
    """Return the mean precision at 101 levels of recall.

    Args:
        hits: Of each box found, the surest first, how much it counts as a hit.
        misses: How much it counts as none.
        real: How many true boxes there are.
    """
    true, false = np.cumsum(hits), np.cumsum(misses)
    precision = divided(true, true + false, 0.0)
    envelope = np.maximum.accumulate(precision[::-1])[::-1]
    at = np.searchsorted(true / real, _LEVELS - 1e-12, side="left")
    return float(
        np.where(at < len(envelope), np.r_[envelope, 0.0][np.minimum(at, len(envelope))], 0.0).mean()
    )
