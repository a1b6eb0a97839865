"""`tether fetch`: get the news of a remote."""

from dataclasses import dataclass

import click

from tether.cli import complete
from tether.cli.context import Context
from tether.cli.format import count_text
from tether.cli.network import jobs_option, rate_option
from tether.cli.options import with_options
from tether.cli.patterns import patterns_here
from tether.cli.render_refs import exchange_document, exchange_lines
from tether.errors import InvalidInput


@dataclass(frozen=True, slots=True)
class Options:
    """What the user asked for."""

    remote: str | None
    prune: bool
    paths: tuple[str, ...]
    depth: int | None
    unshallow: bool


@click.command()
@click.argument("remote", required=False, shell_complete=complete.remotes)
@click.option("-p", "--prune", is_flag=True, help="Forget branches that the remote no longer has.")
@click.option(
    "--path",
    "paths",
    multiple=True,
    metavar="PATH",
    help="In a partial clone: show these files, folders or globs too; '.' for everything.",
)
@click.option("--depth", type=click.IntRange(min=1), metavar="N", help="Bring N commits of each branch.")
@click.option("--unshallow", is_flag=True, help="Bring the whole history.")
@jobs_option
@rate_option
@with_options(Options)
def command(ctx: Context, options: Options) -> None:
    """Get branches, tags and runs of a remote.

    They come as REMOTE/BRANCH; your own branches and files stay as they are. --path adds files to the
    working copy of a partial clone, --depth and --unshallow make its history longer.
    """
    from tether.api import remotes
    from tether.sync.wire import MOST_DEPTH

    if options.unshallow and options.depth is not None:
        raise InvalidInput("--unshallow brings all, and --depth says how much", hint="give one of them")
    repo = ctx.repo()
    name = options.remote or remotes.default_remote(repo)
    depth = MOST_DEPTH if options.unshallow else options.depth
    done = remotes.fetch(repo, name, prune=options.prune, depth=depth)
    document, lines = exchange_document(done), list(exchange_lines(done, f"from {name}"))
    if options.paths:
        from tether.api.partial import show_more

        grown = show_more(repo, patterns_here(ctx, options.paths))
        document |= {"contents": grown.contents, "files": grown.files}
        wrote = count_text(grown.files, "file")
        lines.append(f"brought {count_text(grown.contents, 'content')}, wrote {wrote}")
    ctx.emit(document, lambda: lines, essential=False)
