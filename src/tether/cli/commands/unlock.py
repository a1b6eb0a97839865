"""`tether unlock`: give back locks of files."""

from dataclasses import dataclass

import click

from tether.cli import complete
from tether.cli.context import Context
from tether.cli.options import paths_argument, with_options
from tether.cli.patterns import patterns_here
from tether.cli.render_locks import lock_document, lock_name


@dataclass(frozen=True, slots=True)
class Options:
    """What the user asked for."""

    paths: tuple[str, ...]
    branch: str | None
    remote: str | None
    force: bool


@click.command()
@paths_argument(required=True)
@click.option("-b", "--branch", metavar="BRANCH", help="The lock on this branch.")
@click.option("--remote", metavar="REMOTE", shell_complete=complete.remotes, help="At this remote.")
@click.option("-f", "--force", is_flag=True, help="Take a lock of somebody else away, as a maintainer.")
@with_options(Options)
def command(ctx: Context, options: Options) -> None:
    """Give back locks of files or folders, so that others may push changes of them again."""
    from tether.api.locks import unlock_paths

    paths = patterns_here(ctx, options.paths)
    gone = unlock_paths(ctx.repo(), paths, branch=options.branch, remote=options.remote, force=options.force)
    lines = [f"unlocked {lock_name(lock)}" for lock in gone]
    ctx.emit([lock_document(lock) for lock in gone], lambda: lines, essential=False)
