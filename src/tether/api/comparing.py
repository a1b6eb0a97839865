"""Comparing two evaluations, with what differs in the runs that made their models."""

import io
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from tether.api.evaluating import slices_place
from tether.api.modelnames import find_named, model_digests
from tether.api.opened import Opened
from tether.api.runs import RunDiff, diff_runs
from tether.bench.comparing import compare_benches
from tether.bench.record import DOCUMENT as BENCH_FILE
from tether.bench.record import Bench
from tether.errors import Conflict, Corrupt, InvalidInput, NotFound, Unsupported
from tether.evals.comparing import Comparison, compare
from tether.evals.evaldoc import FILE as EVAL_FILE
from tether.evals.evaldoc import EvalModel, Evaluation
from tether.evals.intervals import STANDARD, Plan
from tether.evals.predictions import FILE as PREDICTIONS_FILE
from tether.evals.predictions import Predictions, read_predictions
from tether.evals.slices import Slice, read_slices
from tether.repo.revision import find_entry
from tether.runs.differing import Pair
from tether.runs.pinning import ARTEFACTS
from tether.runs.reading import KnownRun, entries_of, read_file, runs_of

_MOST_PREDICTIONS = 4 << 30
_BUFFER = 1 << 20


@dataclass(frozen=True, slots=True)
class CompareRequest:
    """What is compared.

    Attributes:
        old: What `find_evaluation` takes, or a file of the disk with predictions as `tether eval` keeps them.
        new: As `old`.
        folder: What paths are relative to.
        common: Compare the examples that both have, where the sets differ.
        plan: How intervals are made.
    """

    old: str
    new: str
    folder: Path
    common: bool = False
    plan: Plan = STANDARD


@dataclass(frozen=True, slots=True)
class Side:
    """One of both.

    Attributes:
        name: As it was written.
        predictions: What its model said.
        run: The evaluation's run; None of a file.
        evaluation: What was measured; None of a file.
        trained: The run that made the model, if it is known.
    """

    name: str
    predictions: Predictions
    run: KnownRun | None = None
    evaluation: Evaluation | None = None
    trained: KnownRun | None = None

    def __repr__(self) -> str:
        return f"Side({self.name!r})"


@dataclass(frozen=True, slots=True)
class Compared:
    """A comparison with all that belongs to it.

    Attributes:
        old: The one.
        new: The other.
        comparison: How their predictions differ.
        training: How the runs differ that made their models, where both are known.
        bench: Figures of the newest benches of both models, by name; none where they cannot be ranked.
        bench_notes: Why they cannot, or why they are not to be trusted much.
    """

    old: Side
    new: Side
    comparison: Comparison
    training: RunDiff | None
    bench: Mapping[str, Pair]
    bench_notes: tuple[str, ...] = ()

    def __repr__(self) -> str:
        return f"Compared({self.old.name!r}, {self.new.name!r})"


def compare_evaluations(repo: Opened, request: CompareRequest) -> Compared:
    """Compare two evaluations.

    Raises:
        NotFound: There is no such run or file, or no evaluation of what a run made.
        InvalidInput: The sets or the tasks differ.
        Corrupt: What is kept of one is damaged.
    """
    sides = [_side(repo, text, request.folder) for text in (request.old, request.new)]
    old, new = sides
    known = new.evaluation.slices if new.evaluation is not None else ()
    found = compare(
        old.predictions,
        new.predictions,
        {each.name: each.min for each in known},
        request.plan.check(),
        common=request.common,
    )
    training = None
    if old.trained is not None and new.trained is not None and old.trained.id != new.trained.id:
        training = diff_runs(repo, old.trained.id, new.trained.id)
    return Compared(old, new, found, training, *_bench(repo, sides))


def _side(repo: Opened, text: str, folder: Path) -> Side:
    path = folder / text
    if text.endswith(".parquet") and path.is_file():
        return Side(text, read_predictions(path, text))
    run = find_evaluation(repo, text, folder)
    evaluation = evaluation_of(repo, run)
    return Side(text, predictions_of(repo, run), run, evaluation, _trained(repo, evaluation.model))


