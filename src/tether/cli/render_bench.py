"""What a bench found, and how two of them differ, as people read it."""

from collections.abc import Iterator, Sequence
from statistics import median
from typing import TYPE_CHECKING, Any

from tether.cli.format import count_text, size_text
from tether.cli.render_commit import printable
from tether.cli.style import Style

if TYPE_CHECKING:
    from tether.bench.record import Bench, SectionPart

_HEADS = ("scenario", "batch", "queries", "p50", "p90", "p95", "p99", "max", "mean", "inputs/s")
_SHOWN_GROUPS = 40


def bench_lines(style: Style, run: str, bench: "Bench", *, checked: bool = False) -> Iterator[str]:
    """Yield a bench: what was measured on what, a table of the sections, and what else was found."""
    yield f"{style('heading', 'bench')} {style('id', run)}"
    for name, value in _about(bench):
        yield f"  {name:<11}{printable(value)}"
    yield ""
    rows = [_section_cells(each) for each in bench.sections]
    yield from _table(style, _HEADS, rows)
    yield from _notes(style, bench)
    if checked:
        yield "the percentiles are those of the latencies that are kept"
    yield from _accuracy(style, bench.accuracy)


def _about(bench: "Bench") -> Iterator[tuple[str, str]]:
    model, inputs, process, print_ = bench.model, bench.inputs, bench.process, bench.fingerprint
    at = f" at {model.commit[:12]}" if model.commit else ""
    yield "model", f"{model.name}{at}, {size_text(model.bytes)}{_parameters(bench)}"
    if model.macs is not None:
        yield "macs", _macs(model.macs)
    yield "inputs", _inputs(bench)
    for note in inputs.preparation if inputs.source == "data" else ():
        yield "", note
    runner = bench.runner
    yield "runtime", f"{runner.get('name')} {runner.get('version')}, {_threads(print_.get('threads'))}"
    cores = f"{print_.get('cores_allowed')} of {count_text(print_.get('cores') or 0, 'core')}"
    yield "machine", f"{print_.get('processor')}, {cores}, {print_.get('memory_gib')} GiB"
    yield (
        "start",
        ", ".join(
            f"{name} {time_text(median(values))}"
            for name, values in (
                ("import", process.import_s),
                ("load", process.load_s),
                ("first query", process.first_s),
            )
            if name != "import" or runner.get("command") is None
        ),
    )
    yield "memory", _memory(bench)


def _parameters(bench: "Bench") -> str:
    if not bench.model.parameters:
        return ""
    types = ", ".join(f"{name} {number:,}" for name, number in bench.model.types.items())
    return f", {bench.model.parameters:,} parameters ({types})"


def _macs(macs: dict[str, Any]) -> str:
    unknown = ", ".join(f"{name} x{count}" for name, count in (macs.get("unknown") or {}).items())
    least = "at least " if unknown else ""
    missing = f"; not counted: {unknown}" if unknown else ""
    return f"{least}{macs.get('per_input'):,} for an input ({macs.get('counter')}){missing}"


def _inputs(bench: "Bench") -> str:
    inputs = bench.inputs
    if inputs.source == "random":
        return f"{count_text(len(inputs.ids), 'row')} of random numbers, seed {inputs.seed}: no real data"
    place = f"{(inputs.commit or 'the stage')[:12]}:{inputs.path}"
    return f"{len(inputs.ids):,} of {count_text(inputs.total, 'row')} of {place}, seed {inputs.seed}"


def _threads(count: Any) -> str:
    return count_text(count, "thread") if isinstance(count, int) else "threads not known"


def _memory(bench: "Bench") -> str:
    from tether.bench.comparing import net_bytes

    peak = size_text(int(median(bench.process.peak_bytes)))
    if bench.process.baseline_bytes is None:
        return f"{peak} at most, of the command and what it started"
    empty = size_text(bench.process.baseline_bytes)
    return f"{size_text(net_bytes(bench))} at most, beside the {empty} of an empty process"


