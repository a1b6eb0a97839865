"""Percentiles and their intervals."""

import numpy as np
import pytest

from tether.bench.stats import ratio_interval, spread, summary


def test_the_figures_are_those_of_numpy() -> None:
    """Percentiles, mean and maximum are of all latencies; throughput counts inputs."""
    latencies = np.random.default_rng(1).lognormal(-7, 0.3, 2000)

    found = summary(latencies, latencies * 2, 8, 17)

    assert found["p50"] == pytest.approx(np.median(latencies))
    assert found["p99"] == pytest.approx(np.percentile(latencies, 99))
    assert (found["max"], found["mean"]) == (latencies.max(), pytest.approx(latencies.mean()))
    assert found["throughput"] == pytest.approx(8 / (2 * latencies.mean()))
    assert found["throughput_ci"][0] < found["throughput"] < found["throughput_ci"][1]
    assert set(found["ci"]) == {"p50", "p90", "p95", "p99", "mean"}
    assert all(low <= found[name] <= high for name, (low, high) in found["ci"].items())


def test_no_p99_of_too_few() -> None:
    """Under 1,000 queries the hundredth part is a handful, so it is not told."""
    found = summary(np.linspace(1, 2, 999), None, 1, 17)

    assert found["p99"] is None
    assert "p99" not in found["ci"]
    assert "throughput" not in found


def test_intervals_hold_what_they_say() -> None:
    """Of many samples about 95 % have the true median in their interval."""
    random, held = np.random.default_rng(2), 0
    for seed in range(30):
        low, high = summary(random.exponential(1, 200), None, 1, seed)["ci"]["p50"]
        held += low <= np.log(2) <= high

    assert 25 <= held <= 30


def test_latencies_that_hang_together_are_less_sure() -> None:
    """A slow stretch makes an interval wider than the same latencies in any order."""
    stretch = np.concatenate([np.full(500, 1.0), np.full(500, 2.0)]) + np.linspace(0, 0.01, 1000)
    mixed = np.random.default_rng(3).permutation(stretch)
    wide, narrow = (summary(each, None, 1, 17)["ci"]["mean"] for each in (stretch, mixed))

    assert wide[1] - wide[0] > 1.5 * (narrow[1] - narrow[0])


def test_one_query_is_enough_for_figures() -> None:
    """Whatever is little, nothing breaks."""
    found = summary(np.array([0.5]), np.array([0.5]), 2, 17)

    assert (found["p50"], found["max"], found["throughput"]) == (0.5, 0.5, 4.0)


def test_the_ratio_of_two_medians() -> None:
    """It is below 1 where the new one is faster, and its interval says how sure that is."""
    old, new = (np.random.default_rng(seed).normal(mean, 0.1, 1000) for seed, mean in ((1, 2.0), (2, 1.0)))

    ratio, low, high = ratio_interval(old, new, 17)

    assert low < ratio < high
    assert [low, high] == pytest.approx([0.5, 0.5], abs=0.02)


def test_rounds_lie_apart() -> None:
    """The spread is relative to the middle; one round has none."""
    assert spread([1.0, 1.1, 0.9]) == pytest.approx(0.2)
    assert spread([1.0]) is None
