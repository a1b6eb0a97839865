"""`tether archive`: write the files of a revision as one archive."""

import os
from dataclasses import dataclass
from pathlib import Path

import click

from tether.cli import complete
from tether.cli.context import Context
from tether.cli.format import count_text, size_text
from tether.cli.options import with_options
from tether.cli.revisions import RevisionCommand, split_words
from tether.cli.style import is_terminal
from tether.errors import InvalidInput

_ENDINGS = {".zip": "zip", ".tar": "tar", ".tar.gz": "tar.gz", ".tgz": "tar.gz"}


@dataclass(frozen=True, slots=True)
class Options:
    """What the user asked for."""

    words: tuple[str, ...]
    output: str | None
    form: str | None
    prefix: str


@click.command(cls=RevisionCommand)
@click.argument("words", nargs=-1, shell_complete=complete.revisions_and_files, metavar="[REV] [-- PATH...]")
@click.option("-o", "--output", type=click.Path(dir_okay=False), metavar="FILE", help="Write to this file.")
@click.option(
    "--format",
    "form",
    type=click.Choice(["tar", "tar.gz", "zip"]),
    help="Else the ending of FILE says it, or tar.",
)
@click.option("--prefix", default="", metavar="FOLDER/", help="Put this in front of every path.")
@with_options(Options)
def command(ctx: Context, options: Options) -> None:
    """Write the files of REV, or of HEAD, as tar, tar.gz or zip; to the output where no FILE is given.

    The same revision always gives the same bytes.
    """
    from tether.api.search import archive, archive_request, archive_to

    revs, paths = split_words(ctx, options.words, most=1)
    form = options.form or _format_of(options.output)
    rev = revs[0] if revs else "HEAD"
    request = archive_request(ctx.repo(), rev, form, os.fsencode(options.prefix), paths)
    if options.output is None:
        if ctx.json or is_terminal(ctx.out):
            raise InvalidInput("an archive is no text", hint="name a file with -o")
        archive(ctx.repo(), request, ctx.bytes_out)
        return
    total = archive_to(ctx.repo(), request, Path(options.output))
    ctx.emit(
        {"path": options.output, "format": form, "files": total.files, "bytes": total.bytes},
        lambda: [f"wrote {count_text(total.files, 'file')}, {size_text(total.bytes)}, to {options.output}"],
        essential=False,
    )


def _format_of(output: str | None) -> str:
    """Return the format that the ending of a name says."""
    name = (output or "").lower()
    return next((form for ending, form in _ENDINGS.items() if name.endswith(ending)), "tar")
