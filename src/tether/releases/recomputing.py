"""R2: the figures of the evaluations of a release follow from the predictions and labels that it holds."""

import math
from collections.abc import Iterator, Sequence
from typing import BinaryIO, cast

from tether.bench.record import DOCUMENT, Bench
from tether.core.digest import Digest
from tether.core.names import path_bytes
from tether.core.treeread import find
from tether.errors import InvalidInput, TetherError, Unsupported
from tether.evals.data.opening import set_digest
from tether.evals.evaldoc import Evaluation, Metric, SliceResult
from tether.evals.evaluating import evaluate
from tether.evals.expressions import parse_condition
from tether.evals.intervals import Plan
from tether.evals.predictions import Predictions, read_predictions
from tether.evals.slices import Slice
from tether.releases.findings import Problem, Untried
from tether.releases.judging import OwnModels
from tether.releases.manifest import RunPart
from tether.releases.reading import KnownRelease, read_part
from tether.repo.repository import Repository
from tether.runs.pinning import ARTEFACTS

EVALUATION, PREDICTIONS = "artefacts/eval.json", "artefacts/predictions.parquet"
BENCH = f"{ARTEFACTS}/{DOCUMENT}"
_LEVEL = "R2"
_CLOSE = 1e-9
"""Relative: sums of many numbers may differ in their last digits from machine to machine."""


def metrics_again(repository: Repository, release: KnownRelease) -> list[Problem] | Untried:
    """Compute the figures of all evaluations again; return what differs, or why it was not tried.

    Latencies cannot be computed again, but a bench of another model is found too.
    """
    own = OwnModels(repository.objects, release.manifest, release.tree)
    try:
        problems = [*_benches_of_others(repository, release, own)]
    except Unsupported as error:
        return Untried(_LEVEL, str(error))
    if problems:
        return problems
    if not release.manifest.evaluations:
        return Untried(_LEVEL, "the release has no evaluations")
    checked = [(part, _files(repository, release, part)) for part in release.manifest.evaluations]
    without = [part.id for part, (told, table) in checked if told is None or table is None]
    if without:
        return Untried(_LEVEL, f"evaluation {without[0]} has no predictions as 'tether eval' keeps them")
    for part, (told, table) in checked:
        assert told is not None
        assert table is not None
        try:
            problems += _recomputed(repository, release, own, part, (told, table))
        except Unsupported as error:
            return Untried(_LEVEL, str(error))
        except TetherError as error:
            problems.append(Problem(_LEVEL, "evaluations", part.path, str(error)))
    return problems


def _files(
    repository: Repository, release: KnownRelease, part: RunPart
) -> tuple[Digest | None, Digest | None]:
    """Return the digests of evaluation and predictions."""
    found = [
        find(repository.objects, release.tree, path_bytes(f"{part.path}/{name}"))
        for name in (EVALUATION, PREDICTIONS)
    ]
    told, table = (entry.digest if entry is not None else None for entry in found)
    return told, table


def _recomputed(
    repository: Repository,
    release: KnownRelease,
    own: OwnModels,
    part: RunPart,
    files: tuple[Digest, Digest],
) -> Iterator[Problem]:
    told = Evaluation.decode(repository.contents.read(files[0]), part.id)
    if told.predictions != files[1].hex():
        yield _problem(part, PREDICTIONS, "these are not the predictions that were measured")
        return
    if told.data.digest not in {data.digest for data in release.manifest.data}:
        yield _problem(part, EVALUATION, "the release does not name the data that it is of")
    if told.model is not None and not own.has(told.model.digest, told.model.weights):
        yield _problem(part, EVALUATION, "it is of another model")
    with cast("BinaryIO", repository.contents.open(files[1])) as file:
        table = read_predictions(file)
    if set_digest(table.ids, table.labels) != told.data.set:
        yield _problem(part, PREDICTIONS, "its labels are not those of the data")
    plan = Plan(told.intervals.level, told.intervals.replicates, told.intervals.seed).check()
    slices = [_slice(table, each) for each in told.slices]
    made = evaluate(table, slices, plan)
    yield from (_problem(part, EVALUATION, text) for text in _compared("", told.metrics, made.metrics))
    for old, new in zip(told.slices, made.slices, strict=True):
        yield from (
            _problem(part, EVALUATION, text) for text in _compared(old.name, old.metrics, new.metrics)
        )
        if old.count != new.count:
            yield _problem(part, EVALUATION, f"slice {old.name} has {new.count} examples and not {old.count}")


def _benches_of_others(repository: Repository, release: KnownRelease, own: OwnModels) -> Iterator[Problem]:
    """Yield the benches of models that a release does not hold.

    Raises:
        Unsupported: One was written by a newer Tether.
    """
    for part in release.manifest.benches:
        try:
            data = read_part(repository, release, f"{part.path}/{BENCH}")
            model = Bench.decode(data).model if data is not None else None
            if model is None or model.digest is None or own.has(model.digest, model.weights):
                continue
            message = "it is of another model"
        except Unsupported:
            raise
        except TetherError as error:
            message = str(error)
        yield Problem(_LEVEL, "benches", f"{part.path}/{BENCH}", message)


def _slice(table: Predictions, told: SliceResult) -> Slice:
    if told.name not in table.slices:
        raise InvalidInput(f"the predictions do not say which examples are in the slice {told.name}")
    condition = parse_condition(told.where)
    return Slice(told.name, told.where, condition, told.min, told.note)


def _compared(name: str, old: Sequence[Metric], new: Sequence[Metric]) -> Iterator[str]:
    """Yield the figures that are not what they were."""
    made = {each.name: each for each in new}
    where = f" of {name}" if name else ""
    if len(old) != len(made) or {each.name for each in old} != set(made):
        yield f"other figures{where} follow from the predictions"
        return
    for each in old:
        for what in ("value", "low", "high"):
            was, now = getattr(each, what), getattr(made[each.name], what)
            if not _same(was, now):
                shown = "" if what == "value" else f" ({what})"
                yield f"{each.name}{shown}{where} is {now} and not {was}"


def _same(old: float | None, new: float | None) -> bool:
    if old is None or new is None:
        return old is new
    return math.isclose(old, new, rel_tol=_CLOSE, abs_tol=_CLOSE)


def _problem(part: RunPart, path: str, message: str) -> Problem:
    return Problem(_LEVEL, "evaluations", f"{part.path}/{path}", message)
