"""`tether rebase`: replay commits on top of another revision."""

from dataclasses import dataclass

import click

from tether.cli import complete
from tether.cli.context import Context
from tether.cli.options import with_options
from tether.errors import InvalidInput


@dataclass(frozen=True, slots=True)
class Options:
    """What the user asked for."""

    rev: str | None
    onto: str | None
    continue_: bool
    abort: bool
    skip: bool


@click.command()
@click.argument("rev", required=False, shell_complete=complete.revisions)
@click.option("--onto", metavar="REV", help="Replay on top of this revision instead.")
@click.option("--continue", "continue_", is_flag=True, help="Go on once nothing is in conflict.")
@click.option("--skip", is_flag=True, help="Leave out the commit that is in conflict.")
@click.option("--abort", is_flag=True, help="Go back to before it began.")
@with_options(Options)
def command(ctx: Context, options: Options) -> None:
    """Replay the commits that only the current branch has on top of REV.

    Merges are left out, and so are commits whose change REV has already.
    """
    from tether.api import merging, replaying
    from tether.cli.render_merge import report_abort, report_rebase
    from tether.repo.mergestate import REBASE

    if (options.rev is not None) + options.continue_ + options.abort + options.skip != 1:
        raise InvalidInput("name one revision, or give one of --continue, --skip and --abort")
    repo = ctx.repo()
    if options.abort:
        report_abort(ctx, merging.abort(repo, REBASE))
    elif options.continue_:
        report_rebase(ctx, replaying.go_on(repo, REBASE))
    elif options.skip:
        report_rebase(ctx, replaying.skip(repo, REBASE))
    elif options.rev is not None:
        report_rebase(ctx, replaying.rebase(repo, options.rev, onto=options.onto))
