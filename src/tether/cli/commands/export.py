"""`tether export`: data of a revision in the forms that other programs read."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import click

from tether.cli.context import Context
from tether.cli.format import count_text
from tether.cli.options import with_options
from tether.cli.revisions import place_text
from tether.errors import InvalidInput


@dataclass(frozen=True, slots=True)
class CroissantWords:
    """What the user asked for."""

    place: str
    output: str | None
    files: bool
    name: str | None
    description: str | None
    licence: str | None
    creators: tuple[str, ...]
    version: str | None
    url: str | None
    remote: str | None


@click.group()
def command() -> None:
    """Describe data so that other programs read it. Releases have 'tether release export'."""


@command.command()
@click.argument("place", metavar="REV[:PATH]")
@click.option(
    "-o", "--output", type=click.Path(), metavar="FILE | FOLDER", help="Write there, not to the output."
)
@click.option("--files", is_flag=True, help="Make FOLDER with the document and all files.")
@click.option("--name", metavar="NAME", help="The name of the data; else that of the folder.")
@click.option("--description", metavar="TEXT", help="What the data is.")
@click.option("--licence", metavar="SPDX", help="Its licence, such as CC-BY-4.0.")
@click.option(
    "--creator", "creators", multiple=True, metavar="NAME", help="Who made it; several may be given."
)
@click.option("--version", metavar="VERSION", help="Its version, such as 1.0.0.")
@click.option(
    "--url", metavar="URL", help="Where the files are got; else a folder 'data' beside the document."
)
@click.option("--remote", metavar="NAME", help="Let the files be got from this hub, by their commit.")
@with_options(CroissantWords)
def croissant(ctx: Context, words: CroissantWords) -> None:
    """Write a Croissant document: the files with their SHA-256, and the records in them.

    CSV, TSV, lines of JSON and Parquet become records with their columns; images in folders side by side
    become records with the folder as label. All files are read.
    """
    from tether.api.exporting import CroissantOptions, croissant_of, whole_file, write_croissant

    place = place_text(ctx, words.place)
    options = CroissantOptions(
        words.name,
        words.description,
        words.licence,
        words.creators,
        words.version,
        words.url,
        words.remote,
    )
    if words.files:
        if words.output is None:
            raise InvalidInput("--files needs a folder", hint="name one with -o")
        made = write_croissant(ctx.repo(), place, options, Path(words.output))
    else:
        made = croissant_of(ctx.repo(), place, options)
        if words.output is None:
            ctx.bytes_out.write(made.text)
            return
        with whole_file(Path(words.output)) as out:
            out.write(made.text)
    document = {
        "path": words.output,
        "commit": made.commit,
        "files": made.files,
        "records": made.records,
        "missing": list(made.missing),
    }

    def lines() -> Iterator[str]:
        records = count_text(made.records, "record set")
        yield f"described {count_text(made.files, 'file')} with {records} in {words.output}"
        yield from (f"not said: {each}" for each in made.missing)

    ctx.emit(document, lines, essential=False)
