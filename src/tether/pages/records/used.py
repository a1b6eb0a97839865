"""Which runs and releases read what a page shows: known by content, from what their records name as wholes.

What a record says of its inputs never changes, so it is read once and remembered. A file that lies below an
input of another place is not looked for in it: 'tether lineage --uses' does that.
"""

from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass, field
from threading import Lock
from typing import NamedTuple

from tether.core.digest import Digest
from tether.core.names import RELEASES, RUNS
from tether.core.treeread import find
from tether.errors import TetherError
from tether.pages.records.onerelease import release_page
from tether.pages.revisions import Place
from tether.pages.shelf import Shown
from tether.releases.manifest import MANIFEST
from tether.releases.pushedruns import MOST_RECORD, size_at
from tether.releases.reading import stored_release
from tether.repo.history import History
from tether.runs.journal import RECORD
from tether.runs.reading import stored_run

LOOKED_AT = 200
"""Runs, the newest, and releases, the first by name, that one page asks about; it tells if there are more."""
NAMED = 5
"""Runs, and releases, that one page names; the others are counted."""
_REMEMBERED = 20_000
_MOST_INPUTS = 200


class _Read(NamedTuple):
    """What a run or release read: digests and commits as text, and what it is called."""

    title: str
    digests: frozenset[str]
    commits: frozenset[str]


@dataclass(frozen=True, slots=True)
class Used:
    """Who used something: titles with their pages, at most `NAMED` of each.

    Attributes:
        runs: The newest first.
        releases: By name.
        more_runs: Runs that are not named.
        more_releases: Releases that are not named.
        partial: How many of each were asked about, where there are more; 0: all were.
    """

    runs: list[tuple[str, str]] = field(default_factory=list)
    releases: list[tuple[str, str]] = field(default_factory=list)
    more_runs: int = 0
    more_releases: int = 0
    partial: int = 0

    def __bool__(self) -> bool:
        return bool(self.runs or self.releases or self.partial)


class _Remembered:
    """What was read of commits of runs and releases."""

    def __init__(self) -> None:
        self._known: OrderedDict[Digest, _Read | None] = OrderedDict()
        self._lock = Lock()

    def of(self, shown: Shown, history: History, ref: str, commit: Digest) -> _Read | None:
        with self._lock:
            if commit in self._known:
                return self._known[commit]
        try:
            found = (_of_run if ref.startswith(RUNS) else _of_release)(shown, history, ref, commit)
        except (TetherError, RecursionError):  # a damaged one used nothing that we can tell
            found = None
        with self._lock:
            self._known[commit] = found
            while len(self._known) > _REMEMBERED:
                self._known.popitem(last=False)
        return found


def _of_run(shown: Shown, history: History, ref: str, commit: Digest) -> _Read:
    size_at(shown.repository, history.commit(commit).tree, RECORD, MOST_RECORD)
    record = stored_run(shown.repository, history, ref.removeprefix(RUNS), commit).record
    data, work = record.data[:_MOST_INPUTS], record.work
    digests = {each.digest for each in data} | ({work.digest} if work is not None else set())
    commits = {each.commit for each in data} | {work.commit if work is not None else None}
    return _Read(record.name or record.id, frozenset(digests), frozenset(filter(None, commits)))


def _of_release(shown: Shown, history: History, ref: str, commit: Digest) -> _Read:
    size_at(shown.repository, history.commit(commit).tree, MANIFEST, MOST_RECORD)
    label = ref.removeprefix(RELEASES).replace("/", "@", 1)
    parts = stored_release(shown.repository, history, label, commit).manifest.data[:_MOST_INPUTS]
    commits = {each.source.commit for each in parts if each.source is not None and each.source.repo is None}
    return _Read(label, frozenset(each.digest for each in parts), frozenset(filter(None, commits)))


_READ = _Remembered()


def used_at(shown: Shown, place: Place) -> Used:
    """Return who read what is at a place, or a folder of this revision in which it lies."""
    digests = {place.entry.digest.hex(), place.commit.tree.hex()}
    objects, tree = shown.repository.objects, place.commit.tree
    for _, path in place.parts[:-1][:32]:
        entry = find(objects, tree, path)
        if entry is not None:
            digests.add(entry.digest.hex())
    return _used(shown, digests, set())


def used_commit(shown: Shown, commit: Digest) -> Used:
    """Return who read a version: the commit by name, or its whole tree by content."""
    tree = History.of(shown.repository).commit(commit).tree
    return _used(shown, {tree.hex()}, {commit.hex()})


def _used(shown: Shown, digests: set[str], commits: set[str]) -> Used:
    refs, history = shown.repository.root().refs, History.of(shown.repository)
    runs = sorted((ref for ref in refs if ref.startswith(RUNS)), reverse=True)
    releases = sorted(ref for ref in refs if ref.startswith(RELEASES))

    def fitting(names: Iterable[str]) -> list[tuple[str, str]]:
        found = []
        for ref in names:
            read = _READ.of(shown, history, ref, refs[ref])
            if read is not None and (digests & read.digests or commits & read.commits):
                found.append((read.title, _page(shown, ref, read.title)))
        return found

    by_runs, by_releases = fitting(runs[:LOOKED_AT]), fitting(releases[:LOOKED_AT])
    return Used(
        by_runs[:NAMED],
        by_releases[:NAMED],
        max(len(by_runs) - NAMED, 0),
        max(len(by_releases) - NAMED, 0),
        LOOKED_AT if len(runs) > LOOKED_AT or len(releases) > LOOKED_AT else 0,
    )


def _page(shown: Shown, ref: str, title: str) -> str:
    return (
        f"{shown.base}/runs/{ref.removeprefix(RUNS)}" if ref.startswith(RUNS) else release_page(shown, title)
    )
