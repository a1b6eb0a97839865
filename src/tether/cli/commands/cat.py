"""`tether cat`: write a file of any revision to the output."""

import click

from tether.cli.context import Context, pass_context
from tether.cli.revisions import place_text
from tether.errors import InvalidInput


@click.command()
@click.argument("places", nargs=-1, required=True, metavar="REV:PATH...")
@pass_context
def command(ctx: Context, places: tuple[str, ...]) -> None:
    """Write files as they are in a revision, byte for byte, one after the other.

    `:PATH` is the file that is staged. Of a symbolic link its target is written.
    """
    from tether.api.inspect import stream_file

    if ctx.json:
        ctx.emit([_document(ctx, place) for place in places], list)
        return
    for place in places:
        _check(place)
        out = ctx.bytes_out
        for piece in stream_file(ctx.repo(), place_text(ctx, place)):
            out.write(piece)
        out.flush()


def _check(place: str) -> None:
    if ":" not in place:
        raise InvalidInput(f"not a file of a revision: {place}", hint=f"write HEAD:{place}")


def _document(ctx: Context, place: str) -> dict[str, object]:
    """Return one file; the content as text where it is UTF-8, else in base64."""
    from base64 import b64encode

    from tether.api.inspect import find_file, stream_file
    from tether.core.names import display

    _check(place)
    text = place_text(ctx, place)
    found = find_file(ctx.repo(), text)
    data = b"".join(stream_file(ctx.repo(), text))
    document: dict[str, object] = {
        "path": display(found.path),
        "size": len(data),
        "digest": found.entry.digest.hex(),
    }
    try:
        return {**document, "text": data.decode()}
    except UnicodeDecodeError:
        return {**document, "base64": b64encode(data).decode()}
