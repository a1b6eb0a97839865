"""`tether eval`: measure a model, or predictions of it, on data of a revision."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tether.cli.context import Context
from tether.cli.options import with_options
from tether.cli.revisions import place_text
from tether.errors import InvalidInput

if TYPE_CHECKING:
    from tether.api.evalrequest import EvalRequest
    from tether.runs.rundoc import RunRecord


@dataclass(frozen=True, slots=True)
class Options:
    """What the user asked for."""

    words: tuple[str, ...]
    predictions: str | None
    predictor: str | None
    examples: str | None
    task: str | None
    label: str | None
    key: str | None
    inputs: tuple[str, ...]
    classes: str | None
    slices: str | None
    no_slices: bool
    trust: bool
    in_order: bool
    name: str | None
    batch: int
    image_size: int | None
    image_mean: str | None
    image_std: str | None
    level: float
    replicates: int
    seed: int


@click.command()
@click.argument("words", nargs=-1, required=True, metavar="[MODEL] REV:DATA")
@click.option("--predictions", metavar="FILE", help="Measure these predictions, and run nothing.")
@click.option(
    "--predictor",
    metavar="COMMAND",
    help="Run this program: it reads {in}, a Parquet file, and writes {out}; {model} is the model.",
)
@click.option("--examples", metavar="FILE", help="Only write the inputs with their example_id as Parquet.")
@click.option(
    "--task",
    type=click.Choice(["classification", "regression", "detection", "retrieval", "text"]),
    help="What is predicted; otherwise numbers with fractions are a regression, all else classes.",
)
@click.option("--label", metavar="COLUMN", help="The column with the labels; otherwise 'label' or the like.")
@click.option(
    "--key", metavar="COLUMN", help="The column that says which example it is; otherwise the row does."
)
@click.option(
    "--input", "inputs", multiple=True, metavar="COLUMN,...", help="What the model sees; else all others."
)
@click.option("--classes", metavar="NAME,...", help="The classes whose scores the model gives, in order.")
@click.option(
    "--slices", metavar="REV:PATH", help="The file of slices; otherwise slices.yml beside the data."
)
@click.option("--no-slices", is_flag=True, help="Measure no slices.")
@click.option("--trust", is_flag=True, help="Load a model that can run code: pickles, unknown types.")
@click.option(
    "--in-order", is_flag=True, help="The predictions have no ids and are in the order of the examples."
)
@click.option("--name", metavar="NAME", help="What to call the run.")
@click.option(
    "--batch", type=click.IntRange(1, 65536), default=256, metavar="N", help="Examples at once: 256."
)
@click.option(
    "--image-size", type=click.IntRange(1, 8192), metavar="N", help="For models that take any size."
)
@click.option("--image-mean", metavar="N,...", help="Taken from the channels, which go from 0 to 1.")
@click.option("--image-std", metavar="N,...", help="Divides the channels then.")
@click.option("--level", type=float, default=0.95, metavar="SHARE", help="Of the intervals: 0.95.")
@click.option(
    "--replicates", type=click.IntRange(0, 100_000), default=1000, metavar="N", help="Of the bootstrap: 1000."
)
@click.option("--seed", type=click.IntRange(0), default=0, metavar="N", help="Of the bootstrap: 0.")
@with_options(Options)
def command(ctx: Context, options: Options) -> None:
    """Measure MODEL on DATA: metrics with intervals, of all and of each slice; kept as a run.

    DATA is a table (.parquet, .csv, .tsv), arrays (.npz, a folder of .npy), or a folder with a folder for
    each class. MODEL is a file, REV:PATH, a run that kept one model, or a release NAME@VERSION; ONNX and
    scikit-learn (skops) are run in a process of their own.
    """
    from tether.api.evaluating import evaluate_model, write_examples
    from tether.cli.format import count_text
    from tether.cli.render_eval import evaluation_document, evaluation_lines
    from tether.cli.render_running import warn_altered

    request = _request(ctx, options)
    repo = ctx.repo()
    if options.examples is not None:
        count = write_examples(repo, request, ctx.cwd / options.examples)
        document = {"path": options.examples, "examples": count}
        wrote = f"wrote {count_text(count, 'example')} to {options.examples}"
        ctx.emit(document, lambda: [wrote], essential=False)
        return
    shown = ctx.err if ctx.json else ctx.out
    done = evaluate_model(repo, request, {"stdout": _shower(shown), "stderr": _shower(ctx.err)})
    for warning in done.evaluation.warnings:
        ctx.warn(warning)
    warn_altered(ctx, done.altered)
    if request.slices is None:
        ctx.note(_taken_slices(done.record))
    ctx.emit(
        evaluation_document(done), lambda: evaluation_lines(ctx, done.record.id, done.evaluation), page=True
    )


def _request(ctx: Context, options: Options) -> "EvalRequest":
    from tether.api.evalrequest import EvalRequest
    from tether.evals.data.source import DataOptions
    from tether.evals.intervals import Plan

    if len(options.words) > 2:
        raise InvalidInput("too many arguments", hint="tether eval [MODEL] REV:DATA")
    model = None
    if len(options.words) == 2:
        word = options.words[0]
        model = word if (ctx.cwd / word).is_file() else place_text(ctx, word)
    image = {
        "size": options.image_size,
        "mean": _numbers(options.image_mean),
        "std": _numbers(options.image_std),
    }
    inputs = tuple(name for text in options.inputs for name in text.split(","))
    return EvalRequest(
        place_text(ctx, options.words[-1]),
        Path(ctx.cwd),
        ctx.environ,
        model=model,
        predictions=options.predictions,
        predictor=options.predictor,
        task=options.task,
        options=DataOptions(options.label, options.key, inputs),
        classes=tuple(options.classes.split(",")) if options.classes is not None else (),
        slices="" if options.no_slices else options.slices,
        trust=options.trust,
        in_order=options.in_order,
        batch=options.batch,
        image=image,
        plan=Plan(options.level, options.replicates, options.seed),
        name=options.name,
    )


def _taken_slices(record: "RunRecord") -> str:
    """Say which slices were taken where the user named none."""
    from tether.api.predicting import SLICES

    taken = next((each for each in record.data if each.name == SLICES), None)
    if taken is None:
        return "no slices: no slices.yml lies beside the data or in a folder above it"
    return f"slices are those of {taken.rev}:{taken.path}"


def _numbers(text: str | None) -> list[float] | None:
    if text is None:
        return None
    try:
        return [float(each) for each in text.split(",")]
    except ValueError:
        raise InvalidInput(f"not numbers: {text}", hint="write them like 0.485,0.456,0.406") from None


def _shower(stream: Any) -> Any:
    """Return what writes bytes to a stream of ours at once."""
    stream.flush()
    buffer = stream.buffer

    def show(data: bytes) -> None:
        buffer.write(data)
        buffer.flush()

    return show
