"""Which runs and releases had what a page shows, and what for: by content, from what records name as wholes.

What a record says of its inputs never changes, so it is read once and remembered. A file that lies below an
input of another place is not looked for in it: 'tether lineage --uses' does that.
"""

from collections import OrderedDict
from collections.abc import Iterable, Mapping
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
from tether.releases.uses import WORKING_COPY, How, how_of, role_of_part
from tether.repo.history import History
from tether.runs.journal import RECORD
from tether.runs.purposes import role_of_input
from tether.runs.reading import stored_run

LOOKED_AT = 200
"""Runs, the newest, and releases, the first by name, that one page asks about; it tells if there are more."""
NAMED = 5
"""Runs, and releases, that one page names; the others are counted."""
_REMEMBERED = 20_000
_MOST_INPUTS = 200


class _Read(NamedTuple):
    """What a run or release had: digests and commits as text, by what it did with them."""

    title: str
    had: Mapping[How, frozenset[str]]


class Named(NamedTuple):
    """Some who did one thing: titles with their pages, at most `NAMED` of each."""

    words: str
    """What they did."""
    runs: list[tuple[str, str]]
    """The newest first."""
    releases: list[tuple[str, str]]
    """By name."""
    more_runs: int
    more_releases: int


@dataclass(frozen=True, slots=True)
class Used:
    """Who had something.

    Attributes:
        groups: By what they did with it; those whom nobody belongs to are left out.
        partial: How many of each were asked about, where there are more; 0: all were.
    """

    groups: list[Named] = field(default_factory=list)
    partial: int = 0

    def __bool__(self) -> bool:
        return bool(self.groups or self.partial)


_WORDS: Mapping[How, str] = {
    "trained": "Trained on it:",
    "judged": "Judged with it, and not trained on it:",
    "there": "In the working copy, not known to be read, of",
}


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
    roles = [(role_of_input(record, each.name), each) for each in record.data[:_MOST_INPUTS]]
    had: list[tuple[str, str | None]] = [
        (role, key) for role, each in roles for key in (each.digest, each.commit)
    ]
    if record.work is not None:
        had += [(WORKING_COPY, key) for key in (record.work.digest, record.work.commit)]
    return _Read(record.name or record.id, _by_what_was_done(had))


def _of_release(shown: Shown, history: History, ref: str, commit: Digest) -> _Read:
    size_at(shown.repository, history.commit(commit).tree, MANIFEST, MOST_RECORD)
    label = ref.removeprefix(RELEASES).replace("/", "@", 1)
    parts = stored_release(shown.repository, history, label, commit).manifest.data[:_MOST_INPUTS]
    had = [(role_of_part(each), each.digest) for each in parts]
    sources = [(role_of_part(each), each.source) for each in parts]
    had += [(role, source.commit or "") for role, source in sources if source is not None and not source.repo]
    return _Read(label, _by_what_was_done(had))


def _by_what_was_done(had: Iterable[tuple[str, str | None]]) -> Mapping[How, frozenset[str]]:
    found: dict[How, set[str]] = {}
    for role, key in had:
        if key:
            found.setdefault(how_of((role,)), set()).add(key)
    return {how: frozenset(keys) for how, keys in found.items()}


_READ = _Remembered()


def used_at(shown: Shown, place: Place) -> Used:
    """Return who had what is at a place, or a folder of this revision in which it lies."""
    digests = {place.entry.digest.hex(), place.commit.tree.hex()}
    objects, tree = shown.repository.objects, place.commit.tree
    for _, path in place.parts[:-1][:32]:
        entry = find(objects, tree, path)
        if entry is not None:
            digests.add(entry.digest.hex())
    return _used(shown, digests)


def used_commit(shown: Shown, commit: Digest) -> Used:
    """Return who had a version or a part of it: the commit by name, or its whole tree by content."""
    tree = History.of(shown.repository).commit(commit).tree
    return _used(shown, {tree.hex(), commit.hex()})


def _used(shown: Shown, wanted: set[str]) -> Used:
    refs, history = shown.repository.root().refs, History.of(shown.repository)
    runs = sorted((ref for ref in refs if ref.startswith(RUNS)), reverse=True)
    releases = sorted(ref for ref in refs if ref.startswith(RELEASES))

    def fitting(names: Iterable[str]) -> dict[How, list[tuple[str, str]]]:
        found: dict[How, list[tuple[str, str]]] = {how: [] for how in _WORDS}
        for ref in names:
            read = _READ.of(shown, history, ref, refs[ref])
            how = next(
                (how for how in _WORDS if read is not None and wanted & read.had.get(how, set())), None
            )
            if read is not None and how is not None:
                found[how].append((read.title, _page(shown, ref, read.title)))
        return found

    by_runs, by_releases = fitting(runs[:LOOKED_AT]), fitting(releases[:LOOKED_AT])
    groups = [
        Named(
            words,
            by_runs[how][:NAMED],
            by_releases[how][:NAMED],
            max(len(by_runs[how]) - NAMED, 0),
            max(len(by_releases[how]) - NAMED, 0),
        )
        for how, words in _WORDS.items()
        if by_runs[how] or by_releases[how]
    ]
    return Used(groups, LOOKED_AT if len(runs) > LOOKED_AT or len(releases) > LOOKED_AT else 0)


def _page(shown: Shown, ref: str, title: str) -> str:
    return (
        f"{shown.base}/runs/{ref.removeprefix(RUNS)}" if ref.startswith(RUNS) else release_page(shown, title)
    )