def _section_cells(each: "SectionPart") -> list[str]:
    times = [time_text(each.p50), time_text(each.p90), time_text(each.p95)]
    times += ["-" if each.p99 is None else time_text(each.p99), time_text(each.max), time_text(each.mean)]
    rate = f"at {_figure(each.rate or 0)}" if each.throughput is None else _figure(each.throughput)
    return [each.scenario, str(each.batch), f"{each.queries:,}", *times, rate]


def _notes(style: Style, bench: "Bench") -> Iterator[str]:
    for each in bench.sections:
        low, high = each.ci.get("p50", (each.p50, each.p50))
        spread = "" if each.spread is None else f", rounds {100 * each.spread:.1f} % apart"
        rate = ""
        if each.throughput_ci is not None:
            rate = f", {_figure(each.throughput_ci[0])} to {_figure(each.throughput_ci[1])} inputs/s"
        title = f"{each.scenario} {each.batch}"
        yield f"{title:<12}p50 is {time_text(low)} to {time_text(high)}{rate} (95 %){spread}"
        if each.cut:
            yield style("warning", f"{title:<12}stopped at --limit, after {each.seconds:.1f} s")
    if any(each.p99 is None for each in bench.sections):
        yield style("faint", "no p99 under 1,000 queries")
    for why in bench.noisy:
        yield style("warning", f"noisy: {printable(why)}")


def _accuracy(style: Style, found: dict[str, Any] | None) -> Iterator[str]:
    if found is None:
        return
    yield ""
    if not found.get("metric"):
        yield style("warning", f"no accuracy: {printable(str(found.get('why')))}")
        return
    heads = [str(found["metric"]), "score", "95 %", "inputs"]
    groups = found.get("groups") or []
    rows = [["all", *_score(found)]]
    rows += [[f"{row['column']}={row['value']}", *_score(row)] for row in groups[:_SHOWN_GROUPS]]
    yield from _table(style, heads, rows)
    if len(groups) > _SHOWN_GROUPS:
        yield f"and {len(groups) - _SHOWN_GROUPS} more; --json has all"


def _score(row: dict[str, Any]) -> list[str]:
    ends = row.get("ci")
    interval = f"{ends[0]:.4f} to {ends[1]:.4f}" if ends else "-"
    return [f"{row['score']:.4f}", interval, f"{row['n']:,}"]


def diff_lines(style: Style, document: dict[str, Any]) -> Iterator[str]:
    """Yield how two benches differ."""
    rows = []
    for each in document["sections"]:
        ends = "-" if each["ci"] is None else f"{each['ci'][0]:.3f} to {each['ci'][1]:.3f}"
        medians = [time_text(each[side]["p50"]) for side in ("old", "new")]
        rows.append(
            [each["scenario"], str(each["batch"]), *medians, f"{each['ratio']:.3f}", ends, each["verdict"]]
        )
    yield from _table(style, ["scenario", "batch", "old p50", "new p50", "ratio", "95 %", ""], rows)
    for name, key in (("memory", "peak_bytes"), ("on disk", "bytes")):
        yield f"{name}: {size_text(document[key]['old'])} -> {size_text(document[key]['new'])}"
    if document["varied"]:
        yield f"differs as well: {', '.join(document['varied'])}"
    for why in document["noisy"]:
        yield style("warning", f"noisy: {printable(why)}")


def time_text(seconds: float) -> str:
    """Return a short time with three digits: `12.3 us`, `4.56 ms`, `1.20 s`."""
    for factor, unit in ((1e-6, "us"), (1e-3, "ms")):
        if seconds < 1000 * factor:
            return f"{_figure(seconds / factor)} {unit}"
    return f"{_figure(seconds)} s"


def _figure(value: float) -> str:
    """Return a number with at least three digits that count."""
    digits = 2 if value < 10 else 1 if value < 100 else 0
    return f"{value:,.{digits}f}"


def _table(style: Style, heads: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    cells = [[printable(cell) for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(heads, *cells, strict=True)]
    for at, row in enumerate([list(heads), *cells]):
        line = "  ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)).rstrip()
        yield style("heading", line) if at == 0 else line
