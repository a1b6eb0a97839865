"""`tether undo`: take back the last operation."""

import click

from tether.cli.commands.op import report
from tether.cli.context import Context, pass_context


@click.command()
@click.option(
    "-f", "--force", is_flag=True, help="Overwrite local changes; 'tether op restore' brings them back."
)
@pass_context
def command(ctx: Context, force: bool) -> None:
    """Take back the last operation: refs, HEAD, the stage and the files that it wrote.

    Again, it takes back the one before. 'tether op log' lists operations, and 'tether op restore'
    returns to any of them, also forward. Nothing is changed in remotes.
    """
    from tether.api.operations import undo

    report(ctx, undo(ctx.repo(), force=force), "took back")
