"""The loops that take the times, over queries that do next to nothing."""

import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from tether.bench.loops import Arrivals, closed_loop, open_loop
from tether.bench.settings import Section, Settings
from tether.errors import InvalidInput


def section(queries: int, seconds: float = 0.0, limit: float = 60.0) -> Section:
    """Return a section with queries of one input."""
    return Section("single", 1, queries, seconds, limit)


def busy(seconds: float) -> Callable[[Any], Any]:
    """Return a query that takes as long, by the clock, and gives back what it got."""

    def run(feed: Any) -> Any:
        until = time.perf_counter() + seconds
        while time.perf_counter() < until:
            pass
        return feed

    return run


def test_queries_and_seconds_are_both_reached() -> None:
    """As many as asked where they take long enough, and more where they do not."""
    assert len(closed_loop(busy(0.001), [1], section(7)).ends) == 7
    times = closed_loop(busy(0), [1], section(3, seconds=0.02))
    assert len(times.ends) > 3
    assert times.ends[-1] >= 20_000_000
    assert not times.cut


def test_the_limit_ends_it() -> None:
    """A model that is too slow is told so, with what was measured until then."""
    times = closed_loop(busy(0.01), [1], section(1000, limit=0.03))

    assert times.cut
    assert len(times.ends) < 10


def test_feeds_are_taken_in_turn_and_the_first_answers_kept() -> None:
    """Every input is answered once before the first one comes again, and answers are kept in order."""
    times = closed_loop(busy(0), ["a", "b", "c"], section(2), keep=3)

    assert times.kept == ["a", "b", "c"]
    assert len(times.ends) == 3
    assert all(end >= start for start, end in zip(times.starts, times.ends, strict=True))


def test_arrivals_are_poisson_and_the_same_for_a_seed() -> None:
    """Gaps are exponential with the mean that the rate says."""
    first, second, other = (
        open_loop(busy(0), [1], section(2000), Arrivals(20_000, seed)) for seed in (1, 1, 2)
    )
    gaps = np.diff(np.array(first.due), prepend=0) / 1e9

    assert list(first.due) == list(second.due) != list(other.due)
    assert gaps.mean() == pytest.approx(1 / 20_000, rel=0.1)
    assert gaps.std() == pytest.approx(gaps.mean(), rel=0.15)


def test_waiting_counts() -> None:
    """Queries that come faster than they are answered wait longer and longer, from when they were due."""
    times = open_loop(busy(0.002), [1], section(30), Arrivals(5000, 1))
    latencies = np.array(times.ends) - np.array(times.due)

    assert latencies[-1] > 5 * latencies[0]
    assert all(start >= due for start, due in zip(times.starts, times.due, strict=True))


def test_one_server_answers_one_after_the_other() -> None:
    """No query begins before the one before it has ended."""
    times = open_loop(busy(0.0005), [1], section(50), Arrivals(3000, 3))

    assert all(start >= end for start, end in zip(times.starts[1:], times.ends, strict=False))


def test_sections_share_queries_among_rounds() -> None:
    """Each round does its part; a model with a fixed size of queries gets that."""
    plan = Settings(queries=1000, seconds=3.0, rounds=3, batches=(4, 8, 4)).sections(None)
    assert [(each.scenario, each.batch, each.queries) for each in plan] == [
        ("single", 1, 334),
        ("offline", 4, 334),
        ("offline", 8, 334),
        ("server", 1, 334),
    ]
    assert [each.batch for each in Settings().sections(2)] == [2, 2, 2]
    with pytest.raises(InvalidInput, match="takes 2 inputs"):
        Settings(batches=(3,)).sections(2)


@pytest.mark.parametrize(
    "wrong", [Settings(queries=0), Settings(seconds=float("nan")), Settings(rate=0), Settings(scenarios=())]
)
def test_settings_that_cannot_be(wrong: Settings) -> None:
    """Numbers out of their range are refused before anything is started."""
    with pytest.raises(InvalidInput):
        wrong.check()
