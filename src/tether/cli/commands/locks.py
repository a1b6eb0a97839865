"""`tether locks`: list the locks of files."""

import click

from tether.cli import complete
from tether.cli.context import Context, pass_context
from tether.cli.render_locks import lock_document, lock_name


@click.command()
@click.argument("remote", required=False, shell_complete=complete.remotes)
@pass_context
def command(ctx: Context, remote: str | None) -> None:
    """List who has locked which files at a remote on a hub."""
    from tether.api.locks import list_locks

    found = list_locks(ctx.repo(), remote)
    lines = [f"{lock_name(lock)}\t{lock.user}" for lock in found]
    ctx.emit([lock_document(lock) for lock in found], lambda: lines, page=True)
