"""Runs of a repository, as they were stored or as far as they came."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from tether.core.batches import batches
from tether.core.digest import Digest
from tether.core.names import RUNS, path_bytes
from tether.core.tree import Entry
from tether.core.treeread import find, find_many
from tether.errors import Corrupt, InvalidInput, NotFound, TetherError
from tether.repo.history import History
from tether.repo.repository import Repository
from tether.runs.altered import ALTERED, Altered
from tether.runs.asked import REQUEST, Asked
from tether.runs.journal import ENVIRONMENT, METRICS, PATCH, RECORD, VERDICT, Journal, journals
from tether.runs.metrics import Series, decode_series
from tether.runs.observed import OBSERVED, Observed
from tether.runs.rundoc import RunRecord, Status

_MOST_RECORD = 64 << 20
_MOST_FILE = 1 << 30
_TOGETHER = 256
"""Runs whose records a partial clone brings in one go."""
_MIN_PART = 4
LAST = "last"


@dataclass(frozen=True, slots=True)
class KnownRun:
    """One run of a repository.

    Attributes:
        record: What is known of it.
        tree: Its tree; None for one that is not stored yet.
        commit: What its ref names; None as for the tree.
        journal: Where it is written while it is under way.
    """

    record: RunRecord
    tree: Digest | None = None
    commit: Digest | None = None
    journal: Journal | None = None

    def __repr__(self) -> str:
        return f"KnownRun({self.id!r}, name={self.record.name!r}, status={str(self.record.status)!r})"

    @property
    def id(self) -> str:
        """Its id."""
        return self.record.id


def runs_of(repository: Repository, problems: list[TetherError] | None = None) -> Iterator[KnownRun]:
    """Yield the runs of a repository, the newest first.

    Args:
        repository: Where.
        problems: Takes what is wrong with runs that cannot be read, which are left out; None raises it.

    Raises:
        Corrupt: One is damaged.
        Unsupported: One was written by a newer Tether.
    """
    refs = repository.root().refs
    waiting = {journal.id: journal for journal in journals(repository.directory) if journal.is_told}
    stored = {name.removeprefix(RUNS): digest for name, digest in refs.items() if name.startswith(RUNS)}
    for some in batches(sorted({*stored, *waiting}, reverse=True), _TOGETHER):
        history = History.of(repository)
        _prepare(repository, history, [stored[run] for run in some if run in stored])
        for run in some:
            try:
                if run in stored:
                    yield stored_run(repository, history, run, stored[run])
                elif (found := under_way(waiting[run])) is not None:
                    yield found
            except TetherError as error:
                if problems is None:
                    raise
                problems.append(error)


def _prepare(repository: Repository, history: History, commits: Sequence[Digest]) -> None:
    """Bring the records of runs that a partial clone has left at its remote, in one go."""
    if not repository.contents.is_partial:
        return
    trees = [history.commit(commit).tree for commit in commits]
    entries = [find(repository.objects, tree, RECORD.encode()) for tree in trees]
    repository.contents.prepare([each.digest for each in entries if each and each.size <= _MOST_RECORD])


def stored_run(repository: Repository, history: History, run: str, commit: Digest) -> KnownRun:
    """Return the run that a commit is of.

    Raises:
        Corrupt: It is no run, or damaged, or another run.
    """
    tree = history.commit(commit).tree
    entry = find(repository.objects, tree, RECORD.encode())
    if entry is None or entry.size > _MOST_RECORD:
        raise Corrupt(f"run {run} has no {RECORD}", hint="somebody pushed it as it is")
    record = RunRecord.decode(repository.contents.read(entry.digest), run)
    if record.id != run:
        raise Corrupt(f"run {run} says that it is another one", hint="somebody pushed it as it is")
    return KnownRun(record, tree, commit)


def under_way(journal: Journal) -> KnownRun | None:
    """Return a run as its journal has it: running, or lost where nobody is at it; None if it was stored."""
    alive = journal.is_alive
    try:
        record = journal.record()
    except NotFound:
        return None
    metrics = journal.metrics()
    status = Status.RUNNING if alive else Status.LOST
    seen = msgspec.structs.replace(
        record, status=status, metrics=metrics.summaries(), bad_lines=metrics.bad_lines
    )
    return KnownRun(seen, journal=journal)


def find_run(repository: Repository, text: str) -> KnownRun:
    """Return the run that a user means: an id, its beginning or end, a name, or `last`.

    Raises:
        NotFound: There is none.
        InvalidInput: It can be several.
    """
    text = text.removeprefix(RUNS).removeprefix("runs/")
    refs = repository.root().refs
    if RUNS + text in refs:
        return stored_run(repository, History.of(repository), text, refs[RUNS + text])
    found = list(runs_of(repository, []))
    if text == LAST and found:
        return found[0]
    fits = [run for run in found if run.record.name == text][:1]
    if not fits and len(text) >= _MIN_PART:
        fits = [run for run in found if run.id.startswith(text) or run.id.endswith(text)]
    if len(fits) > 1:
        shown = ", ".join(run.id for run in fits[:4])
        raise InvalidInput(f"{text} can be {len(fits)} runs", hint=f"write more of the id: {shown}")
    if not fits:
        raise NotFound(f"no run {text}", hint="'tether runs list' lists them")
    return fits[0]


def series_of(repository: Repository, run: KnownRun) -> Mapping[str, Series]:
    """Return the metrics of a run.

    Raises:
        Corrupt: They are damaged.
    """
    if run.journal is not None:
        return run.journal.metrics().series
    data = read_file(repository, run, METRICS)
    return {} if data is None else decode_series(data)


def environment_of(repository: Repository, run: KnownRun) -> dict[str, Any]:
    """Return what a run ran on; empty where that is not known."""
    data = read_file(repository, run, ENVIRONMENT)
    try:
        found = msgspec.json.decode(data or b"{}")
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise Corrupt(f"the environment of run {run.id} is damaged")
    return found


def patch_of(repository: Repository, run: KnownRun) -> bytes:
    """Return how the code differed from its commit."""
    return read_file(repository, run, PATCH) or b""


def asked_of(repository: Repository, run: KnownRun) -> Asked:
    """Return what was asked for when a run began; for older ones, what the record makes likely."""
    data = read_file(repository, run, REQUEST)
    if data is not None:
        return Asked.decode(data)
    record = run.record
    return Asked(parameters=tuple(record.parameters), artefacts=tuple(each.path for each in record.artefacts))


def observed_of(repository: Repository, run: KnownRun) -> Observed | None:
    """Return what the command of a run opened; None where that was not seen."""
    data = read_file(repository, run, OBSERVED)
    return None if data is None else Observed.decode(data)


def altered_of(repository: Repository, run: KnownRun) -> Altered | None:
    """Return what of its data somebody wrote to while a run read it; None where nothing was found."""
    data = read_file(repository, run, ALTERED)
    return None if data is None else Altered.decode(data)


def verdict_of(repository: Repository, run: KnownRun) -> str | None:
    """Return how a run compared with the one that it reproduces; None where it reproduces none.

    Raises:
        Corrupt: What is there is no verdict.
    """
    data = read_file(repository, run, VERDICT)
    if data is None:
        return None
    try:
        return msgspec.json.decode(data, type=_Verdict).verdict
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise Corrupt(f"the verdict of run {run.id} is damaged: {error}") from None


class _Verdict(msgspec.Struct):
    verdict: str


def read_file(repository: Repository, run: KnownRun, path: str) -> bytes | None:
    """Return a file of a run, or None where it has none."""
    if run.tree is None:
        return run.journal.read(path) if run.journal is not None else None
    entry = find(repository.objects, run.tree, path_bytes(path))
    if entry is not None and entry.size > _MOST_FILE:
        raise Corrupt(f"{path} of run {run.id} is larger than any that is written")
    return None if entry is None else repository.contents.read(entry.digest)


def entries_of(repository: Repository, run: KnownRun, paths: list[bytes]) -> Mapping[bytes, Entry]:
    """Return what is at some paths of a run."""
    return {} if run.tree is None else find_many(repository.objects, run.tree, paths)
