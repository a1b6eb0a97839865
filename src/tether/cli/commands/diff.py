"""`tether diff`: compare commits, the stage and the working copy."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import click

from tether.cli import complete
from tether.cli.context import Context
from tether.cli.options import with_options
from tether.cli.revisions import RevisionCommand, split_words
from tether.errors import InvalidInput

if TYPE_CHECKING:
    from tether.api.diff import DiffQuery


@dataclass(frozen=True, slots=True)
class Options:
    """What the user asked for."""

    words: tuple[str, ...]
    staged: bool
    stat: bool
    names: bool
    letters: bool
    exit_code: bool


@click.command(cls=RevisionCommand)
@click.argument(
    "words", nargs=-1, shell_complete=complete.revisions_and_files, metavar="[A [B]] [-- PATH...]"
)
@click.option("--staged", "--cached", "staged", is_flag=True, help="Compare with what is staged.")
@click.option("--stat", is_flag=True, help="How much of each file changed.")
@click.option("--name-only", "names", is_flag=True, help="Only the paths.")
@click.option("--name-status", "letters", is_flag=True, help="Only the paths, with a letter for the change.")
@click.option("--exit-code", is_flag=True, help="End with 1 where something differs.")
@with_options(Options)
def command(ctx: Context, options: Options) -> None:
    """Compare two revisions A and B, A and the working copy, or the stage and the working copy.

    A..B is the same as A B; A...B compares B with where it parted from A. With --staged, HEAD or A is
    compared with the stage. Texts are shown by line; of other files their kind, size and dimensions.
    """
    from tether.api.diff import diff
    from tether.cli import render_diff

    changes = diff(ctx.repo(), _query(ctx, options))
    if ctx.json:
        short = options.names or options.letters
        named = render_diff.name_document
        documents = [*map(named, changes)] if short else render_diff.change_documents(ctx, changes)
        ctx.emit(documents, list)
    elif options.names or options.letters:
        ctx.emit(None, lambda: render_diff.name_lines(ctx, changes, status=options.letters), page=True)
    elif options.stat:
        ctx.emit(None, lambda: render_diff.stat_lines(ctx, changes), page=True)
    else:
        ctx.emit(None, lambda: render_diff.patch_lines(ctx, changes), page=True)
    if options.exit_code and changes:
        ctx.exit(1)


def _query(ctx: Context, options: Options) -> "DiffQuery":
    from tether.api.diff import DiffQuery
    from tether.repo.revision import split_range

    revs, paths = split_words(ctx, options.words, most=2)
    span = split_range(revs[0]) if revs else None
    if span is not None:
        if options.staged or len(revs) > 1:
            raise InvalidInput(f"a range alone says what to compare: {' '.join(revs)}")
        return DiffQuery(span.old, span.new, symmetric=span.symmetric, paths=paths)
    if options.staged and len(revs) > 1:
        raise InvalidInput("--staged compares one revision with the stage", hint="leave one of them out")
    old, new = (*revs, None, None)[:2]
    return DiffQuery(old, new, staged=options.staged, paths=paths)
