"""`tether bundle`: carry commits in one file."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tether.cli.context import Context, pass_context
from tether.cli.format import count_text, short_id, size_text

if TYPE_CHECKING:
    from tether.sync.bundle import BundleInfo

_CORRUPT = 7
_FILE = click.Path(dir_okay=False, path_type=Path)


@click.group()
def command() -> None:
    """Carry commits in one file, where no network goes.

    'tether clone FILE' and 'tether remote add NAME FILE' take a bundle like the address of a repository.
    """


@command.command()
@click.argument("file", type=_FILE)
@click.argument("revs", nargs=-1, metavar="[REV]...")
@click.option("--all", "everything", is_flag=True, help="Take every branch and tag.")
@pass_context
def create(ctx: Context, file: Path, revs: tuple[str, ...], everything: bool) -> None:
    """Write branches and tags, with all that they need, to FILE.

    REV is a branch or a tag, HEAD for the current branch, or A..BRANCH to leave out what A reaches.
    """
    from tether.api.bundle import create as create_bundle

    info = create_bundle(ctx.repo(), file, revs, everything=everything)
    ctx.emit(_document(info, file), lambda: _lines(info, "wrote", file))


@command.command()
@click.argument("file", type=_FILE)
@pass_context
def verify(ctx: Context, file: Path) -> None:
    """Verify every byte of FILE, and that this repository has the commits that it builds on."""
    from tether.api.bundle import verify as verify_bundle

    info = verify_bundle(ctx.repo(), file)
    ctx.emit(_document(info, file), lambda: _lines(info, "verified", file))
    if info.problems:
        ctx.exit(_CORRUPT)


def _document(info: "BundleInfo", file: Path) -> dict[str, Any]:
    return {
        "file": str(file),
        "ok": not info.problems,
        "refs": [{"name": name, "id": digest.hex()} for name, digest in sorted(info.refs.items())],
        "prerequisites": [digest.hex() for digest in info.prerequisites],
        "objects": info.objects,
        "bytes": info.size,
        "problems": list(info.problems),
    }


def _lines(info: "BundleInfo", verb: str, file: Path) -> Iterator[str]:
    for name, digest in sorted(info.refs.items()):
        yield f"{short_id(digest)} {name}"
    for digest in info.prerequisites:
        yield f"builds on {short_id(digest)}"
    yield from (f"problem: {text}" for text in info.problems)
    yield f"{verb} {file}: {count_text(info.objects, 'object')}, {size_text(info.size)}"
