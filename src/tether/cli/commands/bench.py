"""`tether bench`: measure a model on pinned data, show what was measured, and compare two of them."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tether.cli.context import Context, pass_context
from tether.cli.options import with_options
from tether.cli.revisions import place_text
from tether.errors import InvalidInput

if TYPE_CHECKING:
    from tether.api.benching import BenchRequest
    from tether.bench.settings import Settings

_MEASURE = "measure"
_SCENARIOS = ("single", "offline", "server")
_svg = click.option("--svg", type=click.Path(dir_okay=False), metavar="FILE", help="Draw the latencies too.")


class _MeasureByDefault(click.Group):
    """A group whose first word may be a model: then `measure` is meant."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Put `measure` first where no subcommand is named."""
        first = next((word for word in args if not word.startswith("-")), None)
        if args and first not in self.commands and not {"-h", "--help"}.intersection(args[:1]):
            args = [_MEASURE, *args]
        return super().parse_args(ctx, args)


@click.group(cls=_MeasureByDefault, subcommand_metavar="MODEL | COMMAND [ARGS]...")
def command() -> None:
    """Measure a model: latency, throughput, memory, size, and how right it is.

    'tether bench MODEL --data REV:PATH' is 'tether bench measure', and keeps what it finds as a run.
    """


@dataclass(frozen=True, slots=True)
class Options:
    """What the user asked for."""

    model: str
    words: tuple[str, ...]
    data: str | None
    random_: bool
    sizes: tuple[str, ...]
    label: str | None
    id_: str | None
    slices: str | None
    columns: str | None
    scenarios: str
    batches: str | None
    queries: int
    seconds: float
    limit: float
    warmup: int
    rounds: int
    rate: float | None
    threads: int | None
    sample: int
    seed: int
    timeout: float
    trust: bool
    providers: tuple[str, ...]
    name: str | None
    svg: str | None


@command.command(_MEASURE)
@click.argument("model", metavar="MODEL")
@click.argument("words", nargs=-1, type=click.UNPROCESSED, metavar="[-- CMD [ARG]...]")
@click.option("--data", metavar="REV:PATH", help="Inputs: a npz, npy, csv or parquet file, or a folder.")
@click.option("--random", "random_", is_flag=True, help="Random numbers instead of data.")
@click.option(
    "--size",
    "sizes",
    multiple=True,
    metavar="NAME=N[xN]...",
    help="For --random: a size left open, or a row.",
)
@click.option("--label", metavar="COLUMN", help="What the model should answer; accuracy is told then.")
@click.option("--id", "id_", metavar="COLUMN", help="Names the rows; without it they are numbered.")
@click.option("--slices", metavar="COLUMN,...", help="Accuracy for each value of these too.")
@click.option("--columns", metavar="COLUMN,...", help="The inputs, in order; without it all other columns.")
@click.option(
    "--scenario",
    "scenarios",
    default=",".join(_SCENARIOS),
    show_default=True,
    metavar="NAME,...",
    help="One query after the other, batches, queries that come by themselves.",
)
@click.option("--batch", "batches", metavar="N,...", help="Inputs in a query of offline.  [default: 32]")
@click.option("--queries", type=int, default=1000, show_default=True, metavar="N", help="N at least.")
@click.option("--seconds", type=float, default=3.0, show_default=True, metavar="S", help="S at least.")
@click.option("--limit", type=float, default=120.0, show_default=True, metavar="S", help="S at most.")
@click.option("--warmup", type=int, default=20, show_default=True, metavar="N", help="Queries before.")
@click.option("--rounds", type=int, default=3, show_default=True, metavar="N", help="Fresh processes.")
@click.option("--rate", type=float, metavar="R", help="Queries a second of server; half of what it can do.")
@click.option("--threads", type=int, metavar="N", help="Of the runtime; as many as there are cores.")
@click.option("--sample", type=int, default=256, show_default=True, metavar="N", help="Rows to draw.")
@click.option("--seed", type=int, default=17, show_default=True, metavar="N", help="Of all that is drawn.")
@click.option("--timeout", type=float, default=3600.0, show_default=True, metavar="S", help="Of a process.")
@click.option("--trust", is_flag=True, help="Load what can run code of its author: joblib, pickle, skops.")
@click.option("--provider", "providers", multiple=True, metavar="NAME", help="Of ONNX Runtime.")
@click.option("--name", metavar="NAME", help="What to call the run.")
@_svg
@with_options(Options)
def measure(ctx: Context, options: Options) -> None:
    """Measure MODEL in fresh processes on rows of --data.

    MODEL is a file, REV:PATH, a run that kept one model, or a release NAME@VERSION.

    ONNX and skops models are run as they are; others by CMD, which answers queries on its stdin and stdout.
    Each section (a scenario, and a size of batches) takes --queries and --seconds, over all rounds.
    """
    from tether.api.benching import bench_model, document_of
    from tether.cli.render_bench import bench_lines
    from tether.cli.render_running import warn_altered

    done = bench_model(ctx.repo(), _request(ctx, options), progress=ctx.progress())
    document = {"run": done.record.id, **document_of(done.bench)}
    _draw(ctx, done.record.id, options.svg)
    ctx.emit(document, lambda: bench_lines(ctx.style, done.record.id, done.bench))
    warn_altered(ctx, done.altered)


