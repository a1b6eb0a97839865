"""`tether rm`: remove files from the next commit and the working copy."""

from dataclasses import dataclass

import click

from tether.cli.context import Context
from tether.cli.format import count_text
from tether.cli.options import paths_argument, with_options
from tether.cli.paths import expand_tracked


@dataclass(frozen=True, slots=True)
class Options:
    """What the user asked for."""

    paths: tuple[str, ...]
    cached: bool
    recursive: bool
    force: bool


@click.command()
@paths_argument(required=True)
@click.option("--cached", is_flag=True, help="Keep the files in the working copy.")
@click.option("-r", "--recursive", is_flag=True, help="Remove folders with all that is in them.")
@click.option("-f", "--force", is_flag=True, help="Remove files with changes that no commit has.")
@with_options(Options)
def command(ctx: Context, options: Options) -> None:
    """Remove tracked files from the next commit and from the working copy."""
    repo = ctx.repo()
    paths = expand_tracked(ctx, options.paths)
    done = repo.remove(paths, cached=options.cached, recursive=options.recursive, force=options.force)
    document = {"added": 0, "modified": 0, "removed": len(done.paths), "bytes": done.bytes}
    ctx.emit(document, lambda: [f"removed {count_text(len(done.paths), 'file')}"], essential=False)
