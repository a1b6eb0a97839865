"""`tether runs`: list, show, compare, export and plot runs."""

from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

import click

from tether.cli.context import Context, pass_context
from tether.cli.format import count_text, size_text
from tether.cli.options import with_options
from tether.errors import InvalidInput, NotFound, TetherError

if TYPE_CHECKING:
    from tether.runs.reading import KnownRun

_WHERE_HELP = (
    "Only runs for which this holds, like 'lr<0.1', 'loss.min<=0.2', 'status=finished', 'name~^base'."
)
_where = click.option("--where", multiple=True, metavar="CONDITION", help=_WHERE_HELP)


@click.group()
def command() -> None:
    """List, show, compare, export and plot runs.

    A RUN is an id, its beginning or end of 4 or more characters, a name (the newest with it), or 'last'.
    'runs/ID' is a revision: 'tether ls runs/ID' lists its files, 'tether cat runs/ID:PATH' gives one.
    """


@dataclass(frozen=True, slots=True)
class ListOptions:
    """What the user asked for."""

    where: tuple[str, ...]
    sort: str | None
    limit: int | None
    skip: int
    columns: str | None


@command.command("list")
@_where
@click.option(
    "--sort", metavar="NAME", help="By a parameter, a metric or a column; '-NAME' the other way round."
)
@click.option("-n", "--limit", type=click.IntRange(0), metavar="N", help="N runs at most.")
@click.option("--skip", type=click.IntRange(0), default=0, metavar="N", help="Leave out the first N.")
@click.option("--columns", metavar="NAME,...", help="Show these, instead of all parameters and metrics.")
@with_options(ListOptions)
def list_(ctx: Context, options: ListOptions) -> None:
    """List runs, the newest first."""
    from tether.api.runs import RunQuery, document_of, list_runs
    from tether.cli.render_runs import run_table

    columns = _names(options.columns) if options.columns is not None else None
    problems: list[TetherError] = []
    query = RunQuery(options.where, options.sort, options.limit, options.skip, tuple(columns or ()))
    found = list_runs(ctx.repo(), query, problems, problems)
    _warn(ctx, problems)
    if not found:
        _tell_none(ctx, options.where)
    documents = [document_of(run.record) for run in found] if ctx.json else []
    ctx.emit(documents, lambda: run_table(ctx, found, columns), page=True)


def _warn(ctx: Context, problems: "list[TetherError]") -> None:
    for problem in problems:
        hint = f" ({problem.hint})" if problem.hint and problem.hint.startswith("did you mean") else ""
        ctx.warn(f"{problem}{hint}")


def _tell_none(ctx: Context, where: tuple[str, ...]) -> None:
    """Say that there is nothing to show, which is not a mistake."""
    ctx.note("no runs for which that holds" if where else "no runs: 'tether run -- COMMAND' records one")


def _names(text: str) -> list[str]:
    return [name for name in text.split(",") if name]


def _asked_for(
    ctx: Context, runs: tuple[str, ...], where: tuple[str, ...], shown: tuple[str, ...] = ()
) -> "list[KnownRun]":
    """Return the runs that are named, or all for which conditions hold."""
    from tether.api.runexport import chosen_runs

    doubtful: list[TetherError] = []
    found = chosen_runs(ctx.repo(), runs, where, shown, doubtful)
    _warn(ctx, doubtful)
    return found


@command.command()
@click.argument("run")
@click.option("--stdout", "stream", flag_value="stdout", help="Only what it printed on stdout.")
@click.option("--stderr", "stream", flag_value="stderr", help="Only what it printed on stderr.")
@pass_context
def show(ctx: Context, run: str, stream: str | None) -> None:
    """Show all that is known of a RUN."""
    from tether.api.registered import told_of
    from tether.api.runs import document_of, run_beside, run_environment, run_output, show_run
    from tether.cli.render_runs import run_lines, told_lines

    repo = ctx.repo()
    found = show_run(repo, run)
    if stream is not None:
        ctx.bytes_out.write(run_output(repo, found, stream))
        return
    environment, beside, told = run_environment(repo, found), run_beside(repo, found), told_of(repo, found)
    facts = None if told is None else {"experiment": told.experiment, "tags": told.tags}
    document = {**document_of(found.record), **beside, "environment": environment, "mlflow": facts}
    lines = chain(run_lines(ctx, found, environment, beside), told_lines(ctx, told))
    ctx.emit(document, lambda: lines, page=True)


@dataclass(frozen=True, slots=True)
class DiffOptions:
    """What the user asked for."""

    old: str
    new: str
    only_code: bool
    code: str | None


@command.command()
@click.argument("old", metavar="A")
@click.argument("new", metavar="B")
@click.option(
    "--show-code", "only_code", is_flag=True, help="Only how the lines of the code differ; asks Git."
)
@click.option(
    "--code", type=click.Path(), metavar="DIR", help="The Git repository of the code, if it is not around."
)
@with_options(DiffOptions)
def diff(ctx: Context, options: DiffOptions) -> None:
    """Compare two runs: parameters, metrics, data, code and environment. What is equal is left out.

    --show-code shows the lines of code that differ. 'tether diff runs/A runs/B' shows those of data, where A
    and B are whole ids.
    """
    from tether.api.runs import diff_code, diff_runs
    from tether.cli.render_commit import printable
    from tether.cli.render_runs import diff_document, diff_lines

    if options.only_code:
        places = (ctx.cwd / (options.code or "."),)
        found_code = diff_code(ctx.repo(), options.old, options.new, places, ctx.environ)
        text = found_code.decode(errors="replace")
        ctx.emit({"code": text}, lambda: map(printable, text.splitlines()), page=True)
        return
    found = diff_runs(ctx.repo(), options.old, options.new)
    ctx.emit(diff_document(found), lambda: diff_lines(ctx, found), page=True)


