"""`tether ignored`: tell which rule ignores a path."""

import click

from tether.cli.context import Context, pass_context
from tether.cli.options import paths_argument
from tether.cli.paths import expand_paths
from tether.core.names import display


@click.command()
@paths_argument(required=True)
@pass_context
def command(ctx: Context, paths: tuple[str, ...]) -> None:
    """Tell for each PATH which rule of which .tetherignore ignores it, or that none does."""
    repo = ctx.repo()
    rows = [(path, repo.explain_ignored(path)) for path in expand_paths(ctx, paths, missing_ok=True)]
    document = [
        {
            "path": display(path),
            "ignored": found is not None,
            "file": found[0] if found else None,
            "line": found[1] if found else None,
            "pattern": found[2] if found else None,
        }
        for path, found in rows
    ]
    ctx.emit(
        document,
        lambda: [
            f"{display(path)}: ignored by {found[2]!r} ({found[0]}:{found[1]})"
            if found
            else f"{display(path)}: not ignored"
            for path, found in rows
        ],
    )
