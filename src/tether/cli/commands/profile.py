"""`tether profile`: what data is like, without showing it."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import click

from tether.cli.context import Context
from tether.cli.format import size_text
from tether.cli.options import with_options
from tether.cli.revisions import place_text


@dataclass(frozen=True, slots=True)
class Options:
    """What the user asked for."""

    place: str
    output: str | None
    labels: tuple[str, ...]


@click.command()
@click.argument("place", metavar="PATH | REV:PATH")
@click.option(
    "-o", "--output", type=click.Path(dir_okay=False), metavar="FILE", help="Write the profile there."
)
@click.option(
    "--label",
    "labels",
    multiple=True,
    metavar="COLUMN",
    help="A column that is a label; several may be given.",
)
@with_options(Options)
def command(ctx: Context, options: Options) -> None:
    """Tell what data is like: counts, types, ranges, quantiles, labels.

    Tables (CSV, TSV, lines of JSON, Parquet), arrays (npy, npz), pictures and texts are read, in bounded
    memory; of a folder all of them. Equal data gives equal bytes. Values are told of columns only where they
    are few and frequent, of a column of --label always. Nothing in a file is run.

    'tether release create --profile ROLE' puts the profile of its data into a release.
    """
    from tether.api.profiling import profile, profile_of_path
    from tether.cli.render_profile import profile_lines

    path = ctx.cwd / options.place
    if path.exists():
        made = profile_of_path(path, options.labels, ctx.progress())
    else:
        made = profile(ctx.repo(), place_text(ctx, options.place), options.labels, ctx.cwd)
    data = made.encode()
    if options.output is None:
        import json

        ctx.emit(json.loads(data), lambda: profile_lines(ctx.style, made), page=True)
        return
    from tether.api.exporting import whole_file

    with whole_file(Path(ctx.cwd / options.output)) as out:
        out.write(data)

    def lines() -> Iterator[str]:
        yield f"wrote {size_text(len(data))} to {options.output}"

    ctx.emit({"path": options.output, "bytes": len(data)}, lines, essential=False)
