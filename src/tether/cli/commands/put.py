"""`tether put`: add, replace or remove files of a remote repository, without a clone."""

import tempfile
from dataclasses import dataclass
from pathlib import Path

import click

from tether.cli.context import Context
from tether.cli.format import count_text, short_id, size_text
from tether.cli.network import rate_option
from tether.cli.options import with_options
from tether.errors import InvalidInput


@dataclass(frozen=True, slots=True)
class Options:
    """What the user asked for."""

    files: tuple[str, ...]
    place: str
    message: str
    remove: tuple[str, ...]


@click.command()
@click.argument("files", nargs=-1, type=click.Path(), metavar="[FILE...]")
@click.argument("place", metavar="ADDRESS[@BRANCH]:PATH")
@click.option("-m", "--message", required=True, metavar="MSG", help="Why.")
@rate_option
@click.option("--remove", multiple=True, metavar="PATH", help="Remove this file or folder, from the top on.")
@with_options(Options)
def command(ctx: Context, options: Options) -> None:
    """Add, replace or remove files on a branch of a remote repository as one commit, without a clone.

    ADDRESS is http(s)://HOST/OWNER/REPO on a hub, s3://BUCKET/PREFIX (gs://, az://) in a bucket, a folder, or
    file:///DIR. PATH is the file there; where it is a folder or ends with `/`, files and folders go into it
    under their names. Without BRANCH it is the one that HEAD names there. What others commit meanwhile stays;
    if they change the same paths, nothing is done.
    """
    from tether.api.getting import Surroundings
    from tether.api.putting import PutOptions, put
    from tether.core.names import display, path_bytes
    from tether.sync.fileaddress import parse_file_address

    if not options.files and not options.remove:
        raise InvalidInput("no files", hint="name files before the address, or give --remove")
    address = parse_file_address(options.place)
    around = Surroundings(ctx.cwd, ctx.connect, ctx.now, ctx.progress(), ctx.open_bucket)
    files = [ctx.cwd / name for name in options.files]
    with tempfile.TemporaryDirectory(prefix="tether-put-") as scratch:
        into, removed = options.place.endswith("/"), tuple(map(path_bytes, options.remove))
        wanted = PutOptions(options.message, ctx.author(), Path(scratch), into, removed)
        done = put(files, address, wanted, around)

    document = {
        "id": done.commit.hex(),
        "branch": done.branch,
        "paths": [display(path) for path in done.paths],
        "sent": done.sent,
    }
    where = f"{done.branch} {short_id(done.commit)}"
    told = f"put {count_text(len(done.paths), 'file')} on {where}, {size_text(done.sent)} sent"
    same = f"nothing to put: {where} has it all"
    ctx.emit(document, lambda: [told if done.paths else same], essential=False)
