"""`tether drop`: free contents that a remote has."""

import click

from tether.cli.context import Context, pass_context
from tether.cli.format import count_text, size_text
from tether.cli.options import paths_argument
from tether.cli.paths import expand_tracked
from tether.errors import InvalidInput


@click.command()
@paths_argument(required=True)
@click.option("--remote", metavar="NAME", help="The remote that has them.")
@click.option("--fetch", is_flag=True, help="Bring back what was dropped instead.")
@pass_context
def command(ctx: Context, paths: tuple[str, ...], remote: str | None, fetch: bool) -> None:
    """Free the stored contents of files of this commit that a remote has, after verifying them there.

    The working files stay. Commands that need a dropped content to write files fetch it again; others
    tell how to bring it back. A content is freed wherever it is used, in other paths and commits too.
    """
    from tether.api.drop import drop, fetch_back

    if fetch and remote is not None:
        raise InvalidInput("--fetch takes no --remote", hint="where each content is has been recorded")
    given = expand_tracked(ctx, paths)
    done = fetch_back(ctx.repo(), given) if fetch else drop(ctx.repo(), given, remote)
    what = f"{count_text(done.files, 'content')}, {size_text(done.bytes)}"
    line = f"fetched {what}" if fetch else f"dropped {what}, freed {size_text(done.freed)}"
    document = {"remote": done.remote, "files": done.files, "bytes": done.bytes, "freed": done.freed}
    ctx.emit(document, lambda: [f"{line} ({done.remote})" if done.remote else line], essential=False)
