"""Two evaluations compared, example by example, from their predictions, which are measured before."""

import io
from collections import OrderedDict
from dataclasses import dataclass
from threading import Lock, Semaphore

from tether.core.digest import Digest
from tether.core.names import path_bytes
from tether.core.treeread import find
from tether.errors import Conflict, InvalidInput, NotFound, TetherError, TooLarge, Unavailable
from tether.evals.comparing import Comparison, compare
from tether.evals.evaldoc import FILE as EVAL_FILE
from tether.evals.evaldoc import Evaluation
from tether.evals.intervals import Plan
from tether.evals.predictions import FILE as PREDICTIONS_FILE
from tether.evals.predictions import Predictions, read_predictions
from tether.pages.records.known import beside, page_of_runs
from tether.pages.records.predicted import MOST_NUMBERS, Extent, extent_of
from tether.pages.shelf import Shown
from tether.runs.pinning import ARTEFACTS
from tether.runs.reading import KnownRun

MOST_SLICES = 100
"""What a page compares, beside the bounds of what is measured; 'tether compare' has none."""
_PLAN = Plan(replicates=200)
_REMEMBERED = 32
_SECONDS = 5.0
_TURNS = Semaphore(1)
_LINES = 20


@dataclass(frozen=True, slots=True)
class Side:
    """One of both: the run that was chosen, its evaluation, and what that measured."""

    chosen: KnownRun
    run: KnownRun
    evaluation: Evaluation


@dataclass(frozen=True, slots=True)
class ComparedRuns:
    """A comparison; `shown` examples of each list are told."""

    old: Side
    new: Side
    comparison: Comparison
    shown: int = _LINES


_known: OrderedDict[tuple[Digest, Digest], Comparison] = OrderedDict()
_lock = Lock()


def compared_runs(shown: Shown, old: KnownRun, new: KnownRun) -> ComparedRuns:
    """Compare two evaluations, or the newest evaluations of the models that two runs made.

    Raises:
        InvalidInput: There is no evaluation, the sets or tasks differ, or it is more than a page compares.
        Corrupt, Unsupported: What is kept of one is damaged or of another version.
        Unavailable: Others are being compared.
    """
    sides = [_side(shown, run) for run in (old, new)]
    places = [_place(shown, side.run) for side in sides]
    key = (places[0][0], places[1][0])
    with _lock:
        found = _known.get(key)
    if found is None:
        found = _compare(shown, sides, places)
        with _lock:
            _known[key] = found
            while len(_known) > _REMEMBERED:
                _known.popitem(last=False)
    return ComparedRuns(sides[0], sides[1], found)


def _side(shown: Shown, run: KnownRun) -> Side:
    own = evaluation_in(shown, run)
    if own is not None:
        return Side(run, run, own)
    made = {each.digest for each in run.record.artefacts}
    for each in page_of_runs(shown, (), "").runs:
        found = evaluation_in(shown, each) if each.commit is not None else None
        if found is not None and found.model is not None and found.model.digest in made:
            return Side(run, each, found)
    hint = f"evaluate it: tether eval runs/{run.id}:artefacts/MODEL DATA"
    raise InvalidInput(f"run {run.id} is no evaluation, and none of what it made was found", hint=hint)


def evaluation_in(shown: Shown, run: KnownRun) -> Evaluation | None:
    """Return what a run measured, if it is an evaluation.

    Raises:
        Corrupt, Unsupported: It is damaged, large or of another version.
    """
    if not any(each.path == EVAL_FILE for each in run.record.artefacts):
        return None
    data = beside(shown, run, f"{ARTEFACTS}/{EVAL_FILE}")
    return None if data is None else Evaluation.decode(data, f"{EVAL_FILE} of run {run.id}")


def _place(shown: Shown, run: KnownRun) -> tuple[Digest, int]:
    """Return digest and size of the predictions."""
    path = path_bytes(f"{ARTEFACTS}/{PREDICTIONS_FILE}")
    entry = None if run.tree is None else find(shown.repository.objects, run.tree, path)
    if entry is None:
        raise InvalidInput(f"run {run.id} keeps no predictions")
    return entry.digest, shown.repository.contents.size(entry.digest)


def _too_much(run: KnownRun) -> TetherError:
    return InvalidInput(
        f"the predictions of run {run.id} are more than a page compares", hint="use 'tether compare'"
    )


def _compare(shown: Shown, sides: list[Side], places: list[tuple[Digest, int]]) -> Comparison:
    if not _TURNS.acquire(timeout=_SECONDS):
        raise Unavailable("other models are being compared", hint="load the page again in a moment")
    try:
        extents = [_extent(shown, side.run, place) for side, place in zip(sides, places, strict=True)]
        classes = sum(each.classes for each in extents)  # each model has scores of those of the other too
        if any(each.scored and each.rows * classes > 2 * MOST_NUMBERS for each in extents):
            raise _too_much(sides[1].run)
        old, new = (_predictions(shown, side.run, place) for side, place in zip(sides, places, strict=True))
        least = {each.name: each.min for each in sides[1].evaluation.slices}
        return compare(old, new, least, _PLAN)
    except (Conflict, NotFound) as error:
        raise InvalidInput(str(error), hint=error.hint) from None
    finally:
        _TURNS.release()


def _extent(shown: Shown, run: KnownRun, place: tuple[Digest, int]) -> Extent:
    try:
        found = extent_of(shown.repository.contents, place)
    except TooLarge:
        raise _too_much(run) from None
    if found.slices > MOST_SLICES:
        raise _too_much(run)
    return found


def _predictions(shown: Shown, run: KnownRun, place: tuple[Digest, int]) -> Predictions:
    data = shown.repository.contents.read(place[0])
    found = read_predictions(io.BytesIO(data), f"{PREDICTIONS_FILE} of run {run.id}")
    if len(found.score_classes) > MOST_SLICES:
        raise _too_much(run)
    return found
