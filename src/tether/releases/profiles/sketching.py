"""How numbers are spread, as counts of bins; two sketches merge to that of all their numbers.

The bins follow the bits of float64: a bin is all numbers whose sign and leading bits are equal, and `drop` is
how many bits at the end are not looked at. With 0 each bin is one number, and everything said is exact. One
bit more is dropped when there are too many bins. How many are in the end depends on the set of numbers alone.
"""

import math
from collections.abc import Sequence
from itertools import accumulate
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tether.releases.profiles.document import DEEPEST
from tether.releases.profiles.moments import Floats

Whole = NDArray[np.int64]

WORKING = 1 << 14
"""Bins while numbers come: up to as many distinct numbers are told exactly."""
_MAGNITUDE = (1 << 63) - 1
_LARGEST = 0x7FEF_FFFF_FFFF_FFFF
"""The bits of the largest finite float64."""


class Sketch:
    """Counts of finite numbers by bins.

    Args:
        bound: The most bins.
    """

    def __init__(self, bound: int = WORKING) -> None:
        self.bound, self.drop = bound, 0
        self.keys: Whole = np.empty(0, np.int64)
        self.counts: Whole = np.empty(0, np.int64)

    def add(self, values: Floats, counts: Whole) -> None:
        """Take finite values in ascending order, each as often as `counts` has it."""
        self._join(*_united(_keys(values, self.drop), counts))

    def merge(self, other: "Sketch") -> None:
        """Take all that another one took."""
        while self.drop < other.drop:
            self._coarsen()
        keys, counts = other.keys, other.counts
        for _ in range(self.drop - other.drop):
            keys, counts = _united(_halved(keys), counts)
        self._join(keys, counts)

    def within(self, bound: int) -> "Sketch":
        """Return the same with fewer bins."""
        found = Sketch(bound)
        found.drop, found.keys, found.counts = self.drop, self.keys, self.counts
        while len(found.keys) > bound and found.drop < DEEPEST:
            found._coarsen()
        return found

    @property
    def count(self) -> int:
        """How many numbers it took."""
        return int(self.counts.sum())

    def quantiles(self, shares: Sequence[float], ends: tuple[float, float]) -> list[float]:
        """Return quantiles: exact where no bit was dropped, else within a bin.

        Between two numbers of the order they are on the line between these.

        Args:
            shares: Between 0 and 1.
            ends: The smallest and the largest number.
        """
        upto = [*accumulate(self.counts.tolist())]
        return [self._quantile(share, upto, ends) for share in shares]

    def _quantile(self, share: float, upto: list[int], ends: tuple[float, float]) -> float:
        place = share * (upto[-1] - 1)
        below = math.floor(place)
        low, high = (self._ranked(min(at, upto[-1] - 1), upto, ends) for at in (below, below + 1))
        if low == high:
            return low
        part = place - below
        return low * (1 - part) + high * part

    def _ranked(self, rank: int, upto: list[int], ends: tuple[float, float]) -> float:
        """Return about the number that has a place in the order; those of a bin lie evenly in it."""
        at = int(np.searchsorted(np.asarray(upto), rank, side="right"))
        low, high = edges(int(self.keys[at]), self.drop)
        if low == high:
            return low
        inside = (rank - (upto[at] - int(self.counts[at])) + 0.5) / int(self.counts[at])
        return min(max(low + (high - low) * inside, ends[0]), ends[1])

    def _join(self, keys: Whole, counts: Whole) -> None:
        self.keys, self.counts = _summed(
            np.concatenate([self.keys, keys]), np.concatenate([self.counts, counts])
        )
        while len(self.keys) > self.bound and self.drop < DEEPEST:
            self._coarsen()

    def _coarsen(self) -> None:
        self.drop += 1
        self.keys, self.counts = _united(_halved(self.keys), self.counts)


class Edge(NamedTuple):
    """Where a bin begins and ends."""

    low: float
    high: float


def edges(key: int, drop: int) -> Edge:
    """Return the ends of a bin; they are equal where no bit is dropped."""
    lows, highs = edges_of(np.array([key], np.int64), drop)
    return Edge(float(lows[0]), float(highs[0]))


def edges_of(keys: Whole, drop: int) -> tuple[Floats, Floats]:
    """Return the lower and the upper ends of many bins; see `edges`."""
    sizes = np.abs(keys).astype(np.uint64)  # the end of the last bin may need all 64 bits
    near = _numbers(sizes << np.uint64(drop))
    if not drop:
        ones = np.copysign(near, keys)
        return ones, ones
    far = _numbers((sizes + np.uint64(1)) << np.uint64(drop))
    return np.where(keys > 0, near, -far), np.where(keys < 0, -near, far)


def _numbers(bits: NDArray[np.uint64]) -> Floats:
    return np.minimum(bits, np.uint64(_LARGEST)).view(np.float64)


def _keys(values: Floats, drop: int) -> Whole:
    bits = np.ascontiguousarray(values, np.float64).view(np.int64)
    magnitude = (bits & _MAGNITUDE) >> drop
    return np.where(bits < 0, -magnitude, magnitude)


def _halved(keys: Whole) -> Whole:
    halved: Whole = np.sign(keys) * (np.abs(keys) >> 1)
    return halved


def _summed(keys: Whole, counts: Whole) -> tuple[Whole, Whole]:
    """Return each key once, in order, with the sum of its counts."""
    order = np.argsort(keys, kind="stable")
    return _united(keys[order], counts[order])


def _united(keys: Whole, counts: Whole) -> tuple[Whole, Whole]:
    """Return each key once with the sum of its counts; equal ones lie side by side."""
    if not len(keys):
        return keys, counts
    starts = np.flatnonzero(np.concatenate([[True], keys[1:] != keys[:-1]]))
    return keys[starts], np.add.reduceat(counts, starts)
