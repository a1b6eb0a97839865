"""`tether run`: run a command and record what it read, did and made."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, TypeVar

import click

from tether.cli.context import Context
from tether.cli.options import with_options
from tether.errors import InvalidInput

Value = TypeVar("Value")


@dataclass(frozen=True, slots=True)
class Options:
    """What the user asked for."""

    words: tuple[str, ...]
    data: tuple[str, ...]
    params: tuple[str, ...]
    seeds: tuple[str, ...]
    artefacts: tuple[str, ...]
    name: str | None
    checkout: bool
    observe: bool
    mlflow: bool


@click.command(context_settings={"allow_interspersed_args": False})
@click.argument("words", nargs=-1, type=click.UNPROCESSED, metavar="-- CMD [ARG]...")
@click.option(
    "--data",
    "data",
    multiple=True,
    metavar="[NAME=]REV[:PATH]",
    help="Data that it reads; TETHER_DATA_NAME is a read-only folder with it.",
)
@click.option(
    "--param", "params", multiple=True, metavar="NAME=VALUE", help="A parameter; also in TETHER_PARAM_NAME."
)
@click.option("--seed", "seeds", multiple=True, metavar="[NAME=]N", help="A seed.")
@click.option(
    "--artefact", "artefacts", multiple=True, metavar="PATH", help="A file or folder to keep when it ends."
)
@click.option("--name", metavar="NAME", help="What to call the run.")
@click.option(
    "--checkout/--no-checkout", default=True, help="Make the folders with the data, or record it alone."
)
@click.option(
    "--observe/--no-observe", default=True, help="See which files its Python opens, beside the declared data."
)
@click.option(
    "--mlflow/--no-mlflow", default=True, help="Let CMD log into the run with MLflow, or leave MLflow alone."
)
@with_options(Options)
def command(ctx: Context, options: Options) -> None:
    """Run CMD, and record its data, code, parameters, environment, output, artefacts and end.

    It appends its metrics to the file that TETHER_METRICS names, as lines like
    {"name": "loss", "value": 0.5, "step": 3}; what it logs with MLflow is kept too, unless
    MLFLOW_TRACKING_URI is set. The exit code is that of CMD. A run never changes, and travels
    with push, fetch and clone. Without --data, the tracked files of the working copy are recorded.
    """
    from tether.api.runinputs import RunRequest
    from tether.api.running import run_command
    from tether.cli.render_running import report, shower
    from tether.runs.child import at_terminal

    request = RunRequest(
        options.words,
        ctx.cwd,
        ctx.environ,
        name=options.name,
        data=options.data,
        parameters=once("parameter", map(parameter, options.params)),
        seeds=once("seed", map(seed, options.seeds)),
        artefacts=options.artefacts,
        checkout=options.checkout,
        observe=options.observe,
        mlflow=options.mlflow,
    )
    done = run_command(ctx.repo(), request, shower(ctx), terminal=at_terminal())
    report(ctx, done)
    kept = {artefact.path.partition("/")[0] for artefact in done.record.artefacts}
    for path in options.artefacts:
        if not _is_kept(path, kept):
            ctx.warn(f"no such artefact: {path}")
    ctx.exit(done.code)


def _is_kept(path: str, kept: set[str]) -> bool:
    from tether.api.running import artefact_name

    return artefact_name(path).partition("/")[0] in kept


def parameter(text: str) -> tuple[str, Any]:
    """Return name and value of `NAME=VALUE`."""
    from tether.runs.rundoc import read_scalar

    name, equals, value = text.partition("=")
    if not equals:
        raise InvalidInput(f"not a parameter: {text}", hint="write it like --param lr=0.1")
    return name, read_scalar(value)


def once(kind: str, given: Iterable[tuple[str, Value]]) -> dict[str, Value]:
    """Return values by name.

    Raises:
        InvalidInput: A name is there twice.
    """
    found: dict[str, Value] = {}
    for name, value in given:
        if name in found:
            raise InvalidInput(f"the {kind} {name} is given twice", hint="a run has one value of each")
        found[name] = value
    return found


def seed(text: str) -> tuple[str, int]:
    """Return name and value of `NAME=N`; without a name it is `seed`."""
    name, equals, value = text.partition("=")
    name, value = (name, value) if equals else ("seed", text)
    try:
        return name, int(value)
    except ValueError:
        raise InvalidInput(f"not a seed: {text}", hint="write it like --seed 17") from None
