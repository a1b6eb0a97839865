"""The figures of an operation: medians over its runs."""

from collections.abc import Iterable
from dataclasses import dataclass
from statistics import median

from benchmarks.session import Result

NOISY_SHARE = 0.35


@dataclass(frozen=True, slots=True)
class Figure:
    """Medians of an operation's runs; memory is the largest seen."""

    wall_s: float
    durable_s: float
    cpu_s: float
    peak_bytes: int
    stored_bytes: int | None
    added_bytes: int | None
    runs: int
    noisy: bool
    error: str | None


def combine(results: Iterable[Result]) -> dict[str, Figure]:
    """Return a figure per operation from the results of one or more jobs of a system."""
    groups: dict[str, list[Result]] = {}
    for result in results:
        groups.setdefault(result.operation, []).append(result)
    return {operation: _figure(group) for operation, group in groups.items() if group[0].samples}


def _figure(group: list[Result]) -> Figure:
    samples = [sample for result in group for sample in result.samples]
    wall = median(sample.wall_s for sample in samples)
    return Figure(
        wall_s=wall,
        durable_s=median(sample.durable_s for sample in samples),
        cpu_s=median(sample.cpu_s for sample in samples),
        peak_bytes=max(sample.peak_bytes for sample in samples),
        stored_bytes=group[-1].stored_bytes,
        added_bytes=group[-1].added_bytes,
        runs=len(samples),
        noisy=median(sample.other_cpu_s for sample in samples) > NOISY_SHARE * wall + 0.05,
        error=next((result.error for result in group if result.error), None),
    )
