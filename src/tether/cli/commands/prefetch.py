"""`tether prefetch`: bring contents before they are needed."""

import click

from tether.cli.context import Context, pass_context
from tether.cli.format import count_text
from tether.cli.network import jobs_option, rate_option
from tether.cli.options import paths_argument
from tether.cli.patterns import patterns_here


@click.command()
@paths_argument(required=False)
@click.option("--all", "all_commits", is_flag=True, help="Of every commit that is here.")
@jobs_option
@rate_option
@pass_context
def command(ctx: Context, paths: tuple[str, ...], all_commits: bool) -> None:
    """Bring contents that a remote has, so that they can be read without it.

    Without PATHS those of all files of the checked out commit; with PATHS, which are files, folders or
    globs, those under them. The working copy stays as it is.
    """
    from tether.api.partial import prefetch

    done = prefetch(ctx.repo(), patterns_here(ctx, paths), all_commits=all_commits)
    line = f"brought {count_text(done.contents, 'content')}"
    ctx.emit({"contents": done.contents}, lambda: [line], essential=False)
