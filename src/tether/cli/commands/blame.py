"""`tether blame`: tell which commit last changed each line."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import click

from tether.cli import complete
from tether.cli.context import Context, pass_context
from tether.cli.format import iso_time, short_id, to_datetime
from tether.cli.revisions import RevisionCommand, split_words
from tether.errors import InvalidInput

if TYPE_CHECKING:
    from tether.repo.blame import BlameLine


@click.command(cls=RevisionCommand)
@click.argument(
    "words", nargs=-1, shell_complete=complete.revisions_and_files, required=False, metavar="[REV] [--] PATH"
)
@pass_context
def command(ctx: Context, words: tuple[str, ...]) -> None:
    """Show each line of a text with the commit that it comes from.

    The file is taken from REV, or from HEAD; what is not committed is not looked at. A file that was
    only renamed is followed to its old name.
    """
    from tether.api.search import blame

    revs, paths = split_words(ctx, words, most=1)
    if len(paths) != 1:
        raise InvalidInput(
            "one file is needed", hint="write `tether blame PATH` or `tether blame REV -- PATH`"
        )
    lines = blame(ctx.repo(), paths[0], revs[0] if revs else "HEAD")
    if ctx.json:
        ctx.emit(_documents(ctx, lines), list)
    else:
        ctx.emit(None, lambda: _lines(ctx, lines, paths[0]), page=True)


def _documents(ctx: Context, lines: "list[BlameLine]") -> list[dict[str, object]]:
    from tether.core.names import display
    from tether.repo.history import History

    history = History.of(ctx.repo().repository)
    documents: list[dict[str, object]] = []
    for line in lines:
        commit = history.commit(line.commit)
        documents.append(
            {
                "line": line.number,
                "commit": line.commit.hex(),
                "author": commit.author.name,
                "email": commit.author.email,
                "time": iso_time(commit.authored),
                "path": display(line.path),
                "original": line.original,
                "text": _text(line.data),
            }
        )
    return documents


def _lines(ctx: Context, lines: "list[BlameLine]", path: bytes) -> Iterator[str]:
    from tether.cli.render_commit import printable
    from tether.core.names import display
    from tether.repo.history import History

    history = History.of(ctx.repo().repository)
    commits = {line.commit: history.commit(line.commit) for line in lines}
    names = max((len(commit.author.name) for commit in commits.values()), default=0)
    moved = any(line.path != path for line in lines)
    paths = max((len(display(line.path)) for line in lines), default=0) if moved else 0
    digits = len(str(len(lines)))
    for line in lines:
        commit = commits[line.commit]
        where = f"{display(line.path):<{paths}} " if moved else ""
        day = to_datetime(commit.authored).strftime("%Y-%m-%d")
        who = f"({printable(commit.author.name):<{names}} {day} {line.number:>{digits}})"
        yield f"{ctx.style('id', short_id(line.commit))} {where}{who} {_text(line.data)}"


def _text(data: bytes) -> str:
    return data.removesuffix(b"\n").decode("utf-8", "surrogateescape")
