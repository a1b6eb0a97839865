"""`tether hub fsck` and `tether hub gc`: keep the repositories of a hub in order, while it serves."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tether.cli.commands.fsck import CORRUPT, check_document, check_lines
from tether.cli.commands.gc import gc_document, gc_lines
from tether.cli.context import Context, pass_context
from tether.cli.failures import exit_code
from tether.cli.hosting import opened_hub, place_options
from tether.cli.options import with_options
from tether.errors import TetherError

if TYPE_CHECKING:
    from tether.repo.check import CheckReport

_FOR_UNDO = "are kept for some time, of branches that were deleted or lost commits"
_REPOSITORIES = click.argument("repositories", nargs=-1, metavar="[OWNER/NAME]...")


@dataclass(frozen=True, slots=True)
class FsckOptions:
    """What the user asked for."""

    repositories: tuple[str, ...]
    root: Path | None
    database: str | None
    full: bool
    repair: bool


@click.command("fsck")
@_REPOSITORIES
@place_options
@click.option("--full", is_flag=True, help="Read and verify every byte.")
@click.option("--repair", is_flag=True, help="Mend what can be mended.")
@with_options(FsckOptions)
def fsck(ctx: Context, options: FsckOptions) -> None:
    """Verify repositories of the hub, all of them if none is named.

    Folders that belong to no repository are found too if none is named; --repair moves them to the folder
    'quarantine' of the hub. The hub may serve in the meantime. Exits with 7 when something is wrong.
    """
    reports: dict[str, tuple[list[str], CheckReport]] = {}
    with opened_hub(ctx, options.root, {"database": options.database}) as hub:
        from tether.hub.upkeep import check_folders, chosen, mend, verify

        if not options.repositories:
            for place, stray in check_folders(hub, repair=options.repair).items():
                reports[place] = (stray.actions, stray.report)

        for row in chosen(hub, options.repositories):
            if options.repair:
                mended = mend(hub, row, ctx.progress())
                reports[row.full_name] = (mended.actions, mended.report)
            else:
                found = verify(hub, row, full=options.full, progress=ctx.progress())
                reports[row.full_name] = ([], found)
    document = {
        name: {**check_document(report), **({"repaired": actions} if options.repair else {})}
        for name, (actions, report) in reports.items()
    }
    ctx.emit(document, lambda: _fsck_lines(reports))
    if not all(report.ok for _, report in reports.values()):
        ctx.exit(CORRUPT)


def _fsck_lines(reports: "dict[str, tuple[list[str], CheckReport]]") -> Iterator[str]:
    for name, (actions, report) in reports.items():
        yield from (f"{name}: {line}" for line in check_lines(report, actions))


@click.command("gc")
@_REPOSITORIES
@place_options
@pass_context
def gc(ctx: Context, repositories: tuple[str, ...], root: Path | None, database: str | None) -> None:
    """Free the space of what nothing needs in repositories of the hub, in all if none is named.

    The hub may serve them in the meantime: whoever pushes waits. What was removed less than 90 days ago
    is kept, packs of uploads that did not end wait for upload_grace_s, and files that go are set aside for
    a day. If no repository is named, what was deleted before the time of grace is removed for good.
    """
    document: dict[str, Any] = {}
    lines: list[str] = []
    failed: TetherError | None = None
    with opened_hub(ctx, root, {"database": database}) as hub:
        from tether.hub.keeping import purge
        from tether.hub.upkeep import chosen, collect

        for name in () if repositories else purge(hub):
            document[name] = {"purged": True}
            lines.append(f"{name}: was deleted, and is removed for good")
        for row in chosen(hub, repositories):
            try:
                counts = collect(hub, row, ctx.progress())
            except TetherError as error:
                failed = failed or error
                document[row.full_name] = {"error": {"code": error.code, "message": str(error)}}
                lines.append(f"{row.full_name}: {error}")
                continue
            document[row.full_name] = gc_document(counts)
            lines += [f"{row.full_name}: {line}" for line in gc_lines(counts, for_undo=_FOR_UNDO)]
    ctx.emit(document, lambda: lines)
    if failed is not None:
        ctx.exit(exit_code(failed))
