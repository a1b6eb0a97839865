"""What is measured, how long, and in which way: the settings of one bench."""

import math
from dataclasses import dataclass
from typing import Literal, TypeAlias

from tether.errors import InvalidInput

Scenario: TypeAlias = Literal["single", "offline", "server"]

SINGLE: Scenario = "single"
OFFLINE: Scenario = "offline"
SERVER: Scenario = "server"
SCENARIOS: tuple[Scenario, ...] = (SINGLE, OFFLINE, SERVER)
MOST_QUERIES = 10_000_000
_MOST_BATCH = 1 << 20
_MOST_ROUNDS = 100
_MOST_THREADS = 4096
_OFFLINE_BATCH = 32


@dataclass(frozen=True, slots=True)
class Settings:
    """How a model is measured.

    Attributes:
        scenarios: `single` (the next query when the last one is answered), `offline` (the same with
            batches), `server` (queries come at random moments, whoever is busy).
        batches: Inputs in a query of `offline`; empty takes what the model has, or 32.
        queries: At least so many queries in each section, over all rounds.
        seconds: At least so long in each section, over all rounds.
        limit_s: No longer than that in each section, over all rounds, whatever is missing then.
        warmup: Queries before each section that do not count; at least a tenth of the time too.
        rounds: Fresh processes that each do an equal part of it.
        rate: Queries a second of `server`; None is half of what the model does one after the other.
        threads: That the runtime may use.
        sample: Inputs that are drawn from the data.
        seed: Of the draw, of arrivals and of resampling.
        timeout_s: A process that takes longer is ended.
    """

    scenarios: tuple[Scenario, ...] = SCENARIOS
    batches: tuple[int, ...] = ()
    queries: int = 1000
    seconds: float = 3.0
    limit_s: float = 120.0
    warmup: int = 20
    rounds: int = 3
    rate: float | None = None
    threads: int = 1
    sample: int = 256
    seed: int = 17
    timeout_s: float = 3600.0

    def check(self) -> None:
        """Refuse what cannot be done.

        Raises:
            InvalidInput: A number is out of its range.
        """
        ranges: dict[str, tuple[float, float, float]] = {
            "queries": (self.queries, 1, MOST_QUERIES),
            "seconds": (self.seconds, 0, 86_400),
            "limit": (self.limit_s, 0.001, 86_400),
            "warmup": (self.warmup, 0, MOST_QUERIES),
            "rounds": (self.rounds, 1, _MOST_ROUNDS),
            "threads": (self.threads, 1, _MOST_THREADS),
            "sample": (self.sample, 1, _MOST_BATCH),
            "seed": (self.seed, 0, 2**63 - 1),
            "timeout": (self.timeout_s, 0.001, 7 * 86_400),
            "rate": (1 if self.rate is None else self.rate, 1e-6, 1e7),
            "least batch": (min(self.batches, default=1), 1, _MOST_BATCH),
            "largest batch": (max(self.batches, default=1), 1, _MOST_BATCH),
        }
        for name, (value, least, most) in ranges.items():
            if not (math.isfinite(value) and least <= value <= most):
                raise InvalidInput(f"{name} is from {least:,} to {most:,}, not {value:,}")
        if not self.scenarios:
            raise InvalidInput("no scenario to measure", hint=f"there are {', '.join(SCENARIOS)}")

    def sections(self, fixed_batch: int | None) -> "list[Section]":
        """Return what one round measures, in order.

        Args:
            fixed_batch: Inputs that the model takes in each query; None where it takes any number.

        Raises:
            InvalidInput: The model does not take such a batch.
        """
        wrong = [batch for batch in self.batches if fixed_batch not in (None, batch)]
        if wrong:
            raise InvalidInput(f"the model takes {fixed_batch} inputs in each query, not {wrong[0]}")
        one = fixed_batch or 1
        batches = self.batches or (fixed_batch or _OFFLINE_BATCH,)
        planned: list[Section] = []
        for scenario in SCENARIOS:  # closed loops first: `server` goes by what they find
            if scenario in self.scenarios:
                sizes = tuple(dict.fromkeys(batches)) if scenario == OFFLINE else (one,)
                planned += [self._section(scenario, size) for size in sizes]
        return planned

    def _section(self, scenario: Scenario, batch: int) -> "Section":
        rounds = self.rounds
        return Section(
            scenario, batch, -(-self.queries // rounds), self.seconds / rounds, self.limit_s / rounds
        )


@dataclass(frozen=True, slots=True)
class Section:
    """One scenario with one size of queries, as one round does it.

    Attributes:
        scenario: Which.
        batch: Inputs in a query.
        queries: At least so many.
        seconds: At least so long.
        limit_s: No longer.
    """

    scenario: Scenario
    batch: int
    queries: int
    seconds: float
    limit_s: float
