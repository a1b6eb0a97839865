"""`tether show`: show a commit, a tag, or a file or folder of a revision."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import click

from tether.cli.context import Context, pass_context
from tether.cli.revisions import place_text

if TYPE_CHECKING:
    from tether.api.diff import FileChange
    from tether.api.history import Shown


@click.command()
@click.argument("what", required=False, default="HEAD", metavar="[REV | REV:PATH]")
@click.option("--stat", is_flag=True, help="Only how much of each file changed.")
@click.option("--name-only", "names", is_flag=True, help="Only the paths that changed.")
@pass_context
def command(ctx: Context, what: str, stat: bool, names: bool) -> None:
    """Show a commit with its changes, a file of a revision, or a folder of one.

    The changes are those from the first parent.
    """
    if ":" in what:
        _show_place(ctx, place_text(ctx, what))
        return
    from tether.api.history import show

    shown = show(ctx.repo(), what)
    if ctx.json:
        ctx.emit(_document(ctx, shown), list)
    else:
        ctx.emit(None, lambda: _lines(ctx, shown, stat=stat, names=names), page=True)


def _show_place(ctx: Context, place: str) -> None:
    """Show a file byte for byte, a folder as `ls` does; with `--json` what `ls --json` says of it."""
    from tether.api.inspect import list_files, stream_file
    from tether.cli.commands.ls import entry_document, listing_lines
    from tether.core.tree import EntryKind
    from tether.repo.revision import find_entry

    entry = find_entry(ctx.repo().repository, place)[1]
    is_folder = entry.kind == EntryKind.DIRECTORY
    if ctx.json:
        documents = [entry_document(found) for found in list_files(ctx.repo(), place)]
        ctx.emit(documents if is_folder else documents[0], list)
    elif is_folder:
        ctx.emit(None, lambda: listing_lines(list_files(ctx.repo(), place), long=False), page=True)
    else:
        for piece in stream_file(ctx.repo(), place):
            ctx.bytes_out.write(piece)


def _document(ctx: Context, shown: "Shown") -> dict[str, object]:
    from tether.cli.render_commit import commit_document
    from tether.cli.render_diff import change_documents

    document = commit_document(shown.id, shown.commit)
    if shown.tag is not None:
        document["tag"] = {"name": shown.tag.name, "message": shown.tag.message.rstrip("\n")}
    document["changes"] = change_documents(ctx, shown.changes)
    return document


def _lines(ctx: Context, shown: "Shown", *, stat: bool, names: bool) -> Iterator[str]:
    from tether.api.history import decorations
    from tether.cli.format import time_text
    from tether.cli.render_commit import commit_lines, printable

    tag = shown.tag
    if tag is not None:
        yield ctx.style("id", f"tag {tag.name}")
        yield f"Tagger: {tag.tagger.name} <{tag.tagger.email}>"
        yield f"Date:   {time_text(tag.tagged)}"
        yield from ("", *printable(tag.message).rstrip("\n").split("\n"), "")
    here = decorations(ctx.repo()).get(shown.id, [])
    yield from commit_lines(ctx.style, shown.id, shown.commit, here)
    if shown.changes:
        yield ""
        yield from _changes(ctx, shown.changes, stat=stat, names=names)


def _changes(ctx: Context, changes: "list[FileChange]", *, stat: bool, names: bool) -> Iterator[str]:
    from tether.cli import render_diff

    if names:
        return render_diff.name_lines(ctx, changes, status=False)
    return render_diff.stat_lines(ctx, changes) if stat else render_diff.patch_lines(ctx, changes)
