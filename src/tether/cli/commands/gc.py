"""`tether gc`: free what nothing needs any more."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import click

from tether.cli.context import Context, pass_context
from tether.cli.format import size_text

if TYPE_CHECKING:
    from tether.repo.gcwrite import GcCounts

FOR_UNDO = "are kept only for 'tether undo'; --prune-now frees them"
"""Said of bytes that no ref needs."""


@click.command()
@click.option("--dry-run", is_flag=True, help="Say what would be freed, and change nothing.")
@click.option(
    "--prune-now",
    is_flag=True,
    help="Keep nothing for 'tether undo', and delete at once instead of after a day.",
)
@click.option(
    "--differences",
    is_flag=True,
    help="Store checkpoints and fine-tunes as the difference to a file like them, where that saves.",
)
@pass_context
def command(ctx: Context, dry_run: bool, prune_now: bool, differences: bool) -> None:
    """Free the space of what nothing needs any more.

    What 'tether undo' needs is kept for the days of the setting gc.retention. Files that are no longer
    needed are set aside first and deleted by a gc a day later, or at once with --prune-now.

    With --differences, files of one size are compared too. It takes time, and saves much where models were
    trained further. An older Tether cannot open the repository after that; clones and remotes get whole
    files.
    """
    from tether.api.maintenance import collect

    done = collect(ctx.repo(), dry_run=dry_run, prune_now=prune_now, differences=differences)
    counts = done.counts
    ctx.emit({**gc_document(counts), "dry_run": dry_run}, lambda: gc_lines(counts, dry_run=dry_run))


def gc_document(counts: "GcCounts") -> dict[str, int]:
    """Return what a run did, for `--json`."""
    return {
        "freed": counts.freed,
        "kept": counts.kept,
        "quarantined": counts.quarantined,
        "for_undo": counts.for_undo,
        "packs": counts.packs,
    }


def gc_lines(counts: "GcCounts", *, dry_run: bool = False, for_undo: str = FOR_UNDO) -> Iterator[str]:
    """Yield what a run did, for people; `for_undo` says what is kept without a ref that needs it."""
    yield f"{'would free' if dry_run else 'freed'} {size_text(counts.freed)}, kept {size_text(counts.kept)}"
    if counts.quarantined:
        yield f"{size_text(counts.quarantined)} of freed packs stay on the disk for a day"
    if counts.for_undo:
        yield f"{size_text(counts.for_undo)} {for_undo}"
