"""`tether lineage`: what something came from, what came from it, and who was trained on some files."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from tether.cli import complete
from tether.cli.context import Context
from tether.cli.options import with_options
from tether.cli.revisions import place_text
from tether.errors import InvalidInput

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from tether.api.farlineage import FarLineage
    from tether.api.lineage import Lineage
    from tether.releases.graph import Direction
    from tether.sync.address import HubAddress


@dataclass(frozen=True, slots=True)
class Options:
    """What the user asked for."""

    ref: str | None
    up: bool
    down: bool
    uses: str | None
    row: tuple[str, ...]
    svg: str | None
    mermaid: bool
    remote: str | None


@click.command()
@click.argument("ref", required=False, metavar="REF")
@click.option("--up", is_flag=True, help="Only what it came from.")
@click.option("--down", is_flag=True, help="Only what came from it.")
@click.option(
    "--uses",
    metavar="PATH",
    help="Which runs and releases were trained on this file, or on files of this folder.",
)
@click.option(
    "--row",
    multiple=True,
    metavar="COLUMN=VALUE",
    help="With --uses of a table: who read a version that has such a row. Give it again for more columns.",
)
@click.option("--svg", type=click.Path(dir_okay=False), metavar="FILE", help="Draw it into this file.")
@click.option("--mermaid", is_flag=True, help="Print it in the language of Mermaid.")
@click.option(
    "--remote",
    metavar="REMOTE",
    shell_complete=complete.remotes,
    help="Ask the hub of this remote or address, which knows its other repositories too.",
)
@with_options(Options)
def command(ctx: Context, options: Options) -> None:
    """Show what REF came from and what came from it: data, code, runs, models and releases.

    REF is a run, a release NAME@VERSION, a revision, REV:PATH, a file, or the beginning of a digest.

    With --uses, PATH is a file as it is now, REV:PATH, or a digest. What decides is the content: files that
    were renamed or deleted since are found. Who validated, tested or measured a model with it is listed
    apart, and so is who only had it in the working copy. With --row it is a table (CSV, TSV, lines of JSON,
    Parquet), and every version of it counts that has the row: all files of that name which runs and releases
    read. VALUE alone is that of the key, as in 'labels.csv key=id' in .tetherattributes.

    With --remote, REF and REV:PATH are those of a repository on a hub, and the answer goes over all
    repositories there that you may read.
    """
    if options.row and options.uses is None:
        raise InvalidInput("a row of which table?", hint="give --uses PATH too")
    if (options.ref is None) == (options.uses is None):
        raise InvalidInput("nothing to look for", hint="give a REF, or --uses PATH")
    if options.uses is not None:
        _show_users(ctx, options)
        return
    _show_graph(ctx, options)


def _show_graph(ctx: Context, options: Options) -> None:
    from tether.api.lineage import BOTH, find_lineage
    from tether.cli.render_lineage import graph_lines
    from tether.releases.graph import document_of, mermaid_of

    ref = options.ref or ""
    directions: tuple[Direction, ...] = (
        BOTH if options.up == options.down else ("up",) if options.up else ("down",)
    )
    found: Lineage | FarLineage
    if options.remote is not None:
        found = _ask_for_graph(ctx, options.remote, ref, directions)
        document = {"ref": options.ref, **found.document}
    else:
        found = find_lineage(ctx.repo(), place_text(ctx, ref), ctx.cwd, directions)
        for problem in found.problems:
            ctx.warn(str(problem))
        document = {"ref": options.ref, "starts": list(found.starts), **document_of(found.graph)}
    if options.svg is not None:
        from tether.releases.drawing import draw

        Path(options.svg).write_text(draw(found.graph, found.starts))
    if options.mermaid:
        ctx.emit(document, mermaid_of(found.graph).splitlines)
    elif options.svg is not None:
        ctx.emit(
            document, lambda: [f"drew {len(found.graph.nodes)} things to {options.svg}"], essential=False
        )
    else:
        ctx.emit(document, lambda: graph_lines(ctx, found, directions), page=True)


def _ask_for_graph(ctx: Context, remote: str, ref: str, directions: "tuple[Direction, ...]") -> "FarLineage":
    from tether.api.farlineage import far_lineage, named_there
    from tether.cli.hubs import client_of

    address = _address(ctx, remote)
    with client_of(ctx, address) as client:
        found = far_lineage(client, address, named_there(ref, ctx.cwd), directions)
    _warn_of(ctx, found.document)
    return found


def _address(ctx: Context, remote: str) -> "HubAddress":
    """Return the repository on a hub that a remote or an address is; an address needs no repository here."""
    from tether.api.farlineage import remote_address

    known: Mapping[str, str] = {}
    if "://" not in remote:
        from tether.api.remotes import remotes

        known = remotes(ctx.repo())
    return remote_address(remote, known)


def _warn_of(ctx: Context, document: "Mapping[str, Any]") -> None:
    """Warn of what a hub could not read, and of what it did not."""
    for problem in document["problems"]:
        ctx.warn(problem if problem.isprintable() else ascii(problem))
    if not document["complete"]:
        ctx.warn("the hub has more than it looks into for one question: this is not all")


def _show_users(ctx: Context, options: Options) -> None:
    from tether.cli.render_lineage import users_lines

    if options.up or options.down or options.svg is not None or options.mermaid:
        raise InvalidInput("--uses gives a list", hint="leave out --up, --down, --svg and --mermaid")
    document = _users(ctx, options.uses or "", options)
    ctx.emit(document, lambda: users_lines(ctx, document), page=True)


def _users(ctx: Context, path: str, options: Options) -> dict[str, "Any"]:
    if options.remote is not None:
        if options.row:
            hint = "clone the repository, and ask there"
            raise InvalidInput("a hub reads no tables for this question", hint=hint)
        from tether.api.farlineage import far_users, named_there
        from tether.cli.hubs import client_of

        address = _address(ctx, options.remote)
        with client_of(ctx, address) as client:
            document = far_users(client, address, named_there(path, ctx.cwd))
        _warn_of(ctx, document)
        if document["mixed"] and ctx.json:
            ctx.warn("the hub is older: it does not tell who was trained on it from who only had it")
        return document
    from tether.api.lineage import find_users, find_users_of_row
    from tether.releases.uses import users_document

    place = place_text(ctx, path)
    if options.row:
        wanted, found = find_users_of_row(ctx.repo(), place, ctx.cwd, options.row)
    else:
        wanted, found = find_users(ctx.repo(), place, ctx.cwd)
    for problem in found.problems:
        ctx.warn(str(problem))
    return users_document(wanted, found)
