"""`tether add`: put files into the next commit."""

from dataclasses import dataclass
from typing import Any

import click

from tether.cli.context import Context
from tether.cli.format import count_text, size_text
from tether.cli.options import paths_argument, with_options
from tether.cli.paths import expand_paths, tracked_paths
from tether.core.names import display
from tether.errors import InvalidInput


@dataclass(frozen=True, slots=True)
class Options:
    """What the user asked for."""

    paths: tuple[str, ...]
    everything: bool
    dry_run: bool
    force: bool


def _paths(ctx: Context, options: Options) -> list[bytes]:
    """Return what is named; a glob passes over ignored files unless they are forced."""
    return expand_paths(
        ctx,
        options.paths,
        missing_ok=True,
        candidates=lambda: tracked_paths(ctx),
        globs="all" if options.force else "unignored",
    )


@click.command()
@paths_argument()
@click.option("-A", "--all", "everything", is_flag=True, help="The whole working copy, wherever you are.")
@click.option("--dry-run", is_flag=True, help="Show what would be added and store nothing.")
@click.option("-f", "--force", is_flag=True, help="Add ignored files too.")
@with_options(Options)
def command(ctx: Context, options: Options) -> None:
    """Put new and changed files into the next commit, and take out those that are gone."""
    if not (options.paths or options.everything):
        raise InvalidInput("no paths to add", hint="name files or folders, or give -A for everything")
    repo = ctx.repo()
    paths = [] if options.everything else _paths(ctx, options)
    if b"" in paths:
        paths = []
    result = repo.stage(
        paths, dry_run=options.dry_run, force=options.force, listed=options.dry_run or ctx.verbose
    )
    document: dict[str, Any] = {
        "added": result.added,
        "modified": result.modified,
        "removed": result.removed,
        "bytes": result.bytes,
    }
    if options.dry_run:
        document["changes"] = [{"path": display(c.path), "change": c.change} for c in result.changes]
    result.changes.sort()
    for path in result.nested:
        ctx.warn(f"left out {display(path)}: it is a repository of its own")

    def human() -> list[str]:
        lines = [f"{change.change}: {display(change.path)}" for change in result.changes]
        counts = [
            f"{count} {word}"
            for count, word in (
                (result.added, "new"),
                (result.modified, "changed"),
                (result.removed, "removed"),
            )
            if count
        ]
        total = count_text(result.added + result.modified + result.removed, "file")
        verb = "would stage" if options.dry_run else "staged"
        if not counts:
            return [*lines, "nothing to add"]
        return [*lines, f"{verb} {total} ({', '.join(counts)}), {size_text(result.bytes)}"]

    ctx.emit(document, human, essential=options.dry_run)
