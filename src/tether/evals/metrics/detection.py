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
_LEVELS = 101
_MOST_BOXES = 100
_SURE = 0.5
_PER_CLASS = 20_000
"""What a class counts for a replicate beside its boxes, in numbers looked at. It says how many replicates are
drawn, so another number would give other intervals than those that are kept."""
_AT_ONCE = 30000
"""Numbers, of a class, that are looked at together."""


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
    real = _by_label(labels)
    for label, several in _by_label(found).items():
        boxes = sorted(several, key=lambda box: -box.score)[:_MOST_BOXES]
        overlaps = overlap(_corners(boxes), _corners(real.get(label, [])))
        for box, hit in zip(boxes, _hits(overlaps), strict=True):
            yield image, codes[label], box.score, hit


def _by_label(boxes: Sequence[Box]) -> dict[str, list[Box]]:
    found: dict[str, list[Box]] = {}
    for box in boxes:
        found.setdefault(box.label, []).append(box)
    return found


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
        tables = self._tables(weights)
        known = ~np.isnan(tables[:, :, 0])
        means = divided(np.nansum(tables, axis=1), known.sum(axis=1)[:, None])
        found = {"ap@0.5": means[:, 0], "ap@0.5:0.95": means.mean(axis=1)}
        return found | {f"ap@0.5[{label}]": tables[:, at, 0] for at, label in enumerate(self._classes)}

    def influence(self) -> dict[str, tuple[float, Floats]]:
        """Return nothing: it is not known how much an image moves an average precision."""
        return {}

    def _tables(self, weights: Floats) -> Floats:
        """Return the average precision of each replicate, class and threshold; NaN without a true box.

        All replicates of a class are looked at together, as far as they are no more than so many numbers:
        with many classes of few boxes each, the calls would cost more than the numbers.
        """
        classes = len(self._classes)
        images, labels = self.truth.T
        sums = [np.bincount(labels, row[images], classes) for row in weights]
        real = np.asarray(sums, np.float64)  # (replicates, classes)
        tables = np.full((*real.shape, len(THRESHOLDS)), np.nan)
        ends = np.searchsorted(self._found.label, np.arange(classes + 1))
        for at in np.flatnonzero((real > 0).any(axis=0)):
            part = slice(ends[at], ends[at + 1])
            image, hit = self._found.image[part], self._found.hit[part].T
            some = max(1, _AT_ONCE // max(hit.size, 1))
            for start in range(0, len(weights), some):
                rows = slice(start, start + some)
                mass = weights[rows, image][:, None, :]  # (replicates, 1, boxes)
                found = average_precision(mass, hit, real[rows, at, None])
                tables[rows, at] = np.where(real[rows, at, None] > 0, found, np.nan)
        return tables


def average_precision(mass: Floats, hit: NDArray[np.bool_], real: Floats) -> Floats:
    """Return the mean precision at 101 levels of recall, of shape (...).

    Args:
        mass: How much each box found counts, the surest first; of shape (..., boxes).
        hit: Which are hits, of a shape that is stretched to that.
        real: How many true boxes there are, of shape (...) or one that is stretched to it.
    """
    true = np.cumsum(mass * hit, axis=-1)
    envelope = divided(true, np.cumsum(mass, axis=-1), 0.0)
    reverse = envelope[..., ::-1]
    np.maximum.accumulate(reverse, axis=-1, out=reverse)
    true *= divided(np.asarray(_LEVELS - 1.0), real)[..., None]  # recall, in levels
    true += 1 + 1e-10
    reached = np.floor(true, out=true)
    steps = np.diff(reached, axis=-1, prepend=0.0)
    found: Floats = np.einsum("...i,...i->...", envelope, steps) / _LEVELS
    return found
