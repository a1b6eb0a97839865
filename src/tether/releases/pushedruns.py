"""Runs of a repository as the hub tells of them: page by page and within bounds, whatever was pushed."""

from collections.abc import Sequence
from contextlib import suppress
from typing import Any, NamedTuple

import msgspec

from tether.core.digest import Digest
from tether.core.jsondoc import canonical
from tether.core.names import RUNS, path_bytes, run_ref
from tether.core.treeread import find
from tether.errors import Corrupt, InvalidInput, NotFound, TooLarge, Unsupported
from tether.mlflow.document import Document
from tether.repo.history import History
from tether.repo.repository import Repository
from tether.runs.altered import ALTERED
from tether.runs.asked import REQUEST
from tether.runs.conditions import condition
from tether.runs.journal import ENVIRONMENT, METRICS, RECORD, TRACKED, VERDICT
from tether.runs.metrics import decode_series
from tether.runs.observed import OBSERVED
from tether.runs.reading import (
    KnownRun,
    altered_of,
    asked_of,
    environment_of,
    observed_of,
    read_file,
    stored_run,
    verdict_of,
)

PAGE, LARGEST_PAGE = 100, 500
LOOKED_AT = 500
"""Runs or releases that one request looks at, whether they are listed or not."""
MOST_READ = 8 << 20
"""Bytes of records after which a page ends."""
MOST_RECORD = 4 << 20
_MOST_BESIDE = 1 << 20
_MOST_METRICS = 4 << 20
_MOST_SEARCHED = 32 << 20
_BESIDE = (ENVIRONMENT, REQUEST, VERDICT, OBSERVED, ALTERED, TRACKED)
DAMAGED = (Corrupt, NotFound, Unsupported)
"""What is said of records that are not as they must be, or not here."""


class Page(NamedTuple):
    """Some runs, and the one behind which the next page begins; None where there is none."""

    runs: list[KnownRun]
    next: str | None

    def documents(self) -> list[dict[str, Any]]:
        """Return the runs as JSON has them."""
        return [msgspec.to_builtins(run.record) for run in self.runs]


def size_at(repository: Repository, tree: Digest, path: str, most: int) -> int:
    """Return the bytes at a path of a tree, 0 where there is nothing; the entry is not believed.

    Raises:
        Corrupt: They are more than `most`.
        NotFound: The content is not here.
    """
    entry = find(repository.objects, tree, path_bytes(path))
    if entry is None:
        return 0
    size = max(entry.size, repository.contents.size(entry.digest))
    if size > most:
        hint = "read it below /files/, and look at who pushed it"
        raise Corrupt(f"{path} has {size} bytes, more than the hub reads", hint=hint)
    return size


def list_runs(repository: Repository, where: Sequence[str], after: str, limit: int) -> Page:
    """Return a page of runs, the newest first; damaged ones are left out.

    Args:
        repository: Where.
        where: Conditions that all must hold; see `tether.runs.conditions`.
        after: The id of the run before the first one; empty to begin.
        limit: How many at most; there may be fewer, even none, before the last page.

    Raises:
        InvalidInput: A condition cannot be read, or asks for a pattern.
    """
    tests = [condition(text, patterns=False) for text in where]
    refs, history = repository.root().refs, History.of(repository)
    ids = sorted((name.removeprefix(RUNS) for name in refs if name.startswith(RUNS)), reverse=True)
    if after:
        ids = [run for run in ids if run < after]
    found: list[KnownRun] = []
    read = looked = 0
    for run in ids[:LOOKED_AT]:
        looked += 1
        with suppress(*DAMAGED):
            commit = refs[RUNS + run]
            read += size_at(repository, history.commit(commit).tree, RECORD, MOST_RECORD)
            known = stored_run(repository, history, run, commit)
            if all(test(known.record) for test in tests):
                found.append(known)
        if len(found) >= limit or read >= MOST_READ:
            break
    return Page(found, ids[looked - 1] if looked < len(ids) else None)


def known_run(repository: Repository, run: str) -> KnownRun:
    """Return a run by its whole id.

    Raises:
        NotFound: There is none.
        Corrupt, Unsupported: It is damaged, or larger than what is read here.
    """
    try:
        commit = repository.root().refs.get(run_ref(run))
    except InvalidInput:
        commit = None
    if commit is None:
        raise NotFound(f"no run {run[:100]}", hint="ask for the list of runs")
    history = History.of(repository)
    size_at(repository, history.commit(commit).tree, RECORD, MOST_RECORD)
    return stored_run(repository, history, run, commit)


def told_run(repository: Repository, run: str) -> dict[str, Any]:
    """Return a run with what lies beside its record, as JSON has it; errors as for `known_run`."""
    known = known_run(repository, run)
    assert known.tree is not None
    assert known.commit is not None
    for name in _BESIDE:
        size_at(repository, known.tree, name, _MOST_BESIDE)
    parent, observed = asked_of(repository, known).parent, observed_of(repository, known)
    altered = altered_of(repository, known)
    tracked = read_file(repository, known, TRACKED)
    return {
        "commit": known.commit.hex(),
        "run": msgspec.to_builtins(known.record),
        "environment": environment_of(repository, known) or None,
        "parent": msgspec.to_builtins(parent),
        "verdict": verdict_of(repository, known),
        "observed": msgspec.to_builtins(observed),
        "altered": msgspec.to_builtins(altered),
        "mlflow": None if tracked is None else msgspec.to_builtins(Document.decode(tracked, run)),
    }


def told_metrics(repository: Repository, run: str, name: str | None) -> list[bytes]:
    """Return the series of a run, or that of one metric, each as JSON in the columns of `metrics.jsonl`.

    Only one line at a time is taken apart, which takes many times its bytes.

    Raises:
        NotFound: There is no such run, or no such metric.
        TooLarge: They are more than what one reply has.
        Corrupt: They are damaged.
    """
    known = known_run(repository, run)
    assert known.tree is not None
    limit = _MOST_METRICS if name is None else _MOST_SEARCHED
    try:
        size_at(repository, known.tree, METRICS, limit)
    except Corrupt:
        hint = f"read files/runs%2F{run}/{METRICS}" + (", or ask for one by name=" if name is None else "")
        raise TooLarge(f"the metrics of run {run} are too many for one reply", hint=hint) from None
    data = read_file(repository, known, METRICS) or b""
    lines = data.splitlines() if name is None else [_line(data, name)]
    found: dict[str, bytes] = {}
    for line in filter(None, lines):
        if len(line) > _MOST_METRICS:
            hint = f"read files/runs%2F{run}/{METRICS}"
            raise TooLarge("the metric has too many values for one reply", hint=hint)
        found |= dict.fromkeys(decode_series(line), line)
    if name is not None and name not in found:
        raise NotFound(f"run {run} has no metric {name[:250]}")
    return list(found.values())


def _line(data: bytes, name: str) -> bytes:
    """Return the line of a metric, which begins with its name in the one form that the file has."""
    begin = canonical({"name": name}).rstrip()[:-1] + b","
    start = 0 if data.startswith(begin) else data.find(b"\n" + begin) + 1
    if not start and not data.startswith(begin):
        return b""
    end = data.find(b"\n", start)
    return data[start:] if end < 0 else data[start:end]
