"""`tether mv`: move or rename files."""

from pathlib import Path

import click

from tether.cli.context import Context, pass_context
from tether.cli.paths import expand_paths, expand_tracked
from tether.core.names import display
from tether.errors import NotFound


@click.command()
@click.argument("sources", nargs=-1, required=True, type=click.Path(), metavar="SRC...")
@click.argument("target", metavar="DST", type=click.Path())
@pass_context
def command(ctx: Context, sources: tuple[str, ...], target: str) -> None:
    """Move or rename tracked files and folders; several go into the folder DST."""
    paths = expand_tracked(ctx, sources)
    if target.endswith("/") and not Path(target).is_dir():
        raise NotFound(f"no such folder: {target}", hint="make it first, or leave out the slash")
    (new,) = expand_paths(ctx, [target], missing_ok=True)
    moved = ctx.repo().move(paths, new)
    pairs = [(display(old), display(new)) for old, new in moved]
    document = {
        "added": len(pairs),
        "modified": 0,
        "removed": len(pairs),
        "bytes": 0,
        "moved": [{"old": old, "new": new} for old, new in pairs],
    }
    ctx.emit(document, lambda: [f"{old} -> {new}" for old, new in pairs], essential=False)
