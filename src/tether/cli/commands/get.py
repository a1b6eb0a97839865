"""`tether get`: bring files here from a remote repository, without a clone."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from tether.cli.context import Context
from tether.cli.network import rate_option
from tether.cli.options import with_options

if TYPE_CHECKING:
    from tether.api.getting import Got, Surroundings
    from tether.sync.fileaddress import FileAddress


@dataclass(frozen=True, slots=True)
class Options:
    """What the user asked for."""

    places: tuple[str, ...]
    output: str | None
    force: bool


@click.command()
@click.argument("places", nargs=-1, required=True, metavar="ADDRESS[@REV]:PATH...")
@click.option(
    "-o", "--output", metavar="F", help="Write to F, or into it where it is a folder; - is the output."
)
@click.option("-f", "--force", is_flag=True, help="Replace files here that are other ones.")
@rate_option
@with_options(Options)
def command(ctx: Context, options: Options) -> None:
    """Bring files and folders of a remote repository here, without a clone.

    ADDRESS is http(s)://HOST/OWNER/REPO on a hub, s3://BUCKET/PREFIX (gs://, az://) in a bucket, a folder,
    or file:///DIR. REV is a revision there, HEAD
    if not given; in it `/` is written %2F. `ADDRESS:` is everything. A download that was cut goes on where
    it was when the command runs again.
    """
    from tether.api.getting import Surroundings, get
    from tether.sync.fileaddress import parse_file_address

    addresses = [parse_file_address(place) for place in options.places]
    around = Surroundings(ctx.cwd, ctx.connect, ctx.now, ctx.progress(), ctx.open_bucket)
    if options.output == "-":
        _write_out(ctx, addresses, around)
        return
    targets = _targets(addresses, options.output)
    pairs = zip(addresses, targets, strict=True)
    done = [get(address, ctx.cwd / target, around, force=options.force) for address, target in pairs]
    ctx.emit([_document(got) for got in done], lambda: _lines(done, targets), essential=False)


def _write_out(ctx: Context, addresses: "Sequence[FileAddress]", around: "Surroundings") -> None:
    """Write one file to the output."""
    from tether.api.getting import read_out
    from tether.errors import InvalidInput

    if len(addresses) != 1 or ctx.json:
        raise InvalidInput("only one file can be written to the output, and not with --json")
    read_out(addresses[0], ctx.bytes_out, around)


def _targets(addresses: "Sequence[FileAddress]", output: str | None) -> list[Path]:
    """Return what each address becomes here.

    Raises:
        InvalidInput: Several would become the same.
    """
    from tether.errors import InvalidInput

    names = [Path(address.name) for address in addresses]
    if output is not None and (output.endswith("/") or Path(output).is_dir()):
        names = [Path(output) / name for name in names]
    elif output is not None and len(names) == 1:
        names = [Path(output)]
    elif output is not None:
        raise InvalidInput(f"{output} is no folder", hint="several files go into a folder: end it with '/'")
    if len(set(names)) < len(names):
        raise InvalidInput("two of them have the same name", hint="get them one by one, with -o")
    return names


def _document(got: "Got") -> dict[str, object]:
    from tether.core.names import display

    return {
        "path": display(bytes(got.path)),
        "commit": got.commit,
        "kind": got.entry.kind.name.lower(),
        "digest": got.entry.digest.hex(),
        "files": got.files,
        "bytes": got.entry.size,
        "received": got.received,
    }


def _lines(done: "Sequence[Got]", targets: Sequence[Path]) -> Iterator[str]:
    from tether.cli.format import count_text, size_text

    for got, target in zip(done, targets, strict=True):
        what = f"{count_text(got.files, 'file')}, {size_text(got.entry.size)}"
        yield f"got {target} of {got.commit[:12]}: {what}"
