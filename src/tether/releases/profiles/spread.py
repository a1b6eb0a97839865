"""Numbers as they come, in any order and any blocks, and what a profile says of them."""

from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tether.releases.profiles.document import MOST_BINS, SHARES, Bins, Counts, Numbers
from tether.releases.profiles.moments import MOST, Floats, Moments
from tether.releases.profiles.sketching import WORKING, Sketch

_LEAST_BINS, _SHARE = 8, 8
"""Bins that are told: `MOST_BINS`, but on average with so many numbers in each, so that few numbers are not
shown one by one."""
_EXACT = 1 << 53
_WAITING = 1 << 13
"""Single numbers that are kept until they are worth a block."""


class Spread:
    """Takes numbers."""

    def __init__(self) -> None:
        self.nan = self.infinite = 0
        self.whole = True
        """Whether all are integers by their type."""
        self.min: int | float | None = None
        self.max: int | float | None = None
        self._rounded = False
        self._waiting: list[int | float] = []
        self._moments, self._sketch = Moments(), Sketch()

    @property
    def count(self) -> int:
        """All of them, those too that are no numbers or infinite."""
        self._settle()
        return self._moments.count + self.nan + self.infinite

    def one(self, value: int | float) -> None:
        """Take a number; all of them that come so are of one type."""
        self._waiting.append(value)
        if len(self._waiting) == _WAITING:
            self._settle()

    def _settle(self) -> None:
        if self._waiting:
            waiting, self._waiting = self._waiting, []
            self.add(np.array(waiting))

    def add(self, values: NDArray[Any]) -> None:
        """Take an array of integers or floats."""
        flat = values.reshape(-1)
        for at in range(0, len(flat), MOST):
            self._block(flat[at : at + MOST])

    def _block(self, block: NDArray[Any]) -> None:
        if block.dtype.kind in "iu":
            self._extend(int(block.min()), int(block.max()))
            floats: Floats = block.astype(np.float64)
        else:
            self.whole = False
            floats = block.astype(np.float64)
            finite = np.isfinite(floats)
            if not finite.all():
                empty = int(np.isnan(floats).sum())
                self.nan += empty
                self.infinite += len(floats) - int(finite.sum()) - empty
                floats = floats[finite]
            if not len(floats):
                return
            self._extend(float(floats.min()) + 0.0, float(floats.max()) + 0.0)
        distinct, counts = np.unique(floats, return_counts=True)
        counts = counts.astype(np.int64)
        self._moments.add(distinct, counts)
        self._sketch.add(distinct, counts)

    def _extend(self, low: int | float, high: int | float) -> None:
        self.min = low if self.min is None else min(self.min, low)
        self.max = high if self.max is None else max(self.max, high)
        self._rounded |= isinstance(low, int) and (high > _EXACT or low < -_EXACT)

    def merge(self, other: "Spread") -> None:
        """Take all that another one took."""
        self._settle()
        other._settle()
        self.nan += other.nan
        self.infinite += other.infinite
        self.whole &= other.whole
        self._rounded |= other._rounded
        if other.min is not None and other.max is not None:
            self._extend(other.min, other.max)
        self._moments.merge(other._moments)
        self._sketch.merge(other._sketch)

    @property
    def distinct(self) -> int | None:
        """Different finite numbers; None where they are too many, or too large to be told apart."""
        self._settle()
        return len(self._sketch.keys) if not self._sketch.drop and not self._rounded else None

    @property
    def more_than(self) -> int | None:
        """A number of different ones that is surpassed; None where `distinct` is known."""
        if self.distinct is not None:
            return None
        return WORKING if self._sketch.drop else len(self._sketch.keys) - 1

    def told(self) -> Numbers:
        """Return what a profile says of them."""
        self._settle()
        count, sketch = self._moments.count, self._sketch
        if not count or self.min is None or self.max is None:
            return Numbers(self.count, self.nan, self.infinite)
        low, high = (self.min, self.max) if self.whole else (float(self.min), float(self.max))
        shown = sketch.within(min(max(count // _SHARE, _LEAST_BINS), MOST_BINS))
        keys = shown.keys.tolist()
        deltas = [after - before for before, after in pairwise(keys)]
        return Numbers(
            self.count,
            self.nan,
            self.infinite,
            low,
            high,
            self._moments.mean,
            self._moments.deviation,
            tuple(sketch.quantiles(SHARES, (float(low), float(high)))),
            exact=not sketch.drop and not self._rounded,
            bins=Bins(shown.drop, (keys[0], *deltas), tuple(shown.counts.tolist())),
        )

    def tally(self) -> dict[str, int] | None:
        """Return how often each integer is there; None where they are too many, or not all integers."""
        if not self.whole or self.distinct is None:
            return None
        numbers = np.where(self._sketch.keys < 0, -1.0, 1.0) * np.abs(self._sketch.keys).view(np.float64)
        return {str(int(each)): int(n) for each, n in zip(numbers, self._sketch.counts, strict=True)}


def counts_of(tally: dict[str, int], most: int) -> Counts:
    """Return how often values are there, the most frequent first."""
    ordered = sorted(tally.items(), key=lambda item: (-item[1], item[0]))
    left = ordered[most:]
    return Counts(tuple(ordered[:most]), len(left), sum(count for _, count in left))
