"""`tether fetch`: get the news of a remote."""

import click

from tether.cli import complete
from tether.cli.context import Context, pass_context
from tether.cli.render_refs import exchange_document, exchange_lines


@click.command()
@click.argument("remote", required=False, shell_complete=complete.remotes)
@click.option("-p", "--prune", is_flag=True, help="Forget branches that the remote no longer has.")
@pass_context
def command(ctx: Context, remote: str | None, prune: bool) -> None:
    """Get branches and tags of a remote.

    They come as REMOTE/BRANCH; your own branches and files stay as they are.
    """
    from tether.api import remotes

    repo = ctx.repo()
    name = remote or remotes.default_remote(repo)
    done = remotes.fetch(repo, name, prune=prune)
    ctx.emit(exchange_document(done), lambda: exchange_lines(done, f"from {name}"), essential=False)
