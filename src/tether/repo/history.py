"""The graph of commits: reading them, walking them in order, and how two of them relate.

Nothing here trusts that clocks agree. Times only decide the order in which commits are looked at, so
that work stays near the difference of two histories; answers about ancestry do not depend on them.
"""

from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from heapq import heappop, heappush
from typing import Literal, NamedTuple, TypeAlias

from tether.core.digest import Digest
from tether.core.kinds import ObjectKind, ObjectReader
from tether.core.objects import Commit
from tether.errors import NotFound
from tether.repo.operations import split_digests
from tether.repo.repository import Repository
from tether.repo.root import Root

SHALLOW_KEY = "shallow"
"""Name in `Root.extra` of the commits whose parents are not in this repository, 32 bytes each."""

DEEPEN = "run 'tether fetch --unshallow', or 'tether fetch --depth N' with more commits"
"""What to do where the history that is here ends too early."""

Order: TypeAlias = Literal["date", "topo"]
ParentsOf: TypeAlias = Callable[[Digest, Commit], tuple[Digest, ...]]

_CACHED = 8192
_LINKS = 1 << 20
_LOOKAHEAD = 32
_OLD = 1
_NEW = 2
_BOTH = _OLD | _NEW


class AheadBehind(NamedTuple):
    """How many commits each of two histories has that the other has not."""

    ahead: int
    behind: int


class History:
    """Reads the commits of one repository; keeps what it has read. Safe to use from several threads.

    Args:
        objects: Gives the commits.
        shallow: Commits whose parents are left out, because they are not here.
    """

    def __init__(self, objects: ObjectReader, shallow: Iterable[Digest] = ()) -> None:
        self._objects = objects
        self._shallow = frozenset(shallow)
        self._commits: OrderedDict[Digest, Commit] = OrderedDict()
        self._links: dict[Digest, tuple[int, tuple[Digest, ...]]] = {}

    @classmethod
    def of(cls, repository: Repository) -> "History":
        """Return the history of a repository, with the boundary that it records; what it read stays read."""
        shallow = frozenset(shallow_commits(repository.root()))
        known = repository.histories.get(shallow)
        if known is None:
            repository.histories.clear()
            known = repository.histories[shallow] = cls(repository.objects, shallow)
        return known

    def commit(self, digest: Digest) -> Commit:
        """Return one commit.

        Raises:
            NotFound: It is not here.
            Corrupt: It is damaged.
        """
        known = self._commits.get(digest)
        if known is None:
            known = self._commits[digest] = Commit.decode(self._objects.get(ObjectKind.COMMIT, digest))
            if len(self._commits) > _CACHED:
                with suppress(KeyError):  # other threads forget too
                    self._commits.popitem(last=False)
        return known

    def is_cut(self, digest: Digest) -> bool:
        """Say whether a commit has parents that are not in this repository."""
        return digest in self._shallow

    def parents(self, digest: Digest) -> tuple[Digest, ...]:
        """Return the parents of a commit that are in this repository."""
        return self._link(digest)[1]

    def time(self, digest: Digest) -> int:
        """Return when a commit was committed, in microseconds since 1970."""
        return self._link(digest)[0]

    def _link(self, digest: Digest) -> tuple[int, tuple[Digest, ...]]:
        link = self._links.get(digest)
        if link is None:
            commit = self.commit(digest)
            parents = () if digest in self._shallow else commit.parents
            if len(self._links) >= _LINKS:
                self._links.clear()
            link = self._links[digest] = (commit.committed.micros, parents)
        return link

    # -- how two commits relate -------------------------------------------------------------

    def merge_bases(self, ours: Digest, theirs: Digest) -> list[Digest]:
        """Return the best common ancestors: those that no other common ancestor descends from, newest first.

        Several for histories that crossed; none for those with nothing in common. The work is
        proportional to what the two do not share.

        Raises:
            NotFound: The history that is here ends before one is found.
        """
        if ours == theirs:
            return [ours]
        paint = _Paint(self, [ours], [theirs])
        paint.run()
        found = sorted(paint.meetings(), key=self.time, reverse=True)
        cut = next((digest for digest in paint.marks if digest in self._shallow), None)
        if cut is not None and not found:
            raise NotFound(
                f"where the two histories parted is not here: history is cut at {cut.hex()[:12]}",
                hint=DEEPEN,
            )
        return [base for base in found if not any(self._below(base, other) for other in found)]

    def _below(self, ancestor: Digest, descendant: Digest) -> bool:
        return ancestor != descendant and self.is_ancestor(ancestor, descendant)

    def is_ancestor(self, ancestor: Digest, descendant: Digest) -> bool:
        """Say whether `descendant` is `ancestor` or comes after it."""
        if ancestor == descendant:
            return True
        paint = _Paint(self, [ancestor], [descendant])
        paint.run(until=ancestor)
        return paint.marks[ancestor] == _BOTH

    def ahead_behind(self, ours: Digest, theirs: Digest) -> AheadBehind:
        """Return how many commits only `ours` has, and how many only `theirs`."""
        if ours == theirs:
            return AheadBehind(0, 0)
        paint = _Paint(self, [theirs], [ours])
        paint.run()
        paint.settle()
        marks = list(paint.marks.values())
        return AheadBehind(marks.count(_NEW), marks.count(_OLD))

    def between(self, excludes: Iterable[Digest], starts: Iterable[Digest]) -> set[Digest]:
        """Return the commits that are reached from `starts` and not from `excludes`."""
        paint = _Paint(self, excludes, starts)
        paint.run()
        paint.settle()
        return {digest for digest, mark in paint.marks.items() if mark == _NEW}

    def ancestors(self, starts: Iterable[Digest]) -> Iterator[Digest]:
        """Yield the commits and everything before them, each once, newest first by time alone."""
        seen: set[Digest] = set()
        heap: list[tuple[int, Digest]] = []
        for start in starts:
            _push(heap, seen, self.time(start), start)
        while heap:
            digest = heappop(heap)[1]
            yield digest
            for parent in self.parents(digest):
                _push(heap, seen, self.time(parent), parent)

    def walk(
        self,
        starts: Iterable[Digest],
        excludes: Iterable[Digest] = (),
        *,
        order: Order = "date",
        parents: ParentsOf | None = None,
    ) -> Iterator[Digest]:
        """Yield commits from the newest to the oldest, no parent before its child.

        By date, commits are read as they are asked for, with a look-ahead of a few dozen where lines
        run side by side: a clock may be wrong by as many commits before the order suffers.
        The order `topo` reads everything first and keeps the commits of a line together.

        Args:
            starts: Where to begin.
            excludes: Leave out these and everything before them.
            order: How lines that run side by side are mixed.
            parents: Says which parents to follow; all where it is None.
        """
        excluded = list(excludes)
        begin = list(dict.fromkeys(starts))
        members = self.between(excluded, begin) if excluded else None
        walk = _Walk(self, members, parents)
        for start in begin:
            walk.discover(start)
        return walk.by_line() if order == "topo" else walk.by_date()


