"""How sure a figure is: Wilson's interval for shares, the bootstrap for the rest, and exact tests of pairs.

Sources: E. B. Wilson, Probable inference, JASA 22 (1927); B. Efron, R. Tibshirani, An Introduction to the
Bootstrap (1993), percentile intervals; Q. McNemar, Psychometrika 12 (1947), in its exact form.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from statistics import NormalDist
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from tether.errors import InvalidInput

Floats: TypeAlias = NDArray[np.float64]
Interval: TypeAlias = tuple[float, float]

MOST_GROUPS = 4096
"""Examples beyond this are put into so many groups at random, and groups are drawn instead of examples."""
_FEWEST_GROUPS = 256
_MOST_NUMBERS = 4_000_000
_MOST_WORK = 400_000_000
_FEWEST_REPLICATES = 100
_MOST_KEPT = 1000 * MOST_GROUPS
"""Numbers that are kept for the next slice, metric or model: what the standard plan draws, 32 MB."""


@dataclass(frozen=True, slots=True)
class Plan:
    """How intervals are made.

    Attributes:
        level: The share of intervals that hold the true value, between 0.5 and 1.
        replicates: How often the bootstrap draws; 0 is never.
        seed: Of what it draws.
    """

    level: float = 0.95
    replicates: int = 1000
    seed: int = 0

    def check(self) -> "Plan":
        """Return the plan if it is sound.

        Raises:
            InvalidInput: A number is out of range.
        """
        if not 0.5 <= self.level < 1:
            raise InvalidInput(f"the level of an interval is from 0.5 to below 1, not {self.level}")
        if not 0 <= self.replicates <= 100_000 or not 0 <= self.seed < 2**63:
            raise InvalidInput("replicates are from 0 to 100,000, and a seed is 0 or more")
        return self

    def affordable(self, cost: int) -> int:
        """Return how many replicates to draw where one looks at `cost` numbers."""
        return min(self.replicates, max(_FEWEST_REPLICATES, _MOST_WORK // max(cost, 1)))


STANDARD = Plan()


def wilson(hits: float, count: float, level: float) -> Interval | None:
    """Return the interval of a share of `hits` among `count`; None of nothing."""
    if count <= 0:
        return None
    z = NormalDist().inv_cdf(0.5 + level / 2)
    share, square = hits / count, z * z / count
    middle = (share + square / 2) / (1 + square)
    half = z / (1 + square) * math.sqrt(share * (1 - share) / count + square / count / 4)
    low = 0.0 if hits <= 0 else max(0.0, middle - half)
    high = 1.0 if hits >= count else min(1.0, middle + half)
    return float(low), float(high)


def percentiles(values: Floats, level: float) -> Interval | None:
    """Return the interval in which the middle of replicates lies; None where most have no value."""
    known = values[~np.isnan(values)]
    if len(known) * 2 < max(len(values), 2):
        return None
    low, high = np.quantile(known, [0.5 - level / 2, 0.5 + level / 2])
    return float(low), float(high)


def groups_of(chosen: NDArray[np.bool_], statistics: int, seed: int) -> tuple[NDArray[np.intp], int]:
    """Put the chosen examples into groups that are drawn together: each by itself, or equally many at random.

    Args:
        chosen: Of shape (examples,).
        statistics: How many sums there are for each group.
        seed: Of the order.

    Returns:
        The group of each example, -1 for those that were not chosen; and how many groups there are.
    """
    rows = np.flatnonzero(chosen)
    most = min(MOST_GROUPS, max(_FEWEST_GROUPS, _MOST_NUMBERS // max(statistics, 1)))
    groups = np.full(len(chosen), -1, np.intp)
    if len(rows) <= most:
        groups[rows] = np.arange(len(rows))
        return groups, len(rows)
    groups[np.random.default_rng(seed).permutation(rows)] = np.arange(len(rows)) % most
    return groups, most


def draws(count: int, replicates: int, seed: int) -> Floats:
    """Return how often each of `count` was drawn, of shape (replicates, count); each row sums to `count`."""
    made = _kept if count * replicates <= _MOST_KEPT else _drawn
    return made(count, replicates, seed)


@lru_cache(maxsize=4)
def _kept(count: int, replicates: int, seed: int) -> Floats:
    return _drawn(count, replicates, seed)


def _drawn(count: int, replicates: int, seed: int) -> Floats:
    rng = np.random.default_rng(seed)
    drawn = np.empty((replicates, count))
    for at in range(replicates):
        drawn[at] = np.bincount(rng.integers(0, count, count), minlength=count)
    drawn.flags.writeable = False
    return drawn


def draw_blocks(count: int, replicates: int, seed: int) -> Iterator[Floats]:
    """Yield what `draws` gives in blocks of bounded size, each of shape (some, count)."""
    rng = np.random.default_rng(seed)
    some = max(1, _MOST_NUMBERS // max(count, 1))
    for start in range(0, replicates, some):
        size = min(some, replicates - start)
        yield np.stack(
            [np.bincount(rng.integers(0, count, count), minlength=count) for _ in range(size)]
        ).astype(np.float64)


def mcnemar(only_a: int, only_b: int) -> float:
    """Return the two-sided p of McNemar's exact test.

    Args:
        only_a: Examples that the one got right and the other not.
        only_b: Those the other way round.
    """
    count, few = only_a + only_b, min(only_a, only_b)
    if count == 0:
        return 1.0
    return min(1.0, 2 * _binomial_tail(few, count))


def _binomial_tail(few: int, count: int) -> float:
    """Return the probability of at most `few` heads among `count` tosses of a fair coin."""
    at = math.lgamma(count + 1) - count * math.log(2)
    terms = [at - math.lgamma(k + 1) - math.lgamma(count - k + 1) for k in range(few, -1, -1)]
    total = 0.0
    for term in terms:
        part = math.exp(term)
        total += part
        if part < total * 1e-18:  # they fall from here on
            break
    return total


def adjusted(values: Sequence[float]) -> list[float]:
    """Return p values adjusted for how many there are, by Benjamini and Hochberg (1995)."""
    order = sorted(range(len(values)), key=lambda at: values[at], reverse=True)
    found, least = [1.0] * len(values), 1.0
    for rank, at in enumerate(order):
        least = min(least, values[at] * len(values) / (len(values) - rank))
        found[at] = least
    return found
