"""`tether retrain`: run the recorded command of a run again on other data."""

from dataclasses import dataclass

import click
import msgspec

from tether.cli.commands.run import once, parameter, seed
from tether.cli.context import Context
from tether.cli.options import with_options


@dataclass(frozen=True, slots=True)
class Options:
    """What the user asked for."""

    ref: str
    data: tuple[str, ...]
    params: tuple[str, ...]
    seeds: tuple[str, ...]
    name: str | None


@click.command()
@click.argument("ref", metavar="RUN | RELEASE")
@click.option(
    "--data", "data", multiple=True, metavar="NAME=REV[:PATH]", help="Read this instead of what it read."
)
@click.option("--param", "params", multiple=True, metavar="NAME=VALUE", help="Another value of a parameter.")
@click.option("--seed", "seeds", multiple=True, metavar="[NAME=]N", help="Another seed.")
@click.option("--name", metavar="NAME", help="What to call the new run.")
@with_options(Options)
def command(ctx: Context, options: Options) -> None:
    """Run the command of a run, or of the training of a release, again: on other data, with the code of now.

    What is not named stays as it was: inputs, parameters, seeds, artefacts. The new run names the other one
    as what it retrains. The exit code is that of the command.
    """
    from tether.api.originals import find_original
    from tether.api.retraining import retraining
    from tether.api.running import run_command
    from tether.cli.render_running import report, shower
    from tether.runs.child import at_terminal

    repo = ctx.repo()
    original = find_original(repo, options.ref)
    values = once("parameter", map(parameter, options.params))
    request = retraining(repo, original, options.data, values, (ctx.cwd, ctx.environ))
    seeds = {**request.seeds, **once("seed", map(seed, options.seeds))}
    request = msgspec.structs.replace(request, seeds=seeds, name=options.name)
    done = run_command(repo, request, shower(ctx), terminal=at_terminal())
    report(ctx, done)
    ctx.exit(done.code)
