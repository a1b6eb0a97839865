"""`tether revert`: make commits that undo others."""

from dataclasses import dataclass

import click

from tether.cli import complete
from tether.cli.context import Context
from tether.cli.options import with_options
from tether.errors import InvalidInput


@dataclass(frozen=True, slots=True)
class Options:
    """What the user asked for."""

    revs: tuple[str, ...]
    mainline: int
    continue_: bool
    abort: bool
    skip: bool


@click.command()
@click.argument("revs", nargs=-1, shell_complete=complete.revisions, metavar="[REV]...")
@click.option(
    "-m", "--mainline", type=click.IntRange(1), default=None, help="For a merge, against which parent (1, 2)."
)
@click.option("--continue", "continue_", is_flag=True, help="Go on once nothing is in conflict.")
@click.option("--skip", is_flag=True, help="Leave out the commit that is in conflict.")
@click.option("--abort", is_flag=True, help="Go back to before it began.")
@with_options(Options)
def command(ctx: Context, options: Options) -> None:
    """Make commits that undo the changes of others.

    The commits stay in the history; `tether undo` takes back your own last command instead.
    """
    from tether.api import merging, replaying
    from tether.cli.render_merge import report_abort, report_replay
    from tether.repo.mergestate import REVERT

    if bool(options.revs) + options.continue_ + options.abort + options.skip != 1:
        raise InvalidInput("name commits, or give one of --continue, --skip and --abort")
    repo = ctx.repo()
    if options.abort:
        report_abort(ctx, merging.abort(repo, REVERT))
    elif options.continue_:
        report_replay(ctx, replaying.go_on(repo, REVERT), REVERT)
    elif options.skip:
        report_replay(ctx, replaying.skip(repo, REVERT), REVERT)
    else:
        done = replaying.revert(repo, options.revs, mainline=options.mainline or 0)
        report_replay(ctx, done, REVERT)
