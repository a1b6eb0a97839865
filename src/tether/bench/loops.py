"""The loops that take the times. Nothing but the query lies between the two looks at the clock.

The clock is that of the system for intervals, in nanoseconds. The collector of cycles rests meanwhile.
"""

import gc
import time
from array import array
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from tether.bench.settings import MOST_QUERIES, Section

_SPIN_NS = 300_000
"""The last part of a pause is waited for awake: a sleep may end that much late."""
_S = 1_000_000_000

Run = Callable[[Any], Any]


@dataclass(slots=True)
class Times:
    """What a loop found, one entry for each query, in nanoseconds from its beginning.

    Attributes:
        starts: When a query was given to the model.
        ends: When it was answered.
        due: When it came, for queries that come by themselves.
        kept: The first answers, for checking them.
        cut: Whether the limit of time ended it.
    """

    starts: "array[int]" = field(default_factory=lambda: array("q"))
    ends: "array[int]" = field(default_factory=lambda: array("q"))
    due: "array[int]" = field(default_factory=lambda: array("q"))
    kept: list[Any] = field(default_factory=list)
    cut: bool = False

    @property
    def mean_s(self) -> float:
        """Seconds that the model took for a query."""
        return (sum(self.ends) - sum(self.starts)) / max(len(self.ends), 1) / _S


@contextmanager
def no_collector() -> Iterator[None]:
    """Collect what is left over, and keep the collector from running in the block."""
    gc.collect()
    before = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if before:
            gc.enable()


def closed_loop(run: Run, feeds: Sequence[Any], section: Section, keep: int = 0) -> Times:
    """Give the next query when the last one is answered: at least so many, and at least so long.

    Args:
        run: Answers a query.
        feeds: The queries, taken in turn.
        section: How many and how long.
        keep: How many of the first answers to keep.
    """
    times, clock, kinds = Times(), time.perf_counter_ns, len(feeds)
    starts, ends, kept = times.starts, times.ends, times.kept
    wanted, most = max(section.queries, keep), max(keep, MOST_QUERIES)
    at = 0
    with no_collector():
        begin = clock()
        until, limit = begin + round(section.seconds * _S), begin + round(section.limit_s * _S)
        while True:
            feed = feeds[at % kinds]
            start = clock()
            answer = run(feed)
            end = clock()
            starts.append(start - begin)
            ends.append(end - begin)
            if at < keep:
                kept.append(answer)
            at += 1
            if at >= wanted and (end >= until or at >= most):
                break
            if end >= limit and at >= keep:
                times.cut = True
                break
    return times


class Arrivals(NamedTuple):
    """When queries come by themselves."""

    rate: float
    """Queries a second, on average."""
    seed: int


def open_loop(run: Run, feeds: Sequence[Any], section: Section, arrivals: Arrivals, keep: int = 0) -> Times:
    """Let queries come at random moments (a Poisson process), one server answering them in order.

    A query that comes while another is answered waits, and its wait counts: the time of a query begins when
    it was due.

    Args:
        run: Answers a query.
        feeds: The queries, taken in turn.
        section: How many and how long.
        arrivals: When they come.
        keep: How many of the first answers to keep.
    """
    count = max(section.queries, keep, int(np.ceil(section.seconds * arrivals.rate)))
    count = min(count, MOST_QUERIES)
    gaps = np.random.default_rng(arrivals.seed).exponential(1 / arrivals.rate, count)
    moments: list[int] = np.cumsum(gaps * _S).astype(np.int64).tolist()
    times, clock, kinds = Times(), time.perf_counter_ns, len(feeds)
    starts, ends, kept = times.starts, times.ends, times.kept
    limit = round(section.limit_s * _S)
    with no_collector():
        begin = clock()
        for at, due in enumerate(moments):
            feed = feeds[at % kinds]
            _wait(begin + due, clock)
            start = clock()
            answer = run(feed)
            end = clock()
            starts.append(start - begin)
            ends.append(end - begin)
            if at < keep:
                kept.append(answer)
            if end - begin >= limit and at + 1 < count:
                times.cut = True
                break
    times.due.extend(moments[: len(ends)])
    return times


def _wait(until: int, clock: Callable[[], int]) -> None:
    """Wait for a moment of the clock: asleep at first, awake at the end."""
    left = until - clock()
    if left > _SPIN_NS:
        time.sleep((left - _SPIN_NS) / _S)
    while clock() < until:
        pass
