"""`tether resolve`: settle conflicts."""

from dataclasses import dataclass

import click

from tether.cli.context import Context
from tether.cli.options import paths_argument, with_options
from tether.cli.paths import expand_paths
from tether.errors import InvalidInput


@dataclass(frozen=True, slots=True)
class Options:
    """What the user asked for."""

    paths: tuple[str, ...]
    ours: bool
    theirs: bool
    mark: bool


@click.command()
@paths_argument(required=True)
@click.option("--ours", is_flag=True, help="Take our version.")
@click.option("--theirs", is_flag=True, help="Take the version of the other side.")
@click.option("--mark", is_flag=True, help="Take what the working copy has now (the default).")
@with_options(Options)
def command(ctx: Context, options: Options) -> None:
    """Settle conflicts, and stage the result.

    A version that the merge put beside a file is removed, unless you changed it. A folder stands for
    all conflicts below it.
    """
    from tether.api.resolving import Decision, resolve_conflicts
    from tether.api.staging import under_way
    from tether.core.names import display

    if options.ours + options.theirs + options.mark > 1:
        raise InvalidInput("--ours, --theirs and --mark exclude each other")
    decision: Decision = "ours" if options.ours else "theirs" if options.theirs else "mark"
    repo = ctx.repo()
    paths = expand_paths(
        ctx,
        options.paths,
        missing_ok=True,
        candidates=lambda: [row.path for row in under_way(repo, repo.repository.root())[0]],
        globs="none",
    )
    done = resolve_conflicts(repo, paths, decision)
    document = {
        "resolved": [display(path) for path in done.resolved],
        "conflicts": [display(path) for path in done.left],
    }
    left = f"{len(done.left)} left to decide" if done.left else "nothing is left to decide"
    ctx.emit(
        document, lambda: [*(f"settled {display(path)}" for path in done.resolved), left], essential=False
    )
