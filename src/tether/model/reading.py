"""Runs of a repository, as they were stored or as far as they came."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from tether.core.digest import Digest
from tether.core.names import RUNS, path_bytes
from tether.core.tree import Entry
from tether.core.treeread import find, find_many
from tether.errors import Corrupt, InvalidInput, NotFound, TetherError
from tether.model.journal import ENVIRONMENT, METRICS, PATCH, RECORD, Journal, journals
from tether.model.metrics import Series, decode_series
from tether.model.rundoc import RunRecord, Status
from tether.repo.history import History
from tether.repo.repository import Repository

_MOST_RECORD = 64 << 20
_MOST_FILE = 1 << 30
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
    history = History.of(repository)
    for run in sorted({*stored, *waiting}, reverse=True):
        try:
            found = stored_run(repository, history, run, stored[run]) if run in stored else None
            found = found or under_way(waiting[run])
        except NotFound:  # it was under way and was stored in this moment
            continue
        except TetherError as error:
            if problems is None:
                raise
            problems.append(error)
            continue
        yield found


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


def under_way(journal: Journal) -> KnownRun:
    """Return a run as its journal has it: running, or lost where its process is gone."""
    alive, record = journal.is_alive, journal.record()
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
    except (msgspec.MsgspecError, UnicodeDecodeError):
        found = None
    if not isinstance(found, dict):
        raise Corrupt(f"the environment of run {run.id} is damaged")
    return found


def patch_of(repository: Repository, run: KnownRun) -> bytes:
    """Return how the code differed from its commit."""
    return read_file(repository, run, PATCH) or b""


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
