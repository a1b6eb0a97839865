"""`tether hub backup` and `tether hub restore`."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tether.cli.commands.fsck import CORRUPT
from tether.cli.context import Context, pass_context
from tether.cli.format import count_text, size_text
from tether.cli.hosting import opened_hub, place_options, require_packages

if TYPE_CHECKING:
    from tether.hub.packcopies import Copied

_FOLDER = click.Path(file_okay=False, path_type=Path)


@click.command("backup")
@click.argument("folder", metavar="DEST", type=_FOLDER)
@place_options
@pass_context
def backup(ctx: Context, folder: Path, root: Path | None, database: str | None) -> None:
    """Back the hub up into a folder, or bring a backup there up to date.

    The hub may serve in the meantime. Only packs that are not in the folder yet are copied, each
    verified; a backup that was stopped goes on where it was. Exits with 7 when something in the hub
    is damaged, which the rest of the backup does not mind.
    """
    with opened_hub(ctx, root, {"database": database}) as hub:
        from tether.hub.backup import back_up

        done = back_up(hub, folder, ctx.progress())
    _tell(ctx, done, f"backed up to {folder}")


@click.command("restore")
@click.argument("folder", metavar="SRC", type=_FOLDER)
@click.option("--root", metavar="NEW", type=_FOLDER, required=True, help="The folder of the new hub.")
@click.option(
    "--database", metavar="URL", help="An empty database to restore into; SQLite in the folder if not given."
)
@click.option(
    "--storage", metavar="URL", help="An empty place in a bucket for contents; the folder if not given."
)
@pass_context
def restore(ctx: Context, folder: Path, root: Path, database: str | None, storage: str | None) -> None:
    """Make a hub in a new folder from a backup.

    Each pack is verified, and each repository is checked afterwards. Exits with 7 when something is
    damaged; all else is there then. Settings are not in a backup. With --database a hub moves from SQLite
    to PostgreSQL, and without it back; with --storage its contents move to a bucket, and without it back. A
    restore that was stopped goes on when it is run again with the same options; until its end no hub opens
    the folder.
    """
    require_packages()
    from tether.hub.restoring import NewHub
    from tether.hub.restoring import restore as restore_hub

    new = NewHub(root, database or "", storage or "", ctx.open_bucket)
    done = restore_hub(folder, new, ctx.progress())
    flags = {"database": database or f"sqlite:///{root.absolute() / 'hub.db'}"}
    with opened_hub(ctx, root, flags | ({"storage": storage} if storage else {})) as hub:
        from tether.hub.upkeep import chosen, verify

        for row in chosen(hub, ()):
            report = verify(hub, row, full=False, progress=ctx.progress())
            done.problems += [f"{row.full_name}: {problem.message}" for problem in report.problems]
    _tell(ctx, done, f"restored to {root}")


def _tell(ctx: Context, done: "Copied", what: str) -> None:
    document: dict[str, Any] = {
        "repositories": done.repositories,
        "packs": done.packs,
        "bytes": done.bytes,
        "problems": done.problems,
    }

    def lines() -> Iterator[str]:
        yield from done.problems
        copied = f"{count_text(done.packs, 'pack')} copied ({size_text(done.bytes)})"
        yield f"{what}: {count_text(done.repositories, 'repository', 'repositories')}, {copied}"

    ctx.emit(document, lines)
    if done.problems:
        ctx.exit(CORRUPT)
