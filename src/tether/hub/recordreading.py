"""Reads the runs and releases of several repositories of a hub, as many as one request may.

Whoever may push writes any record, so sizes of contents are looked at before these are read.
"""

import logging
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import closing

import msgspec

from tether.core.digest import Digest
from tether.core.names import RELEASES, RUNS, display
from tether.core.treeread import find_many
from tether.errors import Corrupt, TetherError
from tether.hub.hub import Hub
from tether.hub.nearby import Nearby
from tether.hub.repositories import open_repository
from tether.releases.lineage import Records, TracedRun, traced_run
from tether.releases.manifest import MANIFEST
from tether.releases.pushedruns import MOST_RECORD
from tether.releases.reading import KnownRelease, stored_release
from tether.repo.history import History
from tether.repo.repository import Repository
from tether.runs.asked import REQUEST
from tether.runs.journal import RECORD, VERDICT
from tether.runs.observed import OBSERVED
from tether.runs.reading import KnownRun, stored_run

_logger = logging.getLogger("tether.hub")
MOST_RECORDS = 3000
"""Runs and releases that one request reads."""
MOST_BYTES = 16 << 20
"""Bytes of records after which no more are read."""
_MOST_BESIDE = 1 << 20
_OF_RELEASES = {MANIFEST.encode(): MOST_RECORD}
_OF_RUNS = {RECORD.encode(): MOST_RECORD} | dict.fromkeys(
    (REQUEST.encode(), VERDICT.encode(), OBSERVED.encode()), _MOST_BESIDE
)
"""Files that are read, and how large they may be."""
_MOST_PROBLEMS = 20


class Reading:
    """Reads records until there are no more, or enough.

    Args:
        hub: Has the repositories.
        nearby: Those that may be read.

    Attributes:
        looked_at: How many `repositories`, `runs` and `releases`.
        problems: What could not be read, the first of it.
        complete: Whether nothing was left out.
    """

    def __init__(self, hub: Hub, nearby: Nearby) -> None:
        self._hub, self.nearby = hub, nearby
        self.looked_at: Counter[str] = Counter(repositories=0, runs=0, releases=0)
        self.problems: list[str] = []
        self.complete = nearby.complete
        self._bytes = 0

    def opened(self) -> Iterator[tuple[str, Repository]]:
        """Yield the repositories with their names, the nearest first, as long as more may be read."""
        for row in self.nearby.rows:
            if self.is_over:
                return
            try:
                repository = open_repository(self._hub, row)
            except TetherError:  # deleted at this moment, or lost
                self.complete = False
                continue
            self.looked_at["repositories"] += 1
            with closing(repository):
                yield row.full_name, repository

    @property
    def is_over(self) -> bool:
        """Whether so much was read that no more may be; then what there is is not all."""
        over = self.looked_at["runs"] + self.looked_at["releases"] >= MOST_RECORDS
        if over or self._bytes >= MOST_BYTES:
            self.complete = False
            return True
        return False

    def note(self, where: str, error: Exception) -> None:
        """Note what could not be read; of storage that fails only the log has more."""
        if len(self.problems) >= _MOST_PROBLEMS:
            return
        if isinstance(error, TetherError) and error.of_storage:
            _logger.warning("records of %s cannot be read: %s", where, error)
            self.problems.append(f"{where}: the hub cannot use its storage now")
        else:
            self.problems.append(f"{where}: {error}")

    def weigh(self, repository: Repository, history: History, ref: str, commit: Digest) -> None:
        """Count a record, and refuse one that is larger than what is read here.

        Raises:
            Corrupt: It is.
        """
        limits = _OF_RELEASES if ref.startswith(RELEASES) else _OF_RUNS
        self.looked_at["releases" if limits is _OF_RELEASES else "runs"] += 1
        entries = find_many(repository.objects, history.commit(commit).tree, list(limits))
        for path, entry in entries.items():
            size = max(entry.size, repository.contents.size(entry.digest))
            if size > limits[path]:
                name = ref.removeprefix(RELEASES).removeprefix(RUNS)
                raise Corrupt(f"{display(path)} of {name} has {size} bytes, more than the hub reads")
            self._bytes += size

    def records(self, first: str = "") -> list[Records]:
        """Return the runs and releases of the repositories.

        Args:
            first: The id of a run of the first repository, which is read before all others.
        """
        found: list[Records] = []
        for where, repository in self.opened():
            found.append(self._records_of(where, repository, "" if found else first))
        return found

    def _records_of(self, where: str, repository: Repository, first: str) -> Records:
        refs, history = repository.root().refs, History.of(repository)
        runs: list[TracedRun] = []
        releases: list[tuple[int, KnownRelease]] = []
        for ref in _ordered(refs, first):
            if self.is_over:
                break
            commit = refs[ref]
            try:
                self.weigh(repository, history, ref, commit)
                if ref.startswith(RUNS):
                    run = stored_run(repository, history, ref.removeprefix(RUNS), commit)
                    runs.append(traced_run(repository, _slim(run)))
                else:
                    label = ref.removeprefix(RELEASES).replace("/", "@", 1)
                    made = history.commit(commit).committed.micros
                    releases.append((made, stored_release(repository, history, label, commit)))
            except (TetherError, RecursionError) as error:
                self.note(where, error)
        runs.sort(key=lambda each: each.run.id)
        releases.sort(key=lambda each: (each[1].manifest.name, each[0], each[1].label))
        return Records(where, runs, [release for _, release in releases])


def _ordered(refs: Mapping[str, Digest], first: str) -> list[str]:
    """Return the refs of releases, and then those of runs, the newest first."""
    runs = sorted((ref for ref in refs if ref.startswith(RUNS)), reverse=True)
    before = [RUNS + first] if RUNS + first in refs else []
    releases = sorted(ref for ref in refs if ref.startswith(RELEASES))
    return list(dict.fromkeys([*before, *releases, *runs]))


def _slim(run: KnownRun) -> KnownRun:
    """Return a run without what no lineage tells of, which can be most of it."""
    record = msgspec.structs.replace(run.record, command=(), parameters={}, seeds={}, metrics={}, output={})
    return KnownRun(record, run.tree, run.commit)
