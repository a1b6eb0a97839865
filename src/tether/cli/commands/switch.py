"""`tether switch`: change to another branch."""

import click

from tether.cli import complete
from tether.cli.context import Context, pass_context
from tether.cli.render_moved import report_moved


@click.command()
@click.argument("branch", shell_complete=complete.branches)
@click.argument("start", required=False, default="HEAD", metavar="[REV]")
@click.option("-c", "--create", is_flag=True, help="Make the branch first, at REV or at HEAD.")
@click.option("-f", "--force", is_flag=True, help="Discard local changes; 'tether undo' brings them back.")
@pass_context
def command(ctx: Context, branch: str, start: str, create: bool, force: bool) -> None:
    """Check out BRANCH. One that only a remote has is made here and follows it."""
    moved = ctx.repo().switch(branch, create=start if create else None, force=force)
    report_moved(ctx, moved, f"on {'new ' if create else ''}branch {branch}")
