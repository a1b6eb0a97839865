"""Evaluations as people and scripts read them."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from tether.cli.format import SHORT_ID, count_text
from tether.evals.evaluating import headlines
from tether.evals.metrics.base import is_detail

if TYPE_CHECKING:
    from tether.api.evaluating import Evaluated
    from tether.cli.context import Context
    from tether.evals.evaldoc import Evaluation, Metric, SliceResult
    from tether.evals.slices import Slice

_MOST_CLASSES = 30
_MOST_CONFUSED = 10
_LEAST_P = 0.0001


def number_text(value: float | None, *, signed: bool = False) -> str:
    """Return a figure with four digits behind the point, or fewer of a large one."""
    if value is None:
        return "-"
    sign = "+" if signed else ""
    return f"{value:{sign}.4f}" if abs(value) < 1000 else f"{value:{sign}.6g}"


def p_text(value: float | None) -> str:
    """Return a p-value: a small one is told to be small, and none is told to be 0."""
    if value is None:
        return ""
    return f"<{_LEAST_P:.4f}" if value < _LEAST_P else f"{value:.4f}"


def interval_text(low: float | None, high: float | None, *, signed: bool = False) -> str:
    """Return the ends of an interval; empty where there is none."""
    if low is None or high is None:
        return ""
    return f"{number_text(low, signed=signed)} to {number_text(high, signed=signed)}"


def table(ctx: "Context", rows: Sequence[Sequence[str]], indent: str = "") -> Iterator[str]:
    """Yield rows in columns, the first as their titles."""
    shown = [[printable(cell) for cell in row] for row in rows]
    widths = [max(len(row[at]) for row in shown) for at in range(len(shown[0]))]
    for number, row in enumerate(shown):
        line = indent + "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        yield ctx.style("faint", line) if not number else line


def printable(text: str) -> str:
    """Return a text that somebody else may have written as it can go to a terminal."""
    return text if text.isprintable() else ascii(text)


def evaluation_document(done: "Evaluated") -> dict[str, Any]:
    """Return an evaluation for `--json`."""
    import msgspec

    document: dict[str, Any] = msgspec.to_builtins(done.evaluation)
    return {"id": done.record.id, **document}


def metric_document(metric: "Metric") -> dict[str, Any]:
    """Return one figure for `--json`."""
    import msgspec

    document: dict[str, Any] = msgspec.to_builtins(metric)
    return document


def evaluation_lines(ctx: "Context", run: str, found: "Evaluation") -> Iterator[str]:
    """Yield an evaluation, for people."""
    data = found.data
    at = (data.commit or "the stage")[:SHORT_ID]
    what = f"{count_text(data.count, 'example')} of {printable(data.rev)}:{printable(data.path)} at {at}"
    yield f"{ctx.style('heading', 'evaluation')} {ctx.style('id', run)}: {found.task}, {what}"
    level = f"{found.intervals.level * 100:g} % interval"
    rows = [["metric", "value", level]]
    rows += [_metric_row(metric) for metric in headlines(found.metrics)]
    yield from table(ctx, rows)
    yield from _by_class(ctx, found)
    if found.slices:
        yield ""
        yield from slice_lines(ctx, found)
    yield from _confused(ctx, found)


def _metric_row(metric: "Metric") -> list[str]:
    return [metric.name, number_text(metric.value), interval_text(metric.low, metric.high)]


def _by_class(ctx: "Context", found: "Evaluation") -> Iterator[str]:
    """Yield a row for each class, unless there are very many."""
    values: dict[str, dict[str, str]] = {}
    for metric in found.metrics:
        if is_detail(metric.name):
            name, _, rest = metric.name.partition("[")
            values.setdefault(rest[:-1], {})[name] = number_text(metric.value)
    names = [*dict.fromkeys(name for row in values.values() for name in row)]
    if values and len(values) <= _MOST_CLASSES:
        yield ""
        rows = [[label, *(row.get(name, "-") for name in names)] for label, row in values.items()]
        yield from table(ctx, [["class", *names], *rows])


def slice_lines(ctx: "Context", found: "Evaluation") -> Iterator[str]:
    """Yield what was measured of each slice, for people."""
    if not found.slices:
        return
    names = [metric.name for metric in headlines(found.metrics)][:4]
    rows = [
        ["slice", "examples", found.primary, "interval", *(name for name in names if name != found.primary)]
    ]
    rows += [_slice_row(each, found.primary, rows[0][4:]) for each in found.slices]
    yield from table(ctx, rows)


def _slice_row(each: "SliceResult", primary: str, names: Sequence[str]) -> list[str]:
    values = {metric.name: metric for metric in each.metrics}
    first = values.get(primary)
    if first is None:
        return [each.name, f"{each.count:,}", "-", f"fewer than {each.min}", *("-" for _ in names)]
    others = (number_text(values[name].value) if name in values else "-" for name in names)
    interval = interval_text(first.low, first.high)
    return [each.name, f"{each.count:,}", number_text(first.value), interval, *others]


def _confused(ctx: "Context", found: "Evaluation") -> Iterator[str]:
    """Yield what is most often taken for what."""
    wrong = [row for row in found.confusion if row[0] != row[1]][:_MOST_CONFUSED]
    if wrong:
        yield ""
        rows = [[label, taken, f"{count:,}"] for label, taken, count in wrong]
        yield from table(ctx, [["label", "taken for", "times"], *rows])


def definition_lines(ctx: "Context", slices: "Sequence[Slice]") -> Iterator[str]:
    """Yield what the slices are, for people."""
    if slices:
        rows = [[each.name, f"{each.least:,}", each.where, each.note or ""] for each in slices]
        yield from table(ctx, [["slice", "min", "where", "note"], *rows])
