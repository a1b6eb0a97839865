"""R2: the figures of the evaluations of a release follow from the predictions and labels that it holds."""

import math
from collections.abc import Iterator, Sequence
from typing import BinaryIO, TypeAlias, cast

from tether.bench.record import DOCUMENT, Bench
from tether.core.names import path_bytes
from tether.core.treeread import find_many
from tether.errors import InvalidInput, TetherError, Unsupported
from tether.evals.data.opening import set_digest
from tether.evals.evaldoc import EvalModel, Evaluation, Metric, SliceResult
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
_OTHER = "it is of another model"
_CLOSE = 1e-9
"""Relative: sums of many numbers may differ in their last digits from machine to machine."""


def metrics_again(repository: Repository, release: KnownRelease) -> list[Problem] | Untried:
    """Compute the figures of all evaluations again; return what differs, or why it was not tried.

    Latencies cannot be computed again, but a bench of another model is found too. What cannot be tried hides
    no problem of something else.
    """
    own = OwnModels(repository.objects, release.manifest, release.tree)
    manifest, problems, reasons = release.manifest, list[Problem](), list[str]()
    for component, parts, judged in (
        ("benches", manifest.benches, _bench),
        ("evaluations", manifest.evaluations, _evaluation),
    ):
        for part in parts:
            try:
                for path, message in judged(repository, release, own, part):
                    problems.append(Problem(_LEVEL, component, path, message))
            except Unsupported as error:
                reasons.append(str(error))
            except TetherError as error:
                problems.append(Problem(_LEVEL, component, part.path, str(error)))
    if not manifest.evaluations:
        reasons.append("the release has no evaluations")
    return problems if problems or not reasons else Untried(_LEVEL, reasons[0])


_Found: TypeAlias = Iterator[tuple[str, str]]
"""Paths in the tree of the release, and what is wrong with them."""


def _bench(repository: Repository, release: KnownRelease, own: OwnModels, part: RunPart) -> _Found:
    """Yield that a bench is of a model that a release does not hold.

    Raises:
        Unsupported: It was written by a newer Tether.
    """
    path = f"{part.path}/{BENCH}"
    data = read_part(repository, release, path)
    model = Bench.decode(data).model if data is not None else None
    if model is not None and model.digest is not None and not own.has(model.digest, model.weights):
        yield path, _OTHER


def _evaluation(repository: Repository, release: KnownRelease, own: OwnModels, part: RunPart) -> _Found:
    """Yield what does not follow from the predictions of an evaluation.

    Raises:
        Unsupported: It has none, or was written by a newer Tether, or it cannot be told of which model it is.
    """
    evaluation, predictions = f"{part.path}/{EVALUATION}", f"{part.path}/{PREDICTIONS}"
    files = find_many(repository.objects, release.tree, [path_bytes(evaluation), path_bytes(predictions)])
    if len(files) < 2:
        raise Unsupported(f"evaluation {part.id} has no predictions as 'tether eval' keeps them")
    told = Evaluation.decode(repository.contents.read(files[path_bytes(evaluation)].digest), part.id)
    made = files[path_bytes(predictions)].digest
    if told.predictions != made.hex():
        yield predictions, "these are not the predictions that were measured"
        return
    if told.data.digest not in {data.digest for data in release.manifest.data}:
        yield evaluation, "the release does not name the data that it is of"
    with cast("BinaryIO", repository.contents.open(made)) as file:
        table = read_predictions(file)
    if set_digest(table.ids, table.labels) != told.data.set:
        yield predictions, "its labels are not those of the data"
    yield from ((evaluation, message) for message in _differing(told, table))
    if told.model is not None and not own.has(told.model.digest, told.model.weights):
        yield from _other(release, own, part, told.model)


def _other(release: KnownRelease, own: OwnModels, part: RunPart, model: EvalModel) -> _Found:
    """Yield that an evaluation is of another model, but for a folder that holds what was released as files.

    Raises:
        Unsupported: That cannot be told.
    """
    several = len(release.manifest.weights) > 1 and model.weights is None
    lie_in = own.lie_in(model.digest) if several else False
    if lie_in is None:
        raise Unsupported(f"the model of evaluation {part.id} may be a folder, which is not here")
    if not lie_in:
        yield f"{part.path}/{EVALUATION}", _OTHER


def _differing(told: Evaluation, table: Predictions) -> Iterator[str]:
    """Yield the figures that do not follow from predictions."""
    plan = Plan(told.intervals.level, told.intervals.replicates, told.intervals.seed).check()
    made = evaluate(table, [_slice(table, each) for each in told.slices], plan)
    yield from _compared("", told.metrics, made.metrics)
    for old, new in zip(told.slices, made.slices, strict=True):
        yield from _compared(old.name, old.metrics, new.metrics)
        if old.count != new.count:
            yield f"slice {old.name} has {new.count} examples and not {old.count}"


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
