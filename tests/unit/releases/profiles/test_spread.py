"""Numbers in a profile: exact, the same in any order and any blocks, and merged without loss."""

import math
import statistics
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from numpy.typing import NDArray

from tether.releases.profiles.moments import MOST, Moments
from tether.releases.profiles.sketching import Sketch, edges
from tether.releases.profiles.spread import Spread

FINITE = st.floats(allow_nan=False, allow_infinity=False, width=64)


def spread(values: NDArray[np.generic]) -> Spread:
    """Return what took some numbers."""
    made = Spread()
    made.add(values)
    return made


@given(st.lists(FINITE, min_size=1, max_size=40), st.randoms())
@settings(max_examples=60, deadline=None)
def test_moments_are_those_of_fractions(values: list[float], random: "object") -> None:
    """Mean and deviation are what exact fractions give, rounded once, also of the largest and the least."""
    found = spread(np.array(values)).told()

    exact = [Fraction(each) for each in values]
    mean = sum(exact) / len(exact)
    assert found.mean == float(mean)
    variance = sum((each - mean) ** 2 for each in exact) / len(exact)
    try:
        assert found.deviation == math.sqrt(float(variance))
    except OverflowError:
        assert found.deviation is None


@given(arrays.arrays(np.float64, st.integers(1, 60), elements=st.floats(width=64)), st.integers(0, 2**32 - 1))
@settings(max_examples=40, deadline=None)
def test_order_and_blocks_do_not_matter(values: NDArray[np.float64], seed: int) -> None:
    """Shuffled, cut and merged, numbers say the same; infinities and what is no number are counted."""
    random = np.random.default_rng(seed)
    merged = Spread()
    for part in np.array_split(random.permutation(values), 4):
        merged.merge(spread(part))

    assert merged.told() == spread(values).told()
    assert merged.count == len(values)
    assert merged.told().nan == np.isnan(values).sum()


def test_many_numbers_have_few_bins_and_good_quantiles() -> None:
    """Past the bound quantiles are near; the sketch is that of all numbers however they were merged."""
    random = np.random.default_rng(5)
    for values in (
        random.normal(size=60_000) * 1e-3 + 1.7e9,
        random.lognormal(sigma=3, size=60_000),
        -random.random(60_000),
    ):
        parts = Sketch(512)
        for part in np.array_split(values, 5):
            one = Sketch(512)
            distinct, counts = np.unique(part, return_counts=True)
            one.add(distinct, counts)
            parts.merge(one)
        whole = Sketch(512)
        distinct, counts = np.unique(values, return_counts=True)
        whole.add(distinct, counts)
        told = spread(values).told()

        assert (parts.drop, parts.keys.tolist(), parts.counts.tolist()) == (
            whole.drop, whole.keys.tolist(), whole.counts.tolist(),
        )  # fmt: skip
        assert len(whole.keys) <= 512
        assert not told.exact
        assert told.bins is not None
        assert len(told.bins.keys) <= 256
        assert sum(told.bins.counts) == 60_000
        for share, quantile in zip((0.01, 0.05, 0.1, 0.25, 0.5, 0.75, 0.9), told.quantiles, strict=False):
            below = (values < quantile).mean()
            assert abs(below - share) < 0.002, share


def test_every_number_lies_in_its_bin() -> None:
    """The ends of a bin hold what is in it, on both sides of zero."""
    values = np.array([-1e300, -2.5, -5e-324, 0.0, 5e-324, 1.0, 1.7976931348623157e308])
    for drop in (0, 1, 30, 52, 62):
        sketch = Sketch()
        sketch.drop = drop
        for value in values:
            one = Sketch()
            one.drop = drop
            one.add(np.array([value]), np.array([1]))
            low, high = edges(int(one.keys[0]), drop)
            assert low <= value <= high, (drop, value)


def test_few_numbers_are_exact() -> None:
    """Integers up to the bound have all their counts; quantiles are those of NumPy."""
    values = np.array([7, -3, 7, 2**40, 0])
    found = spread(values)

    assert found.tally() == {"-3": 1, "0": 1, "7": 2, str(2**40): 1}
    told = found.told()
    assert (told.min, told.max, told.exact) == (-3, 2**40, True)
    assert told.quantiles[4] == np.quantile(values, 0.5)
    assert told.deviation == pytest.approx(statistics.pstdev(values.tolist()))


def test_few_numbers_are_not_listed_by_their_bins() -> None:
    """Forty different numbers have at most eight bins."""
    told = spread(np.linspace(1.0, 900.0, 40)).told()

    assert told.bins is not None
    assert len(told.bins.keys) <= 8
    assert sum(told.bins.counts) == 40


def test_integers_that_float64_has_not_are_told_with_care() -> None:
    """Their ends are exact, their number is a bound, and nobody says that quantiles are exact."""
    told = spread(np.array([2**63 - 1, 2**63 - 2, 5], np.int64))

    assert (told.min, told.max) == (5, 2**63 - 1)
    assert told.distinct is None
    assert told.more_than == 1
    assert not told.told().exact
    assert spread(np.array([2**64 - 1], np.uint64)).max == 2**64 - 1


def test_a_block_has_a_bound() -> None:
    """More values than sums are exact for are refused, and a spread cuts them."""
    with pytest.raises(ValueError, match="too large"):
        Moments().add(np.array([1.0]), np.array([MOST + 1]))
    assert spread(np.full(2 * MOST + 3, 0.1)).told().mean == 0.1