def shallow_commits(root: Root) -> tuple[Digest, ...]:
    """Return the commits whose parents are not in the repository of this root."""
    return shallow_in(root.extra)


def shallow_in(extra: Iterable[tuple[str, bytes]]) -> tuple[Digest, ...]:
    """Return the commits whose parents are not in a repository whose root has this `extra`."""
    return next((split_digests(value) for key, value in extra if key == SHALLOW_KEY), ())


def with_shallow(root: Root, commits: Iterable[Digest]) -> tuple[tuple[str, bytes], ...]:
    """Return `Root.extra` with more commits whose parents are not here."""
    boundary = sorted({*shallow_commits(root), *commits})
    rest = [(key, value) for key, value in root.extra if key != SHALLOW_KEY]
    return tuple(sorted([*rest, (SHALLOW_KEY, b"".join(boundary))] if boundary else rest))


def newest(history: History, starts: Iterable[Digest], depth: int) -> list[Digest]:
    """Return the commits that are at most `depth` steps down from some commits, which are the first step."""
    level, found = dict.fromkeys(starts), dict[Digest, None]()
    for _ in range(depth):
        found.update(level)
        below = dict.fromkeys(parent for digest in level for parent in history.parents(digest))
        level = {digest: None for digest in below if digest not in found}
        if not level:
            break
    return list(found)


def shallow_value(commits: Iterable[Digest]) -> bytes | None:
    """Return the value in `Root.extra` for a boundary; None where there is none."""
    return b"".join(sorted(set(commits))) or None


def _push(heap: list[tuple[int, Digest]], seen: set[Digest], time: int, digest: Digest) -> None:
    if digest not in seen:
        seen.add(digest)
        heappush(heap, (-time, digest))


