"""`tether ls`: list the files of a revision."""

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

import click

from tether.cli.context import Context, pass_context
from tether.cli.revisions import place_text

if TYPE_CHECKING:
    from tether.api.inspect import Found

_LETTERS = "-xld"


@click.command()
@click.argument("place", required=False, default="HEAD", metavar="[REV[:PATH]]")
@click.option("-r", "--recursive", is_flag=True, help="List everything below, not only one folder.")
@click.option("-l", "--long", "long_", is_flag=True, help="With kind, size and digest.")
@pass_context
def command(ctx: Context, place: str, recursive: bool, long_: bool) -> None:
    """List the files of a revision, or of one folder in it; of HEAD where none is given.

    `:PATH` and `:` list what is staged.
    """
    from tether.api.inspect import list_files, resolve_listing

    text = resolve_listing(ctx.repo(), place_text(ctx, place))
    found = list_files(ctx.repo(), text, recursive=recursive)
    if ctx.json:
        ctx.emit([entry_document(each) for each in found], list)
    else:
        ctx.emit(None, lambda: listing_lines(found, long=long_ or ctx.verbose), page=True)


def entry_document(found: "Found") -> dict[str, object]:
    """Return one entry for `--json`."""
    from tether.core.names import display

    entry = found.entry
    return {
        "path": display(found.path),
        "kind": entry.kind.name.lower(),
        "size": entry.size,
        "digest": entry.digest.hex(),
        "files": entry.files,
    }


def listing_lines(found: "Iterable[Found]", *, long: bool) -> Iterator[str]:
    """Yield a line an entry; folders end with a slash."""
    from tether.cli.format import short_id
    from tether.core.names import display
    from tether.core.tree import EntryKind

    for path, entry in found:
        name = display(path) + ("/" if entry.kind == EntryKind.DIRECTORY else "")
        letter = _LETTERS[entry.kind]
        yield f"{letter} {short_id(entry.digest)} {entry.size:>14,}  {name}" if long else name