def _request(ctx: Context, options: Options) -> "BenchRequest":
    from tether.api.benching import BenchRequest
    from tether.bench.inputs import Roles

    if (options.data is None) != options.random_:
        raise InvalidInput("no inputs", hint="give data with --data REV:PATH, or say --random")
    request = BenchRequest(
        options.model if (ctx.cwd / options.model).exists() else place_text(ctx, options.model),
        ctx.cwd,
        ctx.environ,
        ("tether", "bench", *_words(options)),
        data=None if options.data is None else place_text(ctx, options.data),
        roles=Roles(options.id_, options.label, _names(options.slices), _names(options.columns)),
        settings=_settings(options),
        sizes=dict(_size(text) for text in options.sizes),
        command=options.words,
        trust=options.trust,
        name=options.name,
    )
    if options.providers:
        from dataclasses import replace

        return replace(request, providers=options.providers)
    return request


def _settings(options: Options) -> "Settings":
    from tether.api.benching import default_threads
    from tether.bench.settings import Settings

    chosen = _names(options.scenarios)
    wrong = [name for name in chosen if name not in _SCENARIOS]
    if wrong:
        raise InvalidInput(f"no such scenario: {wrong[0]}", hint=f"there are {', '.join(_SCENARIOS)}")
    return Settings(
        scenarios=chosen,  # type: ignore[arg-type]
        batches=tuple(_number(text) for text in _names(options.batches)),
        queries=options.queries,
        seconds=options.seconds,
        limit_s=options.limit,
        warmup=options.warmup,
        rounds=options.rounds,
        rate=options.rate,
        threads=options.threads if options.threads is not None else default_threads(),
        sample=options.sample,
        seed=options.seed,
        timeout_s=options.timeout,
    )


def _words(options: Options) -> list[str]:
    """Return the words of the user that say what was measured; the settings stand in the record anyway."""
    data = ["--random"] if options.data is None else ["--data", options.data]
    return [options.model, *data, *(["--", *options.words] if options.words else [])]


def _names(text: str | None) -> tuple[str, ...]:
    return tuple(part for part in (text or "").split(",") if part)


def _size(text: str) -> tuple[str, tuple[int, ...]]:
    name, equals, value = text.partition("=")
    if not equals:
        raise InvalidInput(f"not a size: {text}", hint="write it like --size length=128")
    return name, tuple(_number(part) for part in value.split("x"))


def _number(text: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise InvalidInput(f"not a whole number: {text}") from None


def _draw(ctx: Context, run: str, target: str | None) -> None:
    """Draw the latencies of a bench to a file, if that is wanted."""
    if target is None:
        return
    from tether.api.benching import find_bench

    Path(target).write_text(find_bench(ctx.repo(), run).svg())


@command.command()
@click.argument("run")
@click.option("--check", is_flag=True, help="Compute the percentiles anew from the latencies that are kept.")
@_svg
@pass_context
def show(ctx: Context, run: str, check: bool, svg: str | None) -> None:
    """Show what a bench found; a RUN is named as in 'tether runs'."""
    from tether.api.benching import document_of, find_bench
    from tether.cli.render_bench import bench_lines

    known = find_bench(ctx.repo(), run)
    _draw(ctx, known.run.id, svg)
    if check:
        known.check()
    document: dict[str, Any] = {"run": known.run.id, **document_of(known.bench)}
    document |= {"checked": True} if check else {}
    ctx.emit(document, lambda: bench_lines(ctx.style, known.run.id, known.bench, checked=check), page=True)


@command.command()
@click.argument("old", metavar="A")
@click.argument("new", metavar="B")
@click.option("--vary", metavar="NAME,...", help="What may differ: runtime, threads, python, blas, inputs.")
@pass_context
def compare(ctx: Context, old: str, new: str, vary: str | None) -> None:
    """Compare two benches: medians with intervals, memory and size.

    Benches of different machines, or of different inputs, are not ranked.
    """
    from tether.api.benching import compare_two
    from tether.bench.comparing import diff_document
    from tether.cli.render_bench import diff_lines

    document = diff_document(compare_two(ctx.repo(), old, new, _names(vary)))
    ctx.emit(document, lambda: diff_lines(ctx.style, document))
