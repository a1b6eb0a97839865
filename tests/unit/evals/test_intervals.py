"""Intervals and tests are those of SciPy, and hold the truth as often as they say."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from tether.errors import InvalidInput
from tether.evals.intervals import MOST_GROUPS, Plan, adjusted, draws, groups_of, mcnemar, wilson
from tether.evals.measuring import measure, measure_change
from tether.evals.metrics.regression import regression


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 5000).flatmap(lambda count: st.tuples(st.integers(0, count), st.just(count))))
def test_wilson(pair: tuple[int, int]) -> None:
    """It is SciPy's."""
    hits, count = pair
    wanted = stats.binomtest(hits, count).proportion_ci(0.9, method="wilson")

    assert wilson(hits, count, 0.9) == pytest.approx((wanted.low, wanted.high), abs=1e-9)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 400), st.integers(0, 400))
def test_mcnemar(one: int, two: int) -> None:
    """It is the exact test of a fair coin."""
    wanted = stats.binomtest(one, one + two).pvalue if one + two else 1.0

    assert mcnemar(one, two) == pytest.approx(min(1.0, wanted), rel=1e-9)


def test_mcnemar_of_many() -> None:
    """Numbers that no factorial holds."""
    assert mcnemar(40_000, 41_000) == pytest.approx(stats.binomtest(40_000, 81_000).pvalue, rel=1e-6)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.floats(0, 1), min_size=1, max_size=20))
def test_adjusted(values: list[float]) -> None:
    """It is SciPy's control of false discoveries."""
    assert adjusted(values) == pytest.approx(list(stats.false_discovery_control(values)))


def test_what_is_drawn_is_kept_where_it_is_small() -> None:
    """It is the same each time, and what is large does not stay in memory."""
    small, large = draws(50, 100, 7), draws(MOST_GROUPS, 1001, 7)

    assert draws(50, 100, 7) is small
    again = draws(MOST_GROUPS, 1001, 7)
    assert again is not large
    assert np.array_equal(again, large)
    assert (large.sum(axis=1) == MOST_GROUPS).all()
    assert draws(MOST_GROUPS, 1000, 7) is draws(MOST_GROUPS, 1000, 7)


def test_groups_have_equal_sizes() -> None:
    """Of many examples each is in one group, of those that were not chosen none is."""
    chosen = np.arange(50_000) % 5 != 0

    groups, count = groups_of(chosen, 3, seed=1)

    assert count == MOST_GROUPS
    assert (groups[~chosen] == -1).all()
    sizes = np.bincount(groups[chosen])
    assert sizes.max() - sizes.min() <= 1


@pytest.mark.parametrize(("count", "times"), [(60, 200), (5000, 50)])
def test_the_bootstrap_holds_the_truth_as_often_as_it_says(count: int, times: int) -> None:
    """Of the intervals of 80 %, about so many hold the mean, with groups and without."""
    rng = np.random.default_rng(11)
    held = 0
    for _ in range(times):
        errors = rng.exponential(1.0, count)
        figures = measure(regression(np.zeros(count), errors), Plan(0.8, 100))
        interval = next(figure.interval for figure in figures if figure.name == "mae")
        assert interval is not None
        held += interval[0] <= 1 <= interval[1]

    assert 0.7 <= held / times <= 0.9


def test_pairs_are_surer_than_two_models_alone() -> None:
    """What is hard for both does not widen the interval of the difference."""
    rng = np.random.default_rng(3)
    hard = rng.exponential(5, 800)
    old, new = (regression(np.zeros(800), hard + shift + rng.normal(0, 0.05, 800)) for shift in (0.0, 0.1))

    change = next(each for each in measure_change(old, new, Plan(replicates=300)) if each.name == "mae")

    assert change.interval is not None
    assert change.change is not None
    assert change.interval[0] < change.change < change.interval[1]
    assert 0.08 < change.interval[0] < change.interval[1] < 0.12


@pytest.mark.parametrize("plan", [Plan(level=1.0), Plan(level=0.2), Plan(replicates=-1), Plan(seed=-1)])
def test_plans_that_make_no_sense(plan: Plan) -> None:
    """They are refused."""
    with pytest.raises(InvalidInput):
        plan.check()
