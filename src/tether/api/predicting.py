"""Running a model over examples: by a runner of ours or by a program of the user, in a process of its own."""

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, NamedTuple

from blake3 import blake3

from tether.api.evalrequest import SILENT, EvalRequest, Show, split_words
from tether.api.models import Model
from tether.api.runinputs import RunRequest
from tether.api.running import Begun, described
from tether.errors import InvalidInput, NotFound, Stopped, TetherError
from tether.evals.evaldoc import EvalModel, Predictor
from tether.runs.child import Task, at_terminal, run_task
from tether.runs.journal import OUTPUTS
from tether.runs.rundoc import Resources, Status

DATA, MODEL, SLICES = "eval", "model", "slices"
"""The inputs of the run of an evaluation."""
INPUTS_FILE = "in.parquet"
_RUNNERS: Mapping[str, Literal["onnx", "sklearn"]] = {
    "onnx": "onnx",
    "skops": "sklearn",
    "joblib": "sklearn",
    "pickle": "sklearn",
}
_PICKLES = ("joblib", "pickle")


class Made(NamedTuple):
    """Where predictions are, and how they came about."""

    path: Path
    predictor: Predictor
    resources: Resources = Resources()


class Job(NamedTuple):
    """What a predictor is started with."""

    request: EvalRequest
    run: Begun
    place: Path
    """The folder in which inputs lie and predictions go."""
    model: tuple[Path, EvalModel] | None
    show: Mapping[str, Show]


def known_model(request: EvalRequest, run: Begun) -> tuple[Path, EvalModel] | None:
    """Return where the model is, and what is known of it; None without one.

    Raises:
        NotFound: There is no such file.
        InvalidInput: It is a folder of the disk.
    """
    if request.model is None:
        return None
    if MODEL in run.folders:
        path = run.folders[MODEL]
        about = next(each for each in run.journal.record().data if each.name == MODEL)
        digest, size = about.digest, about.bytes
    else:
        path = request.folder / request.model
        if path.is_dir():
            raise InvalidInput(f"{request.model} is a folder", hint="commit it and name it as REV:PATH")
        digest, size = file_digest(path, request.model), path.stat().st_size
    weights, form = (None, None) if path.is_dir() else _weights(path)
    return path, EvalModel(request.model, digest, size, weights, form)


def file_digest(path: Path, name: str) -> str:
    """Return the digest of a file, as `b3sum` prints it.

    Raises:
        NotFound: There is none.
    """
    if not path.is_file():
        raise NotFound(f"no model file: {name}", hint="a file, or REV:PATH")
    return blake3().update_mmap(path).hexdigest() if path.stat().st_size else blake3().hexdigest()


def _weights(path: Path) -> tuple[str | None, str | None]:
    """Return the digest of all tensors and the format, as far as they can be told."""
    with Model.open(path) as model:
        try:
            form = model.facts.format
        except TetherError:
            return None, None
        try:
            return model.digest().hex() if model.facts.tensors else None, form
        except TetherError:
            return None, form


def predict(job: Job, feed: Mapping[str, Any], task: str) -> Made:
    """Return predictions: those that are there, or what a predictor makes in a process of its own.

    Args:
        job: What is run.
        feed: How a runner of ours takes the inputs; see `ExampleSource`.
        task: What is predicted.

    Raises:
        InvalidInput: There is no runner for the model, or it failed.
    """
    request = job.request
    if request.predictions is not None:
        return Made(request.folder / request.predictions, Predictor("file"))
    assert job.model is not None
    path, about = job.model
    out = job.place / "out.parquet"
    if request.predictor is not None:
        places = {"{in}": str(job.place / INPUTS_FILE), "{out}": str(out), "{model}": str(path)}
        words = split_words(request.predictor)
        command = tuple(_filled(word, places) for word in words)
        return Made(out, Predictor("command", words), _run(job, command, job.show, out))
    kind = _runner(about, trust=request.trust)
    spec = {
        "kind": kind,
        "format": about.format,
        "model": str(path),
        "in": str(job.place / INPUTS_FILE),
        "out": str(out),
        "feed": feed,
        "image": request.image,
        "batch": request.batch,
        "task": task,
        "trust": request.trust,
    }
    (job.place / "spec.json").write_text(json.dumps(spec))
    command = (sys.executable, "-P", "-m", "tether.evals.predictor", str(job.place / "spec.json"))
    return Made(out, Predictor(kind), _run(job, command, SILENT, out))


def _filled(word: str, places: Mapping[str, str]) -> str:
    for name, place in places.items():
        word = word.replace(name, place)
    return word


def _runner(model: EvalModel, *, trust: bool) -> Literal["onnx", "sklearn"]:
    kind = _RUNNERS.get(model.format or "")
    if kind is None:
        raise InvalidInput(
            f"no runner for {model.source} ({model.format or 'an unknown format'})",
            hint="ONNX and scikit-learn models are run; for others --predictor 'PROGRAM {model} {in} {out}'",
        )
    if model.format in _PICKLES and not trust:
        raise InvalidInput(
            f"loading {model.source} can run anything that who made it wanted",
            hint="give --trust if you know who that was, or keep models with skops",
        )
    return kind


def _run(job: Job, command: tuple[str, ...], show: Mapping[str, Show], out: Path) -> Resources:
    """Run a predictor to its end."""
    journal, request = job.run.journal, job.request
    outputs = {name: (journal.folder / name, show[name]) for name in OUTPUTS}
    environ = {**request.environ, **job.run.variables}
    asked = RunRequest(command, request.folder, request.environ)
    with described(journal, asked):
        done = run_task(Task(command, request.folder, environ, outputs, at_terminal(), (job.run.lock,)))
    if done.told is not None:
        raise Stopped(done.told)
    if done.status == Status.INTERRUPTED:
        raise KeyboardInterrupt
    if done.code or not out.is_file():
        raise _failed(journal.read("stderr") or b"", done.code)
    return done.resources


def _failed(said: bytes, code: int) -> InvalidInput:
    """Return what a predictor said last, as an error."""
    lines = said.decode(errors="replace").splitlines()
    told = [line.removeprefix("error: ") for line in lines if line.startswith("error: ")]
    hints = [line.removeprefix("hint: ") for line in lines if line.startswith("hint: ")]
    if told:
        return InvalidInput(told[-1], hint=hints[-1] if hints else None)
    last = next((line.strip() for line in reversed(lines) if line.strip()), "it said nothing")
    how = f"ended with {code}" if code else "wrote no predictions"
    return InvalidInput(f"the predictor {how}: {last[:300]}")
