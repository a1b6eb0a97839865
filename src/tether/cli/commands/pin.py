"""`tether pin`: write a pointer so that a Git commit names a data commit."""

from dataclasses import dataclass
from pathlib import Path

import click

from tether.cli.context import Context
from tether.cli.format import short_id
from tether.cli.options import with_options
from tether.errors import Conflict, InvalidInput


@dataclass(frozen=True, slots=True)
class Options:
    """What the user asked for."""

    place: str | None
    file: Path
    remote: str | None
    check: bool


@click.command()
@click.argument("place", required=False, metavar="[REV[:PATH]]")
@click.option(
    "-o",
    "--file",
    type=click.Path(dir_okay=False, path_type=Path),
    default=Path("tether.pin"),
    show_default=True,
    help="The pointer file.",
)
@click.option("--remote", metavar="NAME", help="The remote whose address is written.")
@click.option("--check", is_flag=True, help="Compare the file with what is checked out; write nothing.")
@with_options(Options)
def command(ctx: Context, options: Options) -> None:
    """Write a small pointer file that names a commit of data, to be committed in Git.

    It holds address, commit and path as TOML; without REV it names what is checked out. With --check,
    exits with 3 when the commit is not here, and with 5 when another one is checked out.
    """
    from tether.api.pin import check_pin, write_pin

    if options.check:
        if options.place is not None:
            raise InvalidInput("--check takes no REV", hint="the file says which commit it names")
        found = check_pin(ctx.repo(), options.file)
    else:
        found = write_pin(ctx.repo(), options.place or "HEAD", options.file, options.remote)
        if not found.pushed:
            ctx.note("no remote is known to have this commit yet; push it")
    pin = found.pin
    if options.check and not found.current:
        raise Conflict(
            f"{options.file} names {short_id(pin.commit)}, and another commit is checked out",
            hint=f"run 'tether checkout {short_id(pin.commit)}', or 'tether pin' to name this one",
        )
    document = {
        "file": str(options.file),
        "url": pin.url,
        "commit": pin.commit.hex(),
        "path": pin.path.decode(errors="surrogateescape"),
        "current": found.current,
        "pushed": found.pushed,
    }
    where = f":{document['path']}" if pin.path else ""
    ctx.emit(document, lambda: [f"{options.file} names {short_id(pin.commit)}{where}"], essential=False)
