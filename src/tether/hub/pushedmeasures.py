"""Evaluations and benches as the hub tells of them: the documents that runs have among their artefacts."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, TypeVar

import msgspec

from tether.bench.comparing import BenchDiff, Latencies, compare_benches, diff_document
from tether.bench.record import DOCUMENT, LATENCIES, Bench, decode_latencies
from tether.core.names import path_bytes
from tether.core.treeread import find
from tether.errors import Conflict, Corrupt, InvalidInput, NotFound
from tether.evals.evaldoc import FILE, Evaluation
from tether.pages.tables.engine import measure_columns
from tether.releases.pushedruns import known_run, size_at
from tether.repo.repository import Repository
from tether.runs.reading import read_file

T = TypeVar("T")
_ARTEFACTS = "artefacts/"
_MOST_MEASURED = 4 << 20
MOST_LATENCIES, MOST_SECTIONS = 200_000, 30
"""Queries, each as often as a section has it, and sections of a bench of which intervals are computed."""
_MOST_LATENCY_BYTES = 16 << 20
_COLUMNS = ("scenario", "batch", "due_ns", "end_ns")
_LARGEST = 1 << 62


def told_evaluation(repository: Repository, run: str) -> dict[str, Any]:
    """Return `eval.json` of a run; nothing in it was computed again.

    Raises:
        NotFound: There is no such run, or it is no evaluation.
        Corrupt, Unsupported: It is damaged, or larger than what is read here.
    """
    return _told(repository, run, FILE, "evaluation", Evaluation.decode)


def told_bench(repository: Repository, run: str) -> dict[str, Any]:
    """Return `bench.json` of a run; errors as for `told_evaluation`."""
    return _told(repository, run, DOCUMENT, "bench", Bench.decode)


def told_bench_diff(repository: Repository, old: str, new: str, vary: Sequence[str]) -> dict[str, Any]:
    """Return how the benches of two runs differ, as `tether bench compare --json` has it.

    Args:
        repository: Has them.
        old: The whole id of the one run.
        new: That of the other.
        vary: What may differ; see `compare_benches`.

    Raises:
        NotFound: There is no such run, or it is no bench.
        Conflict: They were taken under different conditions, so no rank is given.
        InvalidInput: Something may not differ.
        Corrupt, Unsupported: One is damaged, or larger than what is read here.
    """
    benches = [_bench(repository, run) for run in (old, new)]
    latencies = [_latencies(repository, run, bench) for run, bench in zip((old, new), benches, strict=True)]
    both = None if latencies[0] is None or latencies[1] is None else (latencies[0], latencies[1])
    both = both if both is not None and _is_little(benches[1], both) else None
    found = _compared(benches[0], benches[1], both, vary)
    return {**diff_document(replace(found, runs=(old, new))), "intervals": both is not None}


def _is_little(bench: Bench, latencies: tuple[Latencies, Latencies]) -> bool:
    """Return whether intervals are computed: several sections of one size draw from the same latencies."""
    keys = [(each.scenario, each.batch) for each in bench.sections]
    return all(sum(len(side.get(key, ())) for key in keys) <= MOST_LATENCIES for side in latencies)


def _compared(
    old: Bench, new: Bench, latencies: tuple[Latencies, Latencies] | None, vary: Sequence[str]
) -> BenchDiff:
    try:
        return compare_benches(old, new, latencies, vary)
    except Conflict as error:
        before, option, names = (error.hint or "").partition("--vary ")
        asked = "&".join(f"vary={name}" for name in names.split(",")) if option else ""
        raise Conflict(str(error), hint=before + asked or None) from None


def _bench(repository: Repository, run: str) -> Bench:
    """Return the bench of a run, whose figures can be computed with; errors as for `told_bench`."""
    bench = _read(repository, run, DOCUMENT, "bench", Bench.decode)
    process = bench.process
    bytes_ = [*process.peak_bytes, process.baseline_bytes or 0, bench.model.bytes]
    if not process.peak_bytes or not all(0 <= each < _LARGEST for each in bytes_):
        raise Corrupt(f"the bench of run {run} has figures that no bench has")
    return bench


def _latencies(repository: Repository, run: str, bench: Bench) -> Latencies | None:
    """Return the raw times of a bench; None where there are none, or more than are read here."""
    tree = known_run(repository, run).tree
    path = _ARTEFACTS + LATENCIES
    entry = None if tree is None else find(repository.objects, tree, path_bytes(path))
    if entry is None or len(bench.sections) > MOST_SECTIONS:
        return None
    size = repository.contents.size(entry.digest)
    if size > _MOST_LATENCY_BYTES:
        return None
    try:
        rows, taken = measure_columns(repository.contents, (entry.digest, size), _COLUMNS)
        if rows > MOST_LATENCIES or taken > _MOST_LATENCY_BYTES:
            return None
        found = decode_latencies(repository.contents.read(entry.digest))
    except InvalidInput as error:
        raise Corrupt(f"the latencies of run {run} are damaged: {error}") from None
    if any(each.size and not each.min() > 0 for each in found.values()):
        raise Corrupt(f"the latencies of run {run} are damaged: one is not above 0")
    return found


def _told(
    repository: Repository, run: str, name: str, what: str, decode: Callable[[bytes], msgspec.Struct]
) -> dict[str, Any]:
    return {"run": run, what: msgspec.to_builtins(_read(repository, run, name, what, decode))}


def _read(repository: Repository, run: str, name: str, what: str, decode: Callable[[bytes], T]) -> T:
    known = known_run(repository, run)
    assert known.tree is not None
    path = _ARTEFACTS + name
    size_at(repository, known.tree, path, _MOST_MEASURED)
    data = read_file(repository, known, path)
    if data is None:
        raise NotFound(f"run {run} is no {what}", hint=f"those that are have {path} among their files")
    return decode(data)
