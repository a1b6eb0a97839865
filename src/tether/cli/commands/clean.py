"""`tether clean`: remove untracked files."""

import click

from tether.cli.context import Context, pass_context
from tether.cli.options import paths_argument
from tether.cli.paths import expand_paths
from tether.core.names import display
from tether.errors import InvalidInput


@click.command()
@paths_argument()
@click.option("-n", "--dry-run", is_flag=True, help="Show what would go.")
@click.option("-f", "--force", is_flag=True, help="Really remove.")
@click.option("-x", "ignored", is_flag=True, help="Remove ignored files too; these cannot be brought back.")
@pass_context
def command(ctx: Context, paths: tuple[str, ...], dry_run: bool, force: bool, ignored: bool) -> None:
    """Remove files that are not tracked; 'tether undo' brings them back."""
    if not (dry_run or force):
        raise InvalidInput("clean removes files", hint="see which with -n, then give -f")
    wanted = [path for path in expand_paths(ctx, paths) if path]
    gone = ctx.repo().clean(wanted, ignored=ignored, dry_run=dry_run)
    names = [display(path) for path in gone]
    verb = "would remove" if dry_run else "removed"
    ctx.emit(
        {"removed": names, "dry_run": dry_run},
        lambda: [f"{verb} {name}" for name in names] or ["nothing to clean"],
        page=True,
    )
