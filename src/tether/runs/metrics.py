"""Metrics as series: what a run writes line by line, and the columns that are kept of it.

A line is `{"name": "loss", "value": 0.5, "step": 3}`, or has several at once, `{"step": 3, "loss": 0.5}`.
"""

import json
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

import msgspec

from tether.core.jsondoc import canonical
from tether.errors import Corrupt
from tether.runs.rundoc import Number, Summary, number

_OWN_KEYS = frozenset({"step", "time"})
_MAX_SERIES = 10_000
_MAX_NAME = 250
_MAX_STEP = 2**62
_BATCH = 1000
"""Lines that are read at a time."""
_LEAST_PLAIN, _FIRST_LARGE = 1e-4, 1e16
"""Between these Python writes a float without an exponent."""


@dataclass(slots=True)
class Series:
    """One metric over time.

    Attributes:
        steps: One for each value; they need not rise.
        values: May hold what is no number or not finite.
        times: Seconds since 1970, or None where nobody said.
    """

    steps: list[int] = field(default_factory=list)
    values: list[float] = field(default_factory=list)
    times: list[float | None] = field(default_factory=list)

    def add(self, value: float, step: int | None, time: float | None) -> None:
        """Append a value; without a step it is the next one."""
        self.steps.append(step if step is not None else (self.steps[-1] + 1 if self.steps else 0))
        self.values.append(value)
        self.times.append(time)

    def summary(self) -> Summary:
        """Return the series in short."""
        numbers = [value for value in self.values if not math.isnan(value)]
        short = Summary(len(self.values), number(self.values[-1]), self.steps[-1])
        if not numbers:
            return short
        least = min(self._where(min(numbers)))
        greatest = min(self._where(max(numbers)), key=lambda each: each[1])
        return msgspec.structs.replace(
            short,
            least=number(least[0]),
            least_step=least[1],
            greatest=number(greatest[0]),
            greatest_step=greatest[1],
        )

    def _where(self, wanted: float) -> list[tuple[float, int]]:
        """Return the points that have a value."""
        points = zip(self.values, self.steps, strict=True)
        return [(value, step) for value, step in points if value == wanted]


@dataclass(slots=True)
class Metrics:
    """All metrics of a run.

    Attributes:
        series: By name.
        bad_lines: How many lines could not be read.
    """

    series: dict[str, Series] = field(default_factory=dict)
    bad_lines: int = 0

    def summaries(self) -> dict[str, Summary]:
        """Return each in short."""
        return {name: self.series[name].summary() for name in sorted(self.series)}


def read_lines(lines: Iterable[bytes], found: Metrics | None = None) -> Metrics:
    """Read what a run wrote; a line that is no such line is counted and left out.

    Args:
        lines: The lines, each with its end or without.
        found: What was read of earlier ones, to which these are added.
    """
    found = Metrics() if found is None else found
    rest = iter(lines)
    while batch := list(islice(rest, _BATCH)):
        if not _read_plain(batch, found):
            for line in batch:
                _read_line(line, found)
    return found


