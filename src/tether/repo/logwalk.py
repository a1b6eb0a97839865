"""Which commits a log shows: those that change some paths, by some author, in some time, with some words.

Paths are followed as in git: a commit that has them exactly as one of its parents stands for that
parent alone, so that side lines without a change disappear.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import NamedTuple

from tether.core.digest import Digest
from tether.core.kinds import ObjectReader
from tether.core.objects import Commit
from tether.core.treeread import find_many
from tether.errors import InvalidInput
from tether.repo.history import History, Order

_REMEMBERED = 4096
_NOTHING: tuple[Digest, ...] = ()


@dataclass(frozen=True, slots=True)
class LogFilter:
    """What a commit must have to be shown; everything that is set must fit."""

    paths: tuple[bytes, ...] = ()
    """Files and folders, relative to the top; the commit changes one of them."""
    author: str | None = None
    """Regular expression for `Name <email>`, blind to case."""
    message: str | None = None
    """Regular expression for the message, blind to case."""
    since: int | None = None
    """Committed at or after this moment, microseconds since 1970."""
    until: int | None = None
    """Committed at or before it."""
    first_parent: bool = False
    """Follow only the first parent of each commit."""


class LogEntry(NamedTuple):
    """One commit of a log."""

    id: Digest
    commit: Commit
    parents: tuple[Digest, ...]
    """The nearest commits before it that are shown, for a graph; else the commit's own parents."""


class LogRange(NamedTuple):
    """Where a log begins and what it leaves out."""

    starts: Sequence[Digest]
    excludes: Sequence[Digest] = ()


def read_log(
    history: History, objects: ObjectReader, span: LogRange, wanted: LogFilter, limit: int | None = None
) -> Iterator[LogEntry]:
    """Yield the commits to show from the newest to the oldest, reading no more than is asked for.

    Raises:
        InvalidInput: A regular expression is none.
    """
    walk = _LogWalk(history, objects, wanted)
    found = (digest for digest in walk.run(span, "date") if walk.shows(digest))
    for digest in islice(found, limit):
        commit = history.commit(digest)
        yield LogEntry(digest, commit, commit.parents)


def read_graph(
    history: History, objects: ObjectReader, span: LogRange, wanted: LogFilter, limit: int | None = None
) -> list[LogEntry]:
    """Return the commits to show, lines of history kept together, each with the shown ones before it.

    Everything is read, since only the end says which lines meet.
    """
    walk = _LogWalk(history, objects, wanted)
    order = list(walk.run(span, "topo"))
    shown_before: dict[Digest, tuple[Digest, ...]] = {}
    entries: list[LogEntry] = []
    for digest in reversed(order):
        below = dict.fromkeys(
            shown for parent in walk.followed(digest) for shown in shown_before.get(parent, _NOTHING)
        )
        if walk.shows(digest):
            entries.append(LogEntry(digest, history.commit(digest), tuple(below)))
            shown_before[digest] = (digest,)
        else:
            shown_before[digest] = tuple(below)
    return entries[::-1][:limit]


class PageSize(NamedTuple):
    """How much of a log is read at once."""

    shown: int
    """Commits to show."""
    looked_at: int
    """Commits to look at; with fewer found the page is short, and the log goes on nevertheless."""
    skip: int = 0
    """Commits to pass over first: those on the pages before."""


class LogPage(NamedTuple):
    """A part of a log, and where the next one begins."""

    entries: list[LogEntry]
    walked: list[tuple[Digest, tuple[Digest, ...]]]
    """Each commit that was looked at with the parents that were followed, as a graph wants them."""
    open: list[Digest]
    """Commits that were found and not looked at: a walk from there goes on as if it had never stopped."""