def find_evaluation(repo: Opened, text: str, folder: Path) -> KnownRun:
    """Return the evaluation that a user means: its run, or the newest one of the model that is named.

    Args:
        repo: Where.
        text: A run that is an evaluation, or a name of a model as `modelnames` has them; a run or a release
            stands for all models that it has.
        folder: What paths of the disk are relative to.

    Raises:
        NotFound: There is none.
    """
    named = find_named(repo, text, folder)
    run = named.run
    if run is not None and _has(run, EVAL_FILE):
        return run
    made, tensors = model_digests(repo, named)
    for each in evaluations(repo):
        model = evaluation_of(repo, each).model
        if model is not None and (model.digest in made or model.weights in tensors):
            return each
    if run is None:
        raise NotFound(f"{text} was not evaluated", hint=f"tether eval {text} REV:DATA")
    raise NotFound(
        f"run {run.id} is no evaluation, and nothing that it made was evaluated",
        hint=f"tether eval runs/{run.id}:{ARTEFACTS}/MODEL DATA",
    )


def evaluations(repo: Opened) -> Iterator[KnownRun]:
    """Yield the runs that are evaluations, the newest first; what cannot be read is left out."""
    return (run for run in runs_of(repo.repository, []) if _has(run, EVAL_FILE))


def _has(run: KnownRun, name: str) -> bool:
    return any(each.path == name for each in run.record.artefacts)


def evaluation_of(repo: Opened, run: KnownRun) -> Evaluation:
    """Return what an evaluation measured.

    Raises:
        NotFound: The run is no evaluation.
        Corrupt: It is damaged.
    """
    data = read_file(repo.repository, run, f"{ARTEFACTS}/{EVAL_FILE}")
    if data is None:
        raise NotFound(f"run {run.id} is no evaluation")
    return Evaluation.decode(data, f"{EVAL_FILE} of run {run.id}")


def predictions_of(repo: Opened, run: KnownRun) -> Predictions:
    """Return the predictions of an evaluation.

    Raises:
        NotFound: The run has none.
        InvalidInput: They are damaged.
    """
    path = f"{ARTEFACTS}/{PREDICTIONS_FILE}".encode()
    entry = entries_of(repo.repository, run, [path]).get(path)
    if entry is None:
        raise NotFound(f"run {run.id} has no {PREDICTIONS_FILE}")
    if entry.size > _MOST_PREDICTIONS:
        raise InvalidInput(f"the predictions of run {run.id} are larger than any that are read")
    with io.BufferedReader(repo.repository.contents.open(entry.digest), _BUFFER) as file:
        return read_predictions(file, f"{PREDICTIONS_FILE} of run {run.id}")


def _trained(repo: Opened, model: EvalModel | None) -> KnownRun | None:
    """Return the newest run that made a model."""
    if model is None:
        return None
    runs = runs_of(repo.repository, [])
    return next(
        (run for run in runs if any(each.digest == model.digest for each in run.record.artefacts)), None
    )


def _bench(repo: Opened, sides: Sequence[Side]) -> tuple[dict[str, Pair], tuple[str, ...]]:
    """Return the figures of the newest bench of each model, and what to know of them.

    There are none where a model has no bench, or where those of both were taken under different conditions.
    """
    models = [side.evaluation.model if side.evaluation is not None else None for side in sides]
    old, new = [_newest_bench(repo, model) if model is not None else None for model in models]
    if old is None or new is None:
        return {}, ()
    try:
        found = compare_benches(old[1], new[1])
    except Conflict as error:
        return {}, (str(error),)
    figures = [{name: float(each.last) for name, each in run.record.metrics.items()} for run, _ in (old, new)]
    pairs = {name: (figures[0][name], figures[1][name]) for name in sorted({*figures[0]} & {*figures[1]})}
    return pairs, tuple(f"noisy, {each}" for each in found.noisy)


def _newest_bench(repo: Opened, model: EvalModel) -> tuple[KnownRun, Bench] | None:
    for run in runs_of(repo.repository, []):
        if _has(run, BENCH_FILE):
            data = read_file(repo.repository, run, f"{ARTEFACTS}/{BENCH_FILE}") or b""
            with suppress(Corrupt, Unsupported):
                bench = Bench.decode(data)
                if bench.model.digest == model.digest:
                    return run, bench
    return None


def list_slices(repo: Opened, data: str, slices: str | None) -> tuple[Slice, ...]:
    """Return the slices of a revision; none where it has no file of slices.

    Args:
        repo: Where to look.
        data: A revision, or `REV:PATH` in it.
        slices: As for `slices_place`.

    Raises:
        NotFound: There is no such revision or file.
        InvalidInput: The file is not sound.
    """
    place = slices_place(repo, data, slices)
    if place is None:
        return ()
    entry = find_entry(repo.repository, place)[1]
    if entry.size > 1 << 20:
        raise InvalidInput(f"not a file of slices: {place}")
    return read_slices(repo.repository.contents.read(entry.digest))