class _Plain(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    """A line as `tether.run` writes it, of which nothing needs a second look."""

    name: str
    value: int | float
    step: int | None = None
    time: int | float | None = None


_PLAIN = msgspec.json.Decoder(_Plain)


def _read_plain(lines: Sequence[bytes], found: Metrics) -> bool:
    """Read lines at once that are all plain; False leaves all of them to be read one by one."""
    joined = b"\n" + b"\n".join(lines)
    # A plain line has one brace that opens, where it begins. So no value goes from one line to the next, and
    # where there are as many values as lines, each line is one.
    if joined.count(b"\n{") != len(lines):
        return False
    try:
        rows = _PLAIN.decode_lines(joined)
        values = [float(row.value) for row in rows]
        times = [row.time if row.time is None else float(row.time) for row in rows]
    except (msgspec.MsgspecError, UnicodeDecodeError, OverflowError):
        return False
    series = found.series
    new = dict.fromkeys(row.name for row in rows if row.name not in series)
    steps = [row.step for row in rows if row.step is not None]
    if (
        len(rows) != len(lines)
        or len(series) + len(new) > _MAX_SERIES
        or not all(map(_is_name, new))
        or (steps and not -_MAX_STEP <= min(steps) <= max(steps) <= _MAX_STEP)
    ):
        return False
    series.update((name, Series()) for name in new)
    for row, value, time in zip(rows, values, times, strict=True):
        series[row.name].add(value, row.step, time)
    return True


def _read_line(line: bytes, found: Metrics) -> None:
    if not line.strip():
        return
    points = _points(line)
    if points is None:
        found.bad_lines += 1
        return
    for name, value, step, time in points:
        if name not in found.series and len(found.series) >= _MAX_SERIES:
            found.bad_lines += 1
            return
        found.series.setdefault(name, Series()).add(value, step, time)


def _is_name(name: str) -> bool:
    return 0 < len(name) <= _MAX_NAME and name.isprintable()


_Point = tuple[str, float, int | None, float | None]


def _points(line: bytes) -> list[_Point] | None:
    row = _decoded(line)
    if not isinstance(row, dict):
        return None
    step, time = row.get("step"), row.get("time")
    if isinstance(step, float) and step.is_integer():
        step = int(step)
    if step is not None and (type(step) is not int or abs(step) > _MAX_STEP):
        return None
    moment = _value(time)
    if moment is not None and not math.isfinite(moment):
        moment = None
    if isinstance(row.get("name"), str) and "value" in row:
        named: Mapping[str, Any] = {row["name"]: row["value"]}
    else:
        named = {name: value for name, value in row.items() if name not in _OWN_KEYS}
    points = []
    for name, given in named.items():
        value = _value(given)
        if value is not None and _is_name(name):
            points.append((name, value, step, moment))
    return points or None


def _decoded(line: bytes) -> object:
    try:
        return msgspec.json.decode(line)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        pass
    try:  # Python's own writer says NaN and Infinity without quotes
        return json.loads(line)
    except (ValueError, RecursionError):
        return None


def _value(given: object) -> float | None:
    if isinstance(given, bool):
        return float(given)
    if isinstance(given, int | float):
        try:
            return float(given)
        except OverflowError:
            return None
    return float(given) if given in ("NaN", "Infinity", "-Infinity") else None


def encode_series(metrics: Metrics) -> bytes:
    """Return the bytes of `metrics.jsonl`: a line for each metric by name, its points as columns."""
    return b"".join(_encoded(name, metrics.series[name]) for name in sorted(metrics.series))


def _encoded(name: str, series: Series) -> bytes:
    """Return what `canonical` makes of the columns, in less time."""
    parts = [b'{"name":', canonical(name)[:-1], b',"steps":', msgspec.json.encode(series.steps)]
    if any(time is not None for time in series.times):
        parts += [b',"times":', _column(series.times)]
    return b"".join([*parts, b',"values":', _column([*map(number, series.values)]), b"}\n"])


def _column(values: Sequence[Number | None]) -> bytes:
    """Return numbers as `canonical` does; the native writer differs from it in exponents alone."""
    for value in values:
        if type(value) is not float or not (_LEAST_PLAIN <= abs(value) < _FIRST_LARGE or value == 0):
            return canonical(values)[:-1]
    return msgspec.json.encode(values)


class _Line(msgspec.Struct, forbid_unknown_fields=True):
    name: str
    steps: list[int]
    values: list[Number]
    times: list[float | None] | None = None


def decode_series(data: bytes) -> dict[str, Series]:
    """Read `metrics.jsonl`.

    Raises:
        Corrupt: It is damaged.
    """
    found = {}
    for line in data.splitlines():
        try:
            row = msgspec.json.decode(line, type=_Line)
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            raise Corrupt(f"the metrics of a run are damaged: {error}") from None
        times: list[float | None] = [None] * len(row.steps) if row.times is None else row.times
        if not len(row.steps) == len(row.values) == len(times):
            raise Corrupt(f"the metric {row.name!r} of a run has columns of different lengths")
        found[row.name] = Series(row.steps, [float(value) for value in row.values], times)
    return found


def rows_of(series: Mapping[str, Series]) -> Iterator[dict[str, Any]]:
    """Yield each point by itself."""
    for name, each in series.items():
        for step, value, time in zip(each.steps, each.values, each.times, strict=True):
            yield {"name": name, "step": step, "value": number(value), "time": time}
