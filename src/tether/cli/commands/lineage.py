"""`tether lineage`: what something came from, what came from it, and who was trained on some files."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from tether.cli.context import Context
from tether.cli.options import with_options
from tether.cli.revisions import place_text
from tether.errors import InvalidInput

if TYPE_CHECKING:
    from tether.releases.graph import Direction


@dataclass(frozen=True, slots=True)
class Options:
    """What the user asked for."""

    ref: str | None
    up: bool
    down: bool
    uses: str | None
    svg: str | None
    mermaid: bool


@click.command()
@click.argument("ref", required=False, metavar="REF")
@click.option("--up", is_flag=True, help="Only what it came from.")
@click.option("--down", is_flag=True, help="Only what came from it.")
@click.option(
    "--uses",
    metavar="PATH",
    help="Which runs and releases were trained on this file, or on files of this folder.",
)
@click.option("--svg", type=click.Path(dir_okay=False), metavar="FILE", help="Draw it into this file.")
@click.option("--mermaid", is_flag=True, help="Print it in the language of Mermaid.")
@with_options(Options)
def command(ctx: Context, options: Options) -> None:
    """Show what REF came from and what came from it: data, code, runs, models and releases.

    REF is a run, a release NAME@VERSION, a revision, REV:PATH, a file, or the beginning of a digest.

    With --uses, PATH is a file as it is now, REV:PATH, or a digest. What decides is the content: files that
    were renamed or deleted since are found, and rows of a table are not told apart from the file.
    """
    if (options.ref is None) == (options.uses is None):
        raise InvalidInput("nothing to look for", hint="give a REF, or --uses PATH")
    if options.uses is not None:
        _show_users(ctx, options)
        return
    from tether.api.lineage import BOTH, find_lineage
    from tether.cli.render_lineage import graph_lines
    from tether.releases.graph import document_of, mermaid_of

    directions: tuple[Direction, ...] = (
        BOTH if options.up == options.down else ("up",) if options.up else ("down",)
    )
    found = find_lineage(ctx.repo(), place_text(ctx, options.ref or ""), ctx.cwd, directions)
    for problem in found.problems:
        ctx.warn(str(problem))
    if options.svg is not None:
        from tether.releases.drawing import draw

        Path(options.svg).write_text(draw(found.graph, found.starts))
    document = {"ref": options.ref, "starts": list(found.starts), **document_of(found.graph)}
    if options.mermaid:
        ctx.emit(document, mermaid_of(found.graph).splitlines)
    elif options.svg is not None:
        ctx.emit(
            document, lambda: [f"drew {len(found.graph.nodes)} things to {options.svg}"], essential=False
        )
    else:
        ctx.emit(document, lambda: graph_lines(ctx, found, directions), page=True)


def _show_users(ctx: Context, options: Options) -> None:
    from tether.api.lineage import find_users
    from tether.cli.render_lineage import users_document, users_lines

    if options.up or options.down or options.svg is not None or options.mermaid:
        raise InvalidInput("--uses gives a list", hint="leave out --up, --down, --svg and --mermaid")
    wanted, found = find_users(ctx.repo(), place_text(ctx, options.uses or ""), ctx.cwd)
    for problem in found.problems:
        ctx.warn(str(problem))
    ctx.emit(users_document(wanted, found), lambda: users_lines(ctx, wanted, found), page=True)
