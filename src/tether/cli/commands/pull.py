"""`tether pull`: fetch and join."""

import click

from tether.cli import complete
from tether.cli.context import Context, pass_context
from tether.cli.network import jobs_option, rate_option


@click.command()
@click.argument("remote", required=False, shell_complete=complete.remotes)
@click.argument("branch", required=False, shell_complete=complete.branches)
@click.option("--rebase", is_flag=True, help="Replay your commits on top instead of merging.")
@jobs_option
@rate_option
@pass_context
def command(ctx: Context, remote: str | None, branch: str | None, rebase: bool) -> None:
    """Fetch from a remote and join its branch with yours.

    Conflicts are left in the working copy as by merge, with exit code 5.
    """
    from tether.api import joined, remotes
    from tether.cli.render_merge import report_merge, report_rebase
    from tether.core.names import short_ref

    repo = ctx.repo()
    found = remotes.fetch_upstream(repo, remote, branch)
    upstream = short_ref(found.upstream)
    if rebase:
        report_rebase(ctx, repo.rebase(upstream))
    else:
        report_merge(ctx, joined.join(repo, found.upstream), upstream)
