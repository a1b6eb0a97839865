"""`tether slices`: the parts of evaluation sets that are looked at by themselves."""

from typing import Any

import click

from tether.cli.context import Context, pass_context
from tether.cli.revisions import place_text


@click.group()
def command() -> None:
    """Look at slices: named parts of evaluation sets, which slices.yml describes."""


@command.command("list")
@click.argument("evaluation", required=False, metavar="[EVAL]")
@click.option(
    "--slices", metavar="REV:PATH", help="The file of slices; otherwise slices.yml of the next commit."
)
@pass_context
def list_(ctx: Context, evaluation: str | None, slices: str | None) -> None:
    """List the slices of slices.yml, or with EVAL, a run, what was measured of each."""
    from tether.api.comparing import evaluation_of, find_evaluation, list_slices
    from tether.cli.render_eval import definition_lines, metric_document, slice_lines

    repo = ctx.repo()
    if evaluation is None:
        found = list_slices(repo, "", place_text(ctx, slices) if slices is not None else None)
        rows = [
            {"name": each.name, "where": each.where, "min": each.least, "note": each.note} for each in found
        ]
        if not found and slices is None:
            ctx.note("no slices.yml is at the top of the next commit; --slices REV:PATH names another")
        ctx.emit(rows, lambda: definition_lines(ctx, found), page=True)
        return
    measured = evaluation_of(repo, find_evaluation(repo, evaluation, ctx.cwd))
    document: list[dict[str, Any]] = [
        {
            "name": each.name,
            "where": each.where,
            "min": each.min,
            "count": each.count,
            "supported": each.supported,
            "note": each.note,
            "metrics": [*map(metric_document, each.metrics)],
        }
        for each in measured.slices
    ]
    ctx.emit(document, lambda: slice_lines(ctx, measured), page=True)
