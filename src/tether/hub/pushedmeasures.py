"""Evaluations and benches as the hub tells of them: the documents that runs have among their artefacts."""

from collections.abc import Callable
from typing import Any

import msgspec

from tether.bench.record import DOCUMENT, Bench
from tether.errors import NotFound
from tether.evals.evaldoc import FILE, Evaluation
from tether.releases.pushedruns import known_run, size_at
from tether.repo.repository import Repository
from tether.runs.reading import read_file

_ARTEFACTS = "artefacts/"
_MOST_MEASURED = 4 << 20


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


def _told(
    repository: Repository, run: str, name: str, what: str, decode: Callable[[bytes], msgspec.Struct]
) -> dict[str, Any]:
    known = known_run(repository, run)
    assert known.tree is not None
    path = _ARTEFACTS + name
    size_at(repository, known.tree, path, _MOST_MEASURED)
    data = read_file(repository, known, path)
    if data is None:
        raise NotFound(f"run {run} is no {what}", hint=f"those that are have {path} among their files")
    return {"run": run, what: msgspec.to_builtins(decode(data))}
