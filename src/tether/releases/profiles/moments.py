"""Mean and spread of numbers from sums without rounding, so that no order and no split of them matters.

A float64 is an integer times a power of two. Integers are added by their exponents, in parts so small that
the sums of a block are exact in float64, and from block to block as Python's integers. The square of a
fraction is two floats without a remainder (T. J. Dekker, A floating-point technique for extending the
available precision, 1971).
"""

import math
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

MOST = 1 << 17
"""Values in a block: parts of 27 bits, as many of them, have a sum below 2**53."""

_LEAST = 1074
"""The smallest float64 is 2**-1074; `frexp` gives it the exponent -1073."""
_UNIT = _LEAST + 53
"""Sums are in units of 2**-_UNIT, sums of squares in the square of that."""
_SPLIT = float((1 << 27) + 1)
_PART = float(1 << 27)


class Moments:
    """Count, sum and sum of squares of finite numbers, all exact."""

    def __init__(self) -> None:
        self.count, self._sum, self._squares = 0, 0, 0

    def add(self, values: Floats, counts: NDArray[np.int64]) -> None:
        """Take values, each as often as it is there.

        Args:
            values: Finite.
            counts: Of each; together at most `MOST`.
        """
        total = int(counts.sum())
        if total > MOST:
            raise ValueError("a block is too large")
        self.count += total
        fractions, exponents = np.frexp(values)
        places = exponents.astype(np.int64) + _LEAST
        often = counts.astype(np.float64)
        for place, amount in _by_place(fractions * 2.0**53, places, often):
            self._sum += amount << place
        square, rest = _square(fractions)
        for place, amount in _by_place(square * 2.0**54, places, often):
            self._squares += amount << (2 * place + 52)
        if rest.any():
            for place, amount in _by_place(rest * 2.0**106, places, often):
                self._squares += amount << (2 * place)

    def merge(self, other: "Moments") -> None:
        """Take all that another one took."""
        self.count += other.count
        self._sum += other._sum
        self._squares += other._squares

    @property
    def mean(self) -> float | None:
        """The mean, rounded once; None of nothing."""
        return float(Fraction(self._sum, self.count << _UNIT)) if self.count else None

    @property
    def deviation(self) -> float | None:
        """The standard deviation of all values, not of a sample; None of nothing, or if it is too large."""
        if not self.count:
            return None
        spread = self.count * self._squares - self._sum * self._sum
        try:
            return math.sqrt(float(Fraction(spread, self.count * self.count << 2 * _UNIT)))
        except OverflowError:
            return None


def _square(values: Floats) -> tuple[Floats, Floats]:
    """Return squares as two floats each: the rounded one, and what it lacks."""
    wide = values * _SPLIT
    high = wide - (wide - values)
    low = values - high
    square = values * values
    return square, ((high * high - square) + 2.0 * high * low) + low * low


def _by_place(whole: Floats, places: NDArray[np.int64], often: Floats) -> list[tuple[int, int]]:
    """Return exact sums of whole numbers below 2**54 by their places."""
    high = np.floor(whole / _PART)
    low = whole - high * _PART
    sums = [np.bincount(places, weights=part * often) for part in (high, low)]
    at = np.flatnonzero((sums[0] != 0) | (sums[1] != 0))
    return [(int(each), (int(sums[0][each]) << 27) + int(sums[1][each])) for each in at]
