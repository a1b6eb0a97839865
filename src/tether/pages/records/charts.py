"""Drawings on pages, in the colours of the stylesheet and not in those that the drawing code writes."""

from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

from markupsafe import Markup

from tether.bench.record import SectionPart
from tether.runs.conditions import value_of
from tether.runs.metrics import Series
from tether.runs.plotting import curves, parallel
from tether.runs.reading import KnownRun

MOST_CURVES = 12
"""Metrics of one run that are drawn; the others are in the table."""
MOST_LINES = 60
"""Runs in one drawing."""
_AXES, _WORDS, _LONGEST = 7, 10, 16
_GREATEST = 1e300


def curve(name: str, series: Series) -> Markup:
    """Return one metric over its steps."""
    return Markup(curves(_cut(name, 60), {"": series}))


def coordinates(runs: Sequence[KnownRun]) -> Markup | None:
    """Return parallel coordinates: parameters that vary, then metrics; None where nothing does.

    Runs without parameters, or without metrics, have no line: evaluations are such.
    """
    taken = [run for run in runs if run.record.parameters and run.record.metrics][:MOST_LINES]
    parameters = sorted({name for run in taken for name in run.record.parameters})
    often = Counter(name for run in taken for name in run.record.metrics)
    metrics = sorted(often, key=lambda name: (-often[name], name))
    asked = [f"param.{name}" for name in parameters] + [f"metric.{name}" for name in metrics]
    varying = [name for name in asked if _varies([value_of(run.record, name) for run in taken])]
    results = [name for name in varying if name.startswith("metric.")][:2]
    names = [name for name in varying if name.startswith("param.")][: _AXES - len(results)] + results
    if len(taken) < 2 or len(names) < 2:
        return None
    rows = {_titled(run): [_plain(value_of(run.record, name)) for name in names] for run in taken}
    titles = [_cut(name.partition(".")[2], _LONGEST) for name in names]
    return Markup(parallel("", titles, rows))


def _titled(run: KnownRun) -> str:
    """Return what a run is called in a drawing, where each needs a name of its own."""
    return f"{_cut(run.record.name or '', _LONGEST)} {run.id[-6:]}".strip()


def _varies(values: Sequence[object]) -> bool:
    known = {repr(value): value for value in values if value is not None}
    words = sum(not isinstance(value, int | float) for value in known.values())
    return len(known) > 1 and words <= _WORDS


def _plain(value: object) -> object:
    """Return a value as a drawing can place it: numbers that no float has are left out."""
    if value is None or isinstance(value, bool | str):
        return value if value is None else _cut(str(value), _LONGEST)
    return float(value) if isinstance(value, int | float) and abs(value) < _GREATEST else None


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else text[: most - 1] + "…"


class Bar(NamedTuple):
    """One section of a bench, placed between 0 and 1000."""

    label: str
    p50: float
    p90: float
    slowest: float
    section: SectionPart


def bench_bars(sections: Sequence[SectionPart]) -> list[Bar]:
    """Return where the percentiles of sections stand on one scale from 0 to the slowest."""
    most = max((each.p99 or each.p95 for each in sections), default=0.0) or 1.0
    return [
        Bar(
            label=f"{each.scenario}, batch {each.batch:,}",
            p50=1000 * each.p50 / most,
            p90=1000 * each.p90 / most,
            slowest=1000 * (each.p95 if each.p99 is None else each.p99) / most,
            section=each,
        )
        for each in sections
    ]
