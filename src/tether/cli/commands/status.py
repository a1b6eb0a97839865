"""`tether status`: show what has changed."""

from dataclasses import dataclass

import click

from tether.cli.context import Context
from tether.cli.options import paths_argument, with_options
from tether.cli.paths import expand_paths, head_of, shown_here, tracked_paths


@dataclass(frozen=True, slots=True)
class Options:
    """What the user asked for."""

    paths: tuple[str, ...]
    short: bool
    ignored: bool
    every: bool


@click.command()
@paths_argument()
@click.option("-s", "--short", is_flag=True, help="One line a path, for scripts and quick looks.")
@click.option("--ignored", is_flag=True, help="List ignored files too.")
@click.option("-u", "--untracked-files", "every", is_flag=True, help="List each file of untracked folders.")
@with_options(Options)
def command(ctx: Context, options: Options) -> None:
    """Show what the next commit would hold, and what in the working copy it would not."""
    from tether.cli.render_status import Look, long_lines, short_lines, status_document

    repo = ctx.repo()
    paths = expand_paths(
        ctx, options.paths, missing_ok=True, candidates=lambda: tracked_paths(ctx, *head_of(ctx))
    )
    status = repo.status([path for path in paths if path], ignored=options.ignored, all_files=options.every)
    for path in status.work.special:
        ctx.warn(f"{path.decode(errors='replace')} is no file, link or folder, and cannot be kept")
    lines = short_lines if options.short else long_lines
    look = Look(ctx.style, shown_here(ctx))
    ctx.emit(status_document(status), lambda: lines(status, look), page=not options.short)
