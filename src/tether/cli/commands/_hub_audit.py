"""`tether hub audit`: read the audit log of a hub, or take it elsewhere."""

import json
from dataclasses import dataclass
from pathlib import Path

import click

from tether.cli.context import Context
from tether.cli.hosting import opened_hub, place_options
from tether.cli.options import with_options


@dataclass(frozen=True, slots=True)
class AuditOptions:
    """What the user asked for."""

    repository: str | None
    root: Path | None
    database: str | None
    after: int
    limit: int | None


@click.command("audit")
@click.argument("repository", required=False, metavar="[OWNER/NAME]")
@place_options
@click.option("--after", type=click.IntRange(0), default=0, metavar="ID", help="Begin behind this entry.")
@click.option("--limit", type=click.IntRange(1), metavar="N", help="End after so many.")
@with_options(AuditOptions)
def audit(ctx: Context, options: AuditOptions) -> None:
    """Print the audit log, the oldest entry first, each as JSON on a line of its own.

    It tells who changed accounts, tokens, rights, refs and repositories; with OWNER/NAME only what belongs
    to this repository. Times are microseconds since 1970. To export it bit by bit, give the id of the last
    entry that you have to --after. With --json all is one list.
    """
    with opened_hub(ctx, options.root, {"database": options.database}) as hub:
        from tether.hub.audit import export
        from tether.hub.upkeep import chosen

        repository = chosen(hub, (options.repository,))[0].id if options.repository else None
        found = export(hub.database, repository, after=options.after, limit=options.limit)
        ctx.emit(list(found) if ctx.json else None, lambda: map(json.dumps, found))
