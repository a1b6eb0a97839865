"""The model that a run made, for who names the run alone."""

from dataclasses import replace
from pathlib import Path

from tether.api.evalrequest import EvalRequest
from tether.api.models import model_at
from tether.api.opened import Opened
from tether.api.snapshot import at
from tether.core.names import RUNS
from tether.errors import InvalidInput, NotFound, Unsupported
from tether.runs.pinning import ARTEFACTS
from tether.runs.reading import KnownRun, find_run

_MOST_NAMED = 4


def of_run(repo: Opened, request: EvalRequest) -> EvalRequest:
    """Return a request whose model is a file: where it names a run, the one model that this run made.

    A file of that name, and `REV:PATH`, are what they say and no run.

    Raises:
        NotFound: A run is named that kept no model.
        InvalidInput: A run is named without data, or it kept several models, or has not ended.
    """
    if request.model is None:
        if request.predictions is None and _run(repo, request.data, request.folder) is not None:
            raise InvalidInput(
                f"{request.data} is a run, and there is no data to measure its model on",
                hint=f"tether eval {request.data} REV:DATA",
            )
        return request
    run = _run(repo, request.model, request.folder)
    return request if run is None else replace(request, model=_only_model(repo, request.model, run))


def _run(repo: Opened, text: str, folder: Path) -> KnownRun | None:
    if ":" in text or (folder / text).exists():
        return None
    try:
        return find_run(repo.repository, text)
    except NotFound:
        return None


def _only_model(repo: Opened, text: str, run: KnownRun) -> str:
    """Return `REV:PATH` of the one artefact of a run that is a model."""
    if run.commit is None:
        raise InvalidInput(f"the run {text} has not ended", hint="its artefacts are stored at its end")
    rev = RUNS + run.id
    paths = [f"{ARTEFACTS}/{each.path}" for each in run.record.artefacts]
    found = [f"{rev}:{path}" for path in paths if _is_model(repo, rev, path)]
    if not found:
        hint = "'tether run --artefact PATH' keeps one; or name a file, or REV:PATH"
        raise NotFound(f"the run {text} kept no model", hint=hint)
    if len(found) > 1:
        more = ", ..." if len(found) > _MOST_NAMED else ""
        named = ", ".join(found[:_MOST_NAMED]) + more
        raise InvalidInput(f"the run {text} kept {len(found)} models", hint=f"name one: {named}")
    return found[0]


def _is_model(repo: Opened, rev: str, path: str) -> bool:
    try:
        with model_at(at(repo, rev), path) as model:
            return bool(model.facts.format)
    except (InvalidInput, Unsupported):
        return False