@dataclass(frozen=True, slots=True)
class ExportOptions:
    """What the user asked for."""

    runs: tuple[str, ...]
    form: str
    output: str | None
    metrics: bool
    where: tuple[str, ...]


@command.command()
@click.argument("runs", nargs=-1, metavar="[RUN]...")
@click.option(
    "--format", "form", type=click.Choice(["json", "csv"]), default="json", help="JSON, or a table."
)
@click.option("-o", "--output", type=click.Path(dir_okay=False), metavar="FILE", help="Write to this file.")
@click.option("--metrics", is_flag=True, help="Every point of the metrics too; in a table, nothing else.")
@_where
@with_options(ExportOptions)
def export(ctx: Context, options: ExportOptions) -> None:
    """Write RUNs, or all runs, as JSON or CSV."""
    from tether.api.runexport import export_runs

    found = _asked_for(ctx, options.runs, options.where)
    text = export_runs(ctx.repo(), found, options.form, points=options.metrics)
    if options.output is None:
        ctx.bytes_out.write(text.encode())
        return
    Path(options.output).write_text(text)
    document = {"path": options.output, "runs": len(found)}
    ctx.emit(
        document, lambda: [f"wrote {count_text(len(found), 'run')} to {options.output}"], essential=False
    )


@dataclass(frozen=True, slots=True)
class PlotOptions:
    """What the user asked for."""

    runs: tuple[str, ...]
    metric: str | None
    parallel: str | None
    text: bool
    output: str | None
    where: tuple[str, ...]


@command.command()
@click.argument("runs", nargs=-1, metavar="[RUN]...")
@click.option("--metric", metavar="NAME", help="Draw the curves of this metric.")
@click.option(
    "--parallel", metavar="NAME,...", help="Draw parallel coordinates of these parameters and metrics."
)
@click.option("--text", is_flag=True, help="Draw as text, which is what happens without -o.")
@click.option(
    "-o", "--output", type=click.Path(dir_okay=False), metavar="FILE", help="Write SVG to this file."
)
@_where
@with_options(PlotOptions)
def plot(ctx: Context, options: PlotOptions) -> None:
    """Draw RUNs, or all runs: as text, or as SVG to a file.

    Without --metric and --parallel it is the metric that most of them have with several points, or else the
    parameters that differ and the metrics as parallel coordinates.
    """
    if options.metric is not None and options.parallel is not None:
        raise InvalidInput("two drawings at once", hint="give --metric or --parallel")
    found = _asked_for(ctx, options.runs, options.where)
    if not found:
        raise NotFound("no runs to draw", hint="'tether runs list' lists them")
    metric, axes = options.metric, _names(options.parallel or "")
    if metric is None and not axes:
        from tether.api.drawing import chosen_drawing

        metric, axes = chosen_drawing(found)
    if metric is None:
        _draw_parallel(ctx, found, axes, options)
    else:
        _draw_curves(ctx, found, metric, options)


def _draw_parallel(ctx: Context, found: "list[KnownRun]", names: list[str], options: PlotOptions) -> None:
    """Draw the runs that have a value at one of the axes at least."""
    from tether.api.drawing import values_of
    from tether.runs.plotting import parallel
    from tether.runs.textplot import text_parallel

    rows = values_of(found, names)
    _tell_left_out(ctx, len(found) - len(rows), " or ".join(names))
    if not options.text and options.output is not None:
        _write(ctx, options.output, parallel(" / ".join(names), names, rows), len(rows))
        return
    told = [{"run": run, **dict(zip(names, row, strict=True))} for run, row in rows.items()]
    ctx.emit(told, lambda: text_parallel(names, rows))


def _draw_curves(ctx: Context, found: "list[KnownRun]", metric: str, options: PlotOptions) -> None:
    """Draw the runs that have the metric."""
    from tether.api.drawing import curves_of
    from tether.runs.metrics import rows_of
    from tether.runs.plotting import curves
    from tether.runs.textplot import text_curves

    lines = curves_of(ctx.repo(), found, metric)
    _tell_left_out(ctx, len(found) - len(lines), metric)
    if not options.text and options.output is not None:
        _write(ctx, options.output, curves(metric, lines), len(lines))
        return
    told = [{"run": name, **point} for name, series in lines.items() for point in rows_of({metric: series})]
    ctx.emit(told, lambda: text_curves(metric, lines))


def _tell_left_out(ctx: Context, count: int, what: str) -> None:
    if count:
        ctx.note(f"{count_text(count, 'run')} without {what} left out")


def _write(ctx: Context, output: str, drawing: str, count: int) -> None:
    Path(output).write_text(drawing)
    document = {"path": output, "runs": count}
    ctx.emit(document, lambda: [f"drew {count_text(count, 'run')} to {output}"], essential=False)


@command.command()
@pass_context
def seal(ctx: Context) -> None:
    """Store runs that were lost: their process is gone and did not say how they ended.

    The next 'tether run' does so too.
    """
    from tether.api.runs import seal_lost

    found = seal_lost(ctx.repo())
    document = [{"id": record.id, "status": str(record.status)} for record in found]
    ctx.emit(document, lambda: [f"stored {count_text(len(found), 'run')}"], essential=False)


@command.command()
@pass_context
def clean(ctx: Context) -> None:
    """Remove the folders with pinned data that no run under way reads."""
    from tether.api.runs import clean_data

    freed = clean_data(ctx.repo())
    ctx.emit({"freed": freed}, lambda: [f"freed {size_text(freed)}"], essential=False)
