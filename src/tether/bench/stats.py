"""Percentiles of latencies, and how sure they are.

Queries that follow each other are alike, so whole stretches of them are drawn again, not single ones: the
circular block bootstrap (Politis and Romano, 1992), with blocks of n^(1/3) queries.
"""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Values = NDArray[np.float64]

PERCENTILES = (50, 90, 95, 99)
LEAST_FOR_P99 = 1000
_REPLICATES = 1000
_LEAST_REPLICATES = 100
_MOST_DRAWN = 20_000_000
_TOGETHER = 500_000
_SURE = (2.5, 97.5)


def summary(latencies: Values, intervals: Values | None, inputs: int, seed: int) -> dict[str, Any]:
    """Return what is told of the queries of one section.

    Args:
        latencies: Seconds of each query, in order.
        intervals: Seconds from each query to the next, which add up to how long it took; None where the rate
            was given from outside, so that it says nothing of the model.
        inputs: In each query.
        seed: Of the resampling.
    """
    figures = _figures(latencies)
    told = [name for name, value in figures.items() if value is not None]
    percents = [int(name[1:]) for name in told if name != "mean"]
    parts, rates = [], []
    for rows in _drawn(len(latencies), seed):
        taken = latencies[rows]
        parts.append(np.vstack([np.percentile(taken, percents, axis=1), taken.mean(axis=1)]))
        if intervals is not None:
            rates.append(inputs / intervals[rows].mean(axis=1))
    low, high = np.percentile(np.hstack(parts), _SURE, axis=1)
    found: dict[str, Any] = {
        **figures,
        "max": float(latencies.max()),
        "ci": {name: [float(low[at]), float(high[at])] for at, name in enumerate(told)},
    }
    if intervals is not None:
        found["throughput"] = inputs / float(intervals.mean())
        found["throughput_ci"] = np.percentile(np.hstack(rates), _SURE).tolist()
    return found


def _figures(latencies: Values) -> dict[str, float | None]:
    names = {f"p{percent}": percent for percent in PERCENTILES}
    values = np.percentile(latencies, list(names.values()))
    found: dict[str, float | None] = dict(zip(names, map(float, values), strict=True))
    if len(latencies) < LEAST_FOR_P99:
        found["p99"] = None
    return {**found, "mean": float(latencies.mean())}


def _drawn(count: int, seed: int) -> Iterator[NDArray[np.int64]]:
    """Yield the rows of some replicates at a time, of shape (replicates, count).

    A replicate is blocks from anywhere, which go on at the beginning after the end.
    """
    length = max(1, round(count ** (1 / 3)))
    blocks, block = -(-count // length), np.arange(length)
    replicates = max(_LEAST_REPLICATES, min(_REPLICATES, _MOST_DRAWN // count))
    random, some = np.random.default_rng(seed), max(1, _TOGETHER // count)
    for start in range(0, replicates, some):
        starts = random.integers(0, count, (min(some, replicates - start), blocks))
        rows = (starts[:, :, None] + block).reshape(len(starts), -1)[:, :count]
        yield rows % count


def _medians(values: Values, seed: int) -> Values:
    return np.hstack([np.median(values[rows], axis=1) for rows in _drawn(len(values), seed)])


def ratio_interval(old: Values, new: Values, seed: int) -> tuple[float, float, float]:
    """Return the ratio of two medians, new over old, with the ends of its interval of 95 %."""
    before, after = _medians(old, seed), _medians(new, seed + 1)
    count = min(len(before), len(after))
    low, high = np.percentile(after[:count] / before[:count], _SURE)
    return float(np.median(new) / np.median(old)), float(low), float(high)


def spread(medians: Sequence[float]) -> float | None:
    """Return how far the rounds lie apart, relative to their middle; None where there is one alone."""
    middle = float(np.median(medians))
    return None if len(medians) < 2 or middle <= 0 else (max(medians) - min(medians)) / middle