class _Paint:
    """Marks commits as reached from one side, from the other or from both, newest first.

    A mark that comes late, because a clock was wrong, is carried on through what was visited before.
    """

    def __init__(self, history: History, old: Iterable[Digest], new: Iterable[Digest]) -> None:
        self._history = history
        self.marks: dict[Digest, int] = {}
        self._met: dict[Digest, None] = {}
        self._passed: set[Digest] = set()
        self._heap: list[tuple[int, Digest]] = []
        self._queued: set[Digest] = set()
        self._open = 0
        for mark, starts in ((_OLD, old), (_NEW, new)):
            for start in starts:
                self._mark(start, mark)

    def run(self, until: Digest | None = None) -> None:
        """Go on while a commit waits that only one side has reached, or until both have reached `until`."""
        while self._open and (until is None or self.marks[until] != _BOTH):
            self._step()

    def settle(self) -> None:
        """Carry marks of both sides on as far as commits of one side are found, and a little further."""
        oldest = min((self._history.time(d) for d, mark in self.marks.items() if mark != _BOTH), default=None)
        left = _LOOKAHEAD
        while oldest is not None and self._heap and left:
            if -self._heap[0][0] < oldest:
                left -= 1
            self._step()

    def meetings(self) -> list[Digest]:
        """Return the common commits that were first reached as such, not through another common commit."""
        return [digest for digest in self._met if digest not in self._passed]

    def _step(self) -> None:
        digest = heappop(self._heap)[1]
        self._queued.discard(digest)
        mark = self.marks[digest]
        if mark != _BOTH:
            self._open -= 1
        for parent in self._history.parents(digest):
            if mark == _BOTH:
                self._passed.add(parent)
            self._mark(parent, mark)

    def _mark(self, digest: Digest, mark: int) -> None:
        before = self.marks.get(digest, 0)
        after = before | mark
        if after == before:
            return
        self.marks[digest] = after
        if after == _BOTH:
            self._met[digest] = None
        if digest in self._queued:
            self._open -= after == _BOTH
            return
        self._queued.add(digest)
        heappush(self._heap, (-self._history.time(digest), digest))
        self._open += after != _BOTH


class _Walk:
    """What a walk has found, what of it has been looked into, and what may be given next."""

    def __init__(self, history: History, members: set[Digest] | None, parents: ParentsOf | None) -> None:
        self._history, self._members, self._choose = history, members, parents
        self._found: set[Digest] = set()
        self._given: set[Digest] = set()
        self._children: dict[Digest, int] = {}
        """Children that have been found and not yet given."""
        self._links: dict[Digest, tuple[Digest, ...]] = {}
        """Parents of what has been looked into and not yet given."""
        self._frontier: list[tuple[int, int, Digest]] = []
        self._ready: list[tuple[int, int, Digest]] = []
        self._waiting = 0
        """Found and not yet looked into."""

    def discover(self, digest: Digest) -> None:
        """Note a commit that belongs to the walk."""
        if digest in self._found or (self._members is not None and digest not in self._members):
            return
        row = (-self._history.time(digest), len(self._found), digest)
        self._found.add(digest)
        self._waiting += 1
        heappush(self._frontier, row)
        heappush(self._ready, row)

    def by_date(self) -> Iterator[Digest]:
        """Yield lazily, the newest first."""
        while self._ready:
            digest = self._ready[0][2]
            if digest in self._given or self._children.get(digest):
                heappop(self._ready)  # it comes back when its last child has been given
            elif self._waiting > (digest not in self._links) and len(self._links) < _LOOKAHEAD:
                self._look_ahead()
            else:
                heappop(self._ready)
                yield self._give(digest)

    def by_line(self) -> Iterator[Digest]:
        """Read everything, then yield a line of history to its end before the next one."""
        while self._waiting:
            self._look_ahead()
        stack = [row[2] for row in sorted(self._ready, reverse=True) if not self._children.get(row[2])]
        while stack:
            digest = stack.pop()
            stack += [parent for parent in self._links[digest] if self._release(parent)]
            yield digest

    def _look_ahead(self) -> None:
        """Look into the newest commit that has not been looked into."""
        digest = heappop(self._frontier)[2]
        if digest not in self._links and digest not in self._given:
            self._expand(digest)

    def _give(self, digest: Digest) -> Digest:
        if digest not in self._links:
            self._expand(digest)
        self._given.add(digest)
        for parent in self._links.pop(digest):
            if self._release(parent):
                heappush(self._ready, (-self._history.time(parent), len(self._found), parent))
        return digest

    def _release(self, parent: Digest) -> bool:
        self._children[parent] -= 1
        return self._children[parent] == 0 and parent not in self._given

    def _expand(self, digest: Digest) -> None:
        history = self._history
        links = history.parents(digest)
        if self._choose is not None:
            chosen = self._choose(digest, history.commit(digest))
            links = tuple(parent for parent in chosen if parent in links)
        if self._members is not None:
            links = tuple(parent for parent in links if parent in self._members)
        self._links[digest] = links = tuple(dict.fromkeys(links))
        self._waiting -= 1
        for parent in links:
            self._children[parent] = self._children.get(parent, 0) + 1
            self.discover(parent)
