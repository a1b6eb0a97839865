"""What was measured of a model, by its evaluations; of a release without any, by the training itself."""

from collections.abc import Iterator, Sequence
from typing import Any

import msgspec

from tether.releases.exports.released import Measured, Released
from tether.releases.manifest import RunPart
from tether.releases.reading import read_part
from tether.releases.recomputing import EVALUATION

_VERSION = 1


class _Metric(msgspec.Struct):
    name: str
    value: float | None
    low: float | None = None
    high: float | None = None


class _Slice(msgspec.Struct):
    name: str
    count: int
    metrics: tuple[_Metric, ...] = ()


class _Data(msgspec.Struct):
    rev: str
    path: str
    count: int
    commit: str | None = None


class _Evaluation(msgspec.Struct):
    """What is shown of an evaluation; its own format has more."""

    version: int
    task: str
    data: _Data
    metrics: tuple[_Metric, ...]
    slices: tuple[_Slice, ...] = ()


def measured_in(released: Released) -> tuple[Measured, ...]:
    """Return the values of metrics that are numbers.

    Raises:
        Corrupt: A record is damaged.
    """
    manifest = released.manifest
    found = [value for part in manifest.evaluations for value in _of_evaluation(released, part)]
    if not found and manifest.run is not None:
        found = list(_of_run(released, manifest.run))
    return tuple(found)


def _of_evaluation(released: Released, part: RunPart) -> Iterator[Measured]:
    """Yield the figures of an evaluation; of a run that is none as `tether eval` makes them, its metrics."""
    data = read_part(released.repository, released.known, f"{part.path}/{EVALUATION}")
    try:
        told = msgspec.json.decode(data or b"", type=_Evaluation)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        told = None
    if told is None or told.version != _VERSION:
        yield from _of_run(released, part)
        return
    yield from _figures(told, part.id, None, told.data.count, told.metrics)
    for each in told.slices:
        yield from _figures(told, part.id, each.name, each.count, each.metrics)


def _figures(
    told: _Evaluation, run: str, part: str | None, count: int, metrics: Sequence[_Metric]
) -> Iterator[Measured]:
    data = told.data.path.rpartition("/")[2] or told.data.rev
    for each in metrics:
        if each.value is not None:
            yield Measured(
                each.name,
                each.value,
                slice=part,
                low=each.low,
                high=each.high,
                examples=count,
                data=data,
                commit=told.data.commit,
                task=told.task,
                run=run,
            )


def _of_run(released: Released, part: RunPart) -> Iterator[Measured]:
    """Yield the last values of the metrics of a run, of which nobody said what they are of."""
    for name, summary in sorted(released.record(part).metrics.items()):
        value = _number(summary.last)
        if value is not None:
            yield Measured(name, value, run=part.id)


def _number(value: Any) -> float | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None
