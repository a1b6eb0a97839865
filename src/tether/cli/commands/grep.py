"""`tether grep`: search the text of tracked files."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING

import click

from tether.cli import complete
from tether.cli.context import Context
from tether.cli.options import with_options
from tether.cli.revisions import RevisionCommand, split_words

if TYPE_CHECKING:
    from tether.repo.grep import Match

NOTHING_FOUND = 1


@dataclass(frozen=True, slots=True)
class Options:
    """What the user asked for."""

    pattern: str
    words: tuple[str, ...]
    ignore_case: bool
    fixed: bool
    numbers: bool
    names: bool
    staged: bool


@click.command(cls=RevisionCommand)
@click.argument("pattern", metavar="REGEX")
@click.argument("words", nargs=-1, shell_complete=complete.revisions_and_files, metavar="[REV] [-- PATH...]")
@click.option("-i", "--ignore-case", is_flag=True, help="Capital and small letters are the same.")
@click.option("-F", "--fixed-strings", "fixed", is_flag=True, help="REGEX is plain text.")
@click.option("-n", "--line-number", "numbers", is_flag=True, help="Show the numbers of the lines.")
@click.option("-l", "--files-with-matches", "names", is_flag=True, help="Only the paths of files that fit.")
@click.option("--staged", "--cached", "staged", is_flag=True, help="Search what is staged.")
@with_options(Options)
def command(ctx: Context, options: Options) -> None:
    """Search tracked files for lines that fit a regular expression.

    The working copy is searched, or REV, or with --staged the stage; binary files are passed over.
    Nothing found ends with exit code 1.
    """
    from tether.api.search import grep
    from tether.repo.grep import Pattern

    pattern = Pattern(options.pattern, ignore_case=options.ignore_case, fixed=options.fixed)
    revs, paths = split_words(ctx, options.words, most=1)
    rev = revs[0] if revs else "" if options.staged else None
    found = grep(ctx.repo(), pattern, rev, paths)
    first = next(found, None)
    matches = chain([first], found) if first is not None else ()
    if ctx.json:
        ctx.emit(_documents(matches, options), list)
    else:
        ctx.emit(None, lambda: _lines(ctx, matches, options, rev), page=True)
    if first is None:
        ctx.exit(NOTHING_FOUND)


def _documents(matches: "Iterable[Match]", options: Options) -> list[dict[str, object]]:
    from tether.core.names import display

    if options.names:
        return [{"path": display(path)} for path in dict.fromkeys(match.path for match in matches)]
    return [
        {
            "path": display(match.path),
            "line": match.number,
            "text": match.line.decode("utf-8", "surrogateescape"),
        }
        for match in matches
    ]


def _lines(ctx: Context, matches: "Iterable[Match]", options: Options, rev: str | None) -> Iterator[str]:
    from tether.core.names import display

    before = f"{rev}:" if rev else ""
    last = None
    for path, number, line in matches:
        if options.names:
            if path != last:
                yield before + display(path)
            last = path
            continue
        place = f"{ctx.style('ref', before + display(path))}:"
        yield place + (f"{number}:" if options.numbers else "") + line.decode("utf-8", "surrogateescape")
