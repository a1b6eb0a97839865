"""`tether log`: list commits."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import click

from tether.cli import complete
from tether.cli.context import Context
from tether.cli.options import with_options
from tether.cli.revisions import RevisionCommand, split_words

if TYPE_CHECKING:
    from tether.api.history import LogQuery
    from tether.core.digest import Digest
    from tether.repo.logwalk import LogEntry


@dataclass(frozen=True, slots=True)
class Options:
    """What the user asked for."""

    words: tuple[str, ...]
    limit: int | None
    graph: bool
    oneline: bool
    all_refs: bool
    author: str | None
    grep: str | None
    since: str | None
    until: str | None
    first_parent: bool
    patch: bool
    stat: bool


class _Look(NamedTuple):
    """How commits are shown, and the paths whose changes are."""

    options: Options
    paths: tuple[bytes, ...]


@click.command(cls=RevisionCommand)
@click.argument(
    "words", nargs=-1, shell_complete=complete.revisions_and_files, metavar="[REV | A..B]... [-- PATH...]"
)
@click.option(
    "-n", "--max-count", "limit", type=click.IntRange(0), metavar="N", help="Show N commits at most."
)
@click.option("--graph", is_flag=True, help="Draw the lines of history.")
@click.option("--oneline", is_flag=True, help="One line a commit.")
@click.option("--all", "all_refs", is_flag=True, help="Begin at every branch and tag.")
@click.option("--author", metavar="REGEX", help="Commits whose author's name or address fits.")
@click.option("--grep", metavar="REGEX", help="Commits whose message fits.")
@click.option("--since", "--after", metavar="DATE", help="Commits of that day or time and later.")
@click.option(
    "--until", "--before", metavar="DATE", help="Commits up to the end of that day or to that time."
)
@click.option("--first-parent", is_flag=True, help="Follow only the line that was merged into.")
@click.option("-p", "--patch", is_flag=True, help="With the changes of each commit.")
@click.option("--stat", is_flag=True, help="With how much of each file changed.")
@with_options(Options)
def command(ctx: Context, options: Options) -> None:
    """List commits, newest first.

    Without a REV from HEAD; A..B lists what B has and A has not. With PATHs only the commits that
    change them. A DATE is like 2026-01-31 or 2026-01-31T14:05.
    """
    query = _query(ctx, options)
    if ctx.json:
        from tether.cli.render_commit import commit_document

        found = _entries(ctx, query, options)
        ctx.emit([commit_document(entry.id, entry.commit) for entry in found], list)
        return
    entries = _entries(ctx, query, options)
    ctx.emit(None, lambda: _lines(ctx, entries, _Look(options, query.wanted.paths)), page=True)


def _query(ctx: Context, options: Options) -> "LogQuery":
    from tether.api.history import LogQuery
    from tether.repo.logwalk import LogFilter

    words = split_words(ctx, options.words)
    since = until = None
    if options.since is not None or options.until is not None:
        from tether.repo.moments import first_moment, last_moment

        zone = ctx.zone()
        since = first_moment(options.since, zone) if options.since is not None else None
        until = last_moment(options.until, zone) if options.until is not None else None
    wanted = LogFilter(
        words.paths,
        author=options.author,
        message=options.grep,
        since=since,
        until=until,
        first_parent=options.first_parent,
    )
    return LogQuery(words.revs, all_refs=options.all_refs, limit=options.limit, wanted=wanted)


def _entries(ctx: Context, query: "LogQuery", options: Options) -> "Iterable[LogEntry]":
    from tether.api import history

    read = history.log_graph if options.graph and not ctx.json else history.log
    return read(ctx.repo(), query)


def _lines(ctx: Context, entries: "Iterable[LogEntry]", look: "_Look") -> Iterator[str]:
    from tether.api.history import decorations

    names = decorations(ctx.repo())
    options = look.options
    seen: set[Digest] = set()
    entries = _noted(entries, seen)
    if options.graph:
        yield from _graph_lines(ctx, entries, names, look)
        yield from _cut_lines(ctx, seen)
        return
    apart = not options.oneline or options.patch or options.stat
    for number, entry in enumerate(entries):
        if number and apart:
            yield ""
        yield from _text(ctx, entry, names.get(entry.id, []), look)
    yield from _cut_lines(ctx, seen)


def _noted(entries: "Iterable[LogEntry]", seen: "set[Digest]") -> "Iterator[LogEntry]":
    for entry in entries:
        seen.add(entry.id)
        yield entry


def _cut_lines(ctx: Context, seen: "set[Digest]") -> Iterator[str]:
    """Say where the history that is here ends before its beginning."""
    from tether.repo.history import shallow_commits

    cut = seen.intersection(shallow_commits(ctx.repo().repository.root()))
    if cut:
        yield ctx.style("faint", "(history is cut here; 'tether fetch --unshallow' brings the rest)")


def _text(ctx: Context, entry: "LogEntry", names: list[str], look: "_Look") -> Iterator[str]:
    from tether.cli.render_commit import commit_line, commit_lines

    options = look.options
    if options.oneline:
        yield commit_line(ctx.style, entry.id, entry.commit, names)
    else:
        yield from commit_lines(ctx.style, entry.id, entry.commit, names)
    # What a merge brought in was shown with the commits that it merged.
    if (options.patch or options.stat) and len(entry.commit.parents) < 2:
        from tether.api.history import changes_of
        from tether.cli import render_diff

        changes = changes_of(ctx.repo(), entry.id, look.paths)
        yield ""
        yield from (render_diff.patch_lines if options.patch else render_diff.stat_lines)(ctx, changes)


def _graph_lines(
    ctx: Context, entries: "Iterable[LogEntry]", names: "dict[Digest, list[str]]", look: "_Look"
) -> Iterator[str]:
    from tether.cli.render_graph import Graph, beside

    graph: Graph[Digest] = Graph()
    for entry in entries:
        rows = graph.rows(entry.id, entry.parents)
        texts = list(_text(ctx, entry, names.get(entry.id, []), look))
        yield from beside(rows, texts if look.options.oneline else [*texts, ""], graph.padding())
