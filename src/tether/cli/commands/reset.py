"""`tether reset`: move the branch to another revision."""

import click

from tether.cli import complete
from tether.cli.context import Context, pass_context
from tether.cli.render_moved import report_moved


@click.command()
@click.argument("rev", required=False, shell_complete=complete.revisions, default="HEAD")
@click.option("--soft", "mode", flag_value="soft", help="Leave the stage and the files.")
@click.option("--mixed", "mode", flag_value="mixed", default=True, help="Reset the stage, leave the files.")
@click.option("--hard", "mode", flag_value="hard", help="Reset the stage and the files.")
@pass_context
def command(ctx: Context, rev: str, mode: str) -> None:
    """Move the current branch to REV.

    What --hard overwrites is kept in the operation: 'tether undo' brings it back.
    """
    moved = ctx.repo().reset(rev, mode)
    report_moved(ctx, moved, f"{moved.branch or 'HEAD'} reset to {rev}")
