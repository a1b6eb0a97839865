"""`tether lock`: keep others from pushing changes of files."""

from dataclasses import dataclass

import click

from tether.cli import complete
from tether.cli.context import Context
from tether.cli.options import paths_argument, with_options
from tether.cli.patterns import patterns_here
from tether.cli.render_locks import lock_document, lock_name


@dataclass(frozen=True, slots=True)
class Options:
    """What the user asked for."""

    paths: tuple[str, ...]
    branch: str | None
    remote: str | None


@click.command()
@paths_argument(required=True)
@click.option("-b", "--branch", metavar="BRANCH", help="On this branch only; on all if not given.")
@click.option("--remote", metavar="REMOTE", shell_complete=complete.remotes, help="At this remote.")
@with_options(Options)
def command(ctx: Context, options: Options) -> None:
    """Lock files or folders at a remote on a hub: nobody else pushes a change of them until you unlock them.

    For files that cannot be merged. All of PATHS are locked or none. Others can still edit their copies;
    'tether pull' before you begin to edit yours.
    """
    from tether.api.locks import lock_paths

    paths = patterns_here(ctx, options.paths)
    made = lock_paths(ctx.repo(), paths, branch=options.branch, remote=options.remote)
    lines = [f"locked {lock_name(lock)}" for lock in made]
    ctx.emit([lock_document(lock) for lock in made], lambda: lines, essential=False)
