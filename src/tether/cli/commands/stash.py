"""`tether stash`: put changes aside and take them back."""

from typing import TYPE_CHECKING, Any

import click

from tether.cli.context import Context, pass_context
from tether.cli.format import count_text, iso_time, short_id
from tether.cli.render_merge import CONFLICT_EXIT, conflict_document, conflict_lines

if TYPE_CHECKING:
    from tether.api.stashing import Applied, StashEntry


@click.group(invoke_without_command=True)
@click.pass_context
def command(click_context: click.Context) -> None:
    """Put changes aside and take them back; without a subcommand, `push`.

    An entry is named by its number in `tether stash list`; the newest is 0.
    """
    if click_context.invoked_subcommand is None:
        click_context.invoke(push, message=None, untracked=False)


@command.command()
@click.option("-m", "--message", metavar="MSG", help="What it is.")
@click.option("-u", "--include-untracked", "untracked", is_flag=True, help="Untracked files too.")
@pass_context
def push(ctx: Context, message: str | None, untracked: bool) -> None:
    """Put staged and unstaged changes aside; the files are as in HEAD afterwards."""
    from tether.api import stashing

    entry = stashing.push(ctx.repo(), message, untracked=untracked)
    if entry is None:
        ctx.emit({"id": None}, lambda: ["nothing to put aside"], essential=False)
    else:
        ctx.emit(_document(entry), lambda: [f"put aside: {entry.message}"], essential=False)


@command.command("list")
@pass_context
def list_(ctx: Context) -> None:
    """List what is put aside, newest first."""
    from tether.api import stashing

    found = stashing.entries(ctx.repo())
    ctx.emit([_document(entry) for entry in found], lambda: map(_line, found), page=True)


@command.command()
@click.argument("entry", default="")
@click.option("--stat", is_flag=True, help="How much of each file changed.")
@pass_context
def show(ctx: Context, entry: str, stat: bool) -> None:
    """Show what an entry changes."""
    from tether.api import stashing
    from tether.api.diff import DiffQuery, diff
    from tether.cli import render_diff

    repo = ctx.repo()
    commit = stashing.find_entry(repo, entry).commit.hex()
    changes = diff(repo, DiffQuery(f"{commit}^1", commit))
    lines = render_diff.stat_lines if stat else render_diff.patch_lines
    documents = render_diff.change_documents(ctx, changes) if ctx.json else []
    ctx.emit(documents, lambda: lines(ctx, changes), page=True)


@command.command()
@click.argument("entry", default="")
@click.option("--index", "staged", is_flag=True, help="Stage what was staged.")
@pass_context
def pop(ctx: Context, entry: str, staged: bool) -> None:
    """Take changes back and forget the entry, unless there are conflicts."""
    from tether.api import stashing

    _report(ctx, stashing.apply(ctx.repo(), entry, drop=True, staged=staged))


@command.command()
@click.argument("entry", default="")
@click.option("--index", "staged", is_flag=True, help="Stage what was staged.")
@pass_context
def apply(ctx: Context, entry: str, staged: bool) -> None:
    """Take changes back and keep the entry."""
    from tether.api import stashing

    _report(ctx, stashing.apply(ctx.repo(), entry, staged=staged))


@command.command()
@click.argument("entry", default="")
@pass_context
def drop(ctx: Context, entry: str) -> None:
    """Forget an entry."""
    from tether.api import stashing

    dropped = stashing.drop(ctx.repo(), entry)
    ctx.emit(_document(dropped), lambda: [f"dropped: {dropped.message}"], essential=False)


@command.command()
@pass_context
def clear(ctx: Context) -> None:
    """Forget all entries."""
    from tether.api import stashing

    count = stashing.clear(ctx.repo())
    ctx.emit(
        {"dropped": count}, lambda: [f"dropped {count_text(count, 'entry', 'entries')}"], essential=False
    )


def _document(entry: "StashEntry") -> dict[str, Any]:
    return {
        "number": entry.number,
        "id": entry.commit.hex(),
        "name": entry.ref,
        "message": entry.message,
        "time": iso_time(entry.time),
    }


def _line(entry: "StashEntry") -> str:
    return f"stash@{{{entry.number}}}: {entry.message}"


def _report(ctx: Context, done: "Applied") -> None:
    document = {
        **_document(done.entry),
        "conflicts": [conflict_document(row) for row in done.conflicts],
        "dropped": done.dropped,
        "files": done.files,
    }
    state = "taken back and forgotten" if done.dropped else "taken back"
    ctx.emit(
        document,
        lambda: (
            conflict_lines(done.conflicts)
            if done.conflicts
            else [f"{state}: {done.entry.message} ({short_id(done.entry.commit)})"]
        ),
        essential=bool(done.conflicts),
    )
    if done.conflicts:
        ctx.out.flush()
        ctx.note("the entry is kept; settle the conflicts with 'tether resolve PATH'")
        ctx.note("or go back with 'tether merge --abort'")
        ctx.exit(CONFLICT_EXIT)