def read_log_page(
    history: History,
    objects: ObjectReader,
    starts: Sequence[Digest],
    wanted: LogFilter,
    size: PageSize,
) -> LogPage:
    """Return the next commits of a log; what was on the pages before is not walked again.

    Where clocks are so wrong that a parent was shown before its child, it may be shown once more.

    Args:
        history: Gives the commits.
        objects: Gives the trees.
        starts: The `open` of the page before, or where the log begins.
        wanted: Which commits to show.
        size: How much of the log it is.

    Raises:
        NotFound: A commit is not here.
        InvalidInput: A regular expression is none.
    """
    walk = _LogWalk(history, objects, wanted)
    entries: list[LogEntry] = []
    walked: list[tuple[Digest, tuple[Digest, ...]]] = []
    waiting = dict.fromkeys(starts)
    seen: set[Digest] = set()
    for number, digest in enumerate(walk.run(LogRange(starts), "date")):
        seen.add(digest)
        waiting.pop(digest, None)
        followed = walk.followed(digest)
        waiting.update((parent, None) for parent in followed if parent not in seen)
        if number < size.skip:
            continue
        walked.append((digest, followed))
        if walk.shows(digest):
            commit = history.commit(digest)
            entries.append(LogEntry(digest, commit, commit.parents))
        if len(entries) == size.shown or len(walked) == size.looked_at:
            break
    return LogPage(entries, walked, list(waiting))


class _LogWalk:
    """One walk with a filter; remembers which commits change the paths."""

    def __init__(self, history: History, objects: ObjectReader, wanted: LogFilter) -> None:
        self._history, self._objects, self._wanted = history, objects, wanted
        self._author = _expression(wanted.author)
        self._message = _expression(wanted.message)
        self._signatures: dict[Digest, tuple[object, ...]] = {}
        self._followed: dict[Digest, tuple[Digest, ...]] = {}
        self._touches: dict[Digest, bool] = {}

    def run(self, span: LogRange, order: Order) -> Iterator[Digest]:
        """Walk all commits that lead to those to show."""
        return self._history.walk(span.starts, span.excludes, order=order, parents=self._choose)

    def followed(self, digest: Digest) -> tuple[Digest, ...]:
        """Return the parents that were followed from a commit."""
        return self._followed.get(digest, _NOTHING)

    def shows(self, digest: Digest) -> bool:
        """Say whether a commit that was walked is to be shown."""
        if not self._touches.pop(digest, True):
            return False
        commit, wanted = self._history.commit(digest), self._wanted
        moment = commit.committed.micros
        if wanted.since is not None and moment < wanted.since:
            return False
        if wanted.until is not None and moment > wanted.until:
            return False
        if self._author and not self._author.search(f"{commit.author.name} <{commit.author.email}>"):
            return False
        return not self._message or self._message.search(commit.message) is not None

    def _choose(self, digest: Digest, commit: Commit) -> tuple[Digest, ...]:
        """Return the parents to follow, and remember whether the commit changes the paths."""
        parents = self._history.parents(digest)
        if self._wanted.first_parent:
            parents = parents[:1]
        if self._wanted.paths:
            parents = self._simplify(digest, commit, parents)
        if self._wanted.since is not None and commit.committed.micros < self._wanted.since:
            parents = _NOTHING
        self._followed[digest] = parents
        return parents

    def _simplify(self, digest: Digest, commit: Commit, parents: tuple[Digest, ...]) -> tuple[Digest, ...]:
        own = self._signature(commit.tree)
        for parent in parents:
            if self._signature(self._history.commit(parent).tree) == own:
                self._touches[digest] = False
                return (parent,)
        self._touches[digest] = bool(parents) or any(own)
        return parents

    def _signature(self, tree: Digest) -> tuple[object, ...]:
        """Return what the paths are in a tree, to be compared."""
        known = self._signatures.get(tree)
        if known is None:
            paths = self._wanted.paths
            found = find_many(self._objects, tree, paths)
            entries = [found.get(path) for path in paths]
            known = tuple(entry and (entry.kind, entry.digest) for entry in entries)
            if len(self._signatures) >= _REMEMBERED:
                self._signatures.clear()
            self._signatures[tree] = known
        return known


def _expression(text: str | None) -> re.Pattern[str] | None:
    if text is None:
        return None
    try:
        return re.compile(text, re.IGNORECASE)
    except re.error as error:
        raise InvalidInput(f"not a regular expression: {text!r}: {error}") from None
