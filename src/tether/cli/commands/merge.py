"""`tether merge`: join another line of work into this one."""

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
    messages: tuple[str, ...]
    ff_only: bool
    no_ff: bool
    unrelated: bool
    abort: bool
    continue_: bool


@click.command()
@click.argument("rev", required=False, shell_complete=complete.revisions)
@click.option("-m", "--message", "messages", multiple=True, metavar="MSG", help="What the merge commit says.")
@click.option("--ff-only", is_flag=True, help="Only follow the other side; fail where both have commits.")
@click.option("--no-ff", is_flag=True, help="Make a merge commit even where following would do.")
@click.option("--allow-unrelated-histories", "unrelated", is_flag=True, help="Join what has no common start.")
@click.option("--abort", is_flag=True, help="Go back to before the merge.")
@click.option("--continue", "continue_", is_flag=True, help="Commit the merge once nothing is in conflict.")
@with_options(Options)
def command(ctx: Context, options: Options) -> None:
    """Join another line of work into the current branch.

    Texts are merged by line; where both sides changed the same lines, both versions stand between
    markers. Of other files both versions are kept: ours at its path, theirs beside it. `tether resolve`
    settles them.
    """
    from tether.api import merging
    from tether.cli.render_merge import report_abort, report_merge
    from tether.repo.mergestate import MERGE, STASH

    if sum((options.rev is not None, options.abort, options.continue_)) != 1:
        raise InvalidInput("name one revision to merge, or give --abort or --continue")
    if options.ff_only and options.no_ff:
        raise InvalidInput("--ff-only and --no-ff exclude each other")
    repo, message = ctx.repo(), "\n\n".join(options.messages) or None
    if options.abort:
        report_abort(ctx, merging.abort(repo, MERGE, STASH))
    elif options.continue_:
        report_merge(ctx, merging.finish(repo, message), "")
    elif options.rev is not None:
        chosen = merging.MergeOptions(message, options.ff_only, options.no_ff, options.unrelated)
        report_merge(ctx, merging.merge(repo, options.rev, chosen), options.rev)
