"""`tether du`: show where the space goes."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import click

from tether.cli.context import Context, pass_context
from tether.cli.format import SHORT_ID, size_text

if TYPE_CHECKING:
    from tether.repo.usage import Usage

_KEYS = {"path": "path", "commit": "id", "branch": "branch"}


@click.command()
@click.argument("place", required=False, default="HEAD", metavar="[REV[:PATH]]")
@click.option(
    "--by",
    type=click.Choice(("path", "commit", "branch")),
    default="path",
    help="Give a row for each file and folder, for each commit, or for each branch.",
)
@pass_context
def command(ctx: Context, place: str, by: str) -> None:
    """Show where the space goes: sizes of files, and what their objects take here.

    By path, entries of one folder; what two share counts for both, and once in the total. By commit,
    what each added. By branch, also what only that branch needs: deleting it frees that much, once
    'tether undo' no longer keeps it (see gc.retention).
    """
    from tether.api.maintenance import measure

    rows, total = measure(ctx.repo(), place, by)
    document = {"by": by, "rows": [_row(row, _KEYS[by]) for row in rows], "total": _row(total, "name")}
    ctx.emit(document, lambda: _lines(rows, total, by), page=True)


def _row(row: "Usage", key: str) -> dict[str, Any]:
    found = {key: row.name, "logical": row.logical, "stored": row.stored, "files": row.files}
    return found if row.unique is None else {**found, "unique": row.unique}


def _lines(rows: "list[Usage]", total: "Usage", by: str) -> Iterator[str]:
    unique = f"{'alone':>10}  " if by == "branch" else ""
    yield f"{'size':>10}  {'stored':>10}  {unique}{by}"
    for row in [*rows, total]:
        alone = ""
        if by == "branch":
            alone = f"{size_text(row.unique) if row.unique is not None else '':>10}  "
        name = row.name[:SHORT_ID] if by == "commit" else row.name
        yield f"{size_text(row.logical):>10}  {size_text(row.stored):>10}  {alone}{name}"
