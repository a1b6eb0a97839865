"""`tether tag`: list, make or delete tags."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import click

from tether.cli import complete
from tether.cli.context import Context
from tether.cli.format import iso_time, short_id
from tether.cli.options import with_options
from tether.errors import InvalidInput

if TYPE_CHECKING:
    from tether.api.history import TagInfo


@dataclass(frozen=True, slots=True)
class Options:
    """What the user asked for."""

    names: tuple[str, ...]
    message: tuple[str, ...]
    annotate: bool
    delete: bool
    force: bool
    list_: bool


@click.command()
@click.argument("names", nargs=-1, shell_complete=complete.revisions, metavar="[NAME [REV]]")
@click.option("-m", "--message", multiple=True, metavar="MSG", help="Say why; each -m is a paragraph.")
@click.option("-a", "--annotate", is_flag=True, help="Record who tagged and when; needs -m.")
@click.option("-d", "--delete", is_flag=True, help="Delete tags.")
@click.option("-f", "--force", is_flag=True, help="Move a tag that exists.")
@click.option("-l", "--list", "list_", is_flag=True, help="List tags; NAMEs may be globs.")
@with_options(Options)
def command(ctx: Context, options: Options) -> None:
    """List tags, or name a revision for good; HEAD where none is given.

    With a message the tag also records who made it and when.
    """
    if options.delete:
        _delete(ctx, options)
    elif options.names and not options.list_:
        _create(ctx, options)
    else:
        _list(ctx, options)


def _delete(ctx: Context, options: Options) -> None:
    from tether.api.history import delete_tag

    if not options.names:
        raise InvalidInput("no tag was named")
    gone = [delete_tag(ctx.repo(), name) for name in options.names]
    ctx.emit(
        [_document(info) for info in gone],
        lambda: [f"deleted tag {info.name} (was {short_id(info.target)})" for info in gone],
        essential=False,
    )


def _create(ctx: Context, options: Options) -> None:
    from tether.api.history import create_tag

    if len(options.names) > 2:
        raise InvalidInput(f"too many arguments: {' '.join(options.names)}", hint="write NAME [REV]")
    if options.annotate and not options.message:
        raise InvalidInput("-a needs a message", hint='add -m "..."')
    message = "\n\n".join(options.message) if options.message else None
    repo = ctx.repo()
    if message is not None:
        repo.author = ctx.author()
    info = create_tag(repo, *options.names, message=message, force=options.force)
    ctx.emit(_document(info), lambda: [f"tagged {short_id(info.target)} as {info.name}"], essential=False)


def _list(ctx: Context, options: Options) -> None:
    from tether.api.history import tags

    found = tags(ctx.repo())
    if options.names:
        from fnmatch import fnmatchcase

        found = [each for each in found if any(fnmatchcase(each.name, glob) for glob in options.names)]
    width = max((len(info.name) for info in found), default=0)
    ctx.emit(
        [_document(info) for info in found],
        lambda: [_line(info, width, long=ctx.verbose) for info in found],
        page=True,
    )


def _line(info: "TagInfo", width: int, *, long: bool) -> str:
    if not long:
        return info.name
    first = info.tag.message.partition("\n")[0] if info.tag else ""
    return f"{info.name:<{width}} {short_id(info.target)} {first}".rstrip()


def _document(info: "TagInfo") -> dict[str, Any]:
    tag = info.tag
    return {
        "name": info.name,
        "target": info.target.hex(),
        "annotated": tag is not None,
        "message": tag and tag.message,
        "tagger": tag and tag.tagger.name,
        "time": tag and iso_time(tag.tagged),
    }
