"""`tether restore`: bring files back as they were."""

from dataclasses import dataclass

import click

from tether.cli.context import Context
from tether.cli.format import count_text
from tether.cli.options import paths_argument, with_options
from tether.cli.paths import expand_tracked, head_of


@dataclass(frozen=True, slots=True)
class Options:
    """What the user asked for."""

    paths: tuple[str, ...]
    source: str | None
    staged: bool
    worktree: bool


@click.command()
@paths_argument(required=True)
@click.option("-s", "--source", metavar="REV", help="Take them from REV.")
@click.option("-S", "--staged", is_flag=True, help="Restore the stage, by default from HEAD.")
@click.option("-W", "--worktree", is_flag=True, help="Restore the working files too, with --staged.")
@with_options(Options)
def command(ctx: Context, options: Options) -> None:
    """Bring files back as they are on the stage, or in REV.

    What is overwritten is kept in the operation: 'tether undo' brings it back.
    """
    default = head_of(ctx) if options.staged else ()
    revs = default if options.source is None else (options.source,)
    done = ctx.repo().restore(
        expand_tracked(ctx, options.paths, *revs),
        source=options.source,
        staged=options.staged,
        files=options.worktree or not options.staged,
    )
    ctx.emit({"files": done.files}, lambda: [f"restored {count_text(done.files, 'file')}"], essential=False)
