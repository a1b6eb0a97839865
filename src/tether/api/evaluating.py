"""Evaluating a model, or predictions of it, on data of a revision; what comes out is kept as a run."""

import os
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

from tether.api.evalrequest import EvalRequest, Show, check_request, words_of
from tether.api.modelnames import find_named, model_place
from tether.api.opened import Opened
from tether.api.pinned import check_out
from tether.api.predicting import (
    DATA,
    INPUTS_FILE,
    MODEL,
    SLICES,
    Job,
    Made,
    file_digest,
    known_model,
    predict,
)
from tether.api.runinputs import RunRequest, pathless
from tether.api.running import note_altered
from tether.api.stopping import recorded
from tether.core.tree import Entry, EntryKind
from tether.core.treeread import find, walk
from tether.errors import InvalidInput, NotFound
from tether.evals.data.folders import ExampleFile
from tether.evals.data.opening import collect, open_data, set_digest
from tether.evals.data.source import ExampleSource
from tether.evals.evaldoc import FILE as EVAL_FILE
from tether.evals.evaldoc import EvalData, Evaluation, Intervals
from tether.evals.evaluating import Measured, evaluate, headlines
from tether.evals.outputs import join, read_outputs
from tether.evals.predictions import FILE as PREDICTIONS_FILE
from tether.evals.predictions import Predictions
from tether.evals.slices import FILE as SLICES_FILE
from tether.evals.slices import Slice, read_slices
from tether.evals.tasks import guess_task
from tether.repo.revision import find_entry, resolve_path, split_place
from tether.runs.altered import Altered
from tether.runs.rundoc import Exit, RunRecord, Status
from tether.runs.sealing import Ending, seal

_MOST_SLICES_BYTES = 1 << 20
_NO_IDS = "a column example_id ('tether eval --examples FILE DATA' writes them), the key, or --in-order"


class Evaluated(NamedTuple):
    """An evaluation and the run that keeps it."""

    record: RunRecord
    evaluation: Evaluation
    altered: Altered | None = None
    """What of its data somebody wrote to meanwhile, or could not be looked at; None for nothing."""


def evaluate_model(repo: Opened, request: EvalRequest, show: Mapping[str, Show]) -> Evaluated:
    """Evaluate, and store the evaluation as a run; nothing is left of one that fails.

    Args:
        repo: Where the data is, and where the run is kept.
        request: What is evaluated.
        show: Takes what a program of the user prints, for `stdout` and `stderr`.

    Raises:
        NotFound: There is no such revision, path or file.
        InvalidInput: The data, the model or the predictions are not sound, or do not fit each other.
        Unsupported: They are of a form that is not read, or a package is missing.
        Stopped: Ctrl-C or a signal ended it, as which it is stored.
    """
    request = _with_place(repo, request)
    check_request(request)
    at_rev = request.model is not None and _is_place(request.model, request.folder)
    inputs = {
        DATA: request.data,
        MODEL: request.model if at_rev else None,
        SLICES: slices_place(repo, request.data, request.slices),
    }
    run_request = RunRequest(
        words_of(request),
        request.folder,
        request.environ,
        name=request.name,
        data=tuple(f"{name}={rev}" for name, rev in inputs.items() if rev is not None),
    )
    with recorded(repo, run_request) as run:
        place = run.journal.folder / "evaluation"
        place.mkdir()
        job = Job(request, run, place, known_model(request, run), show)
        evaluation, made = _evaluated(repo, job)
        for name in (PREDICTIONS_FILE, EVAL_FILE):
            run.journal.artefact(place / name, name)
        _tell_metrics(repo, job, evaluation)
        ending, changed = Ending(Status.FINISHED, Exit(code=0), made.resources), note_altered(repo, run)
        record = seal(repo.repository, run.journal, ending, repo.author)
    return Evaluated(record, evaluation, changed)


def write_examples(repo: Opened, request: EvalRequest, target: Path) -> int:
    """Write what a model sees of the data, with ids, as Parquet; return the number of examples.

    Raises:
        NotFound: There is no such revision or path.
        InvalidInput: The data is not sound.
    """
    place, entry = find_entry(repo.repository, request.data)
    path = check_out(repo, entry, place.path)
    with pathless(request.data):
        source = open_data(path, _files(repo, entry), request.options)
    return len(collect(source, (), target).ids)


def slices_place(repo: Opened, data: str, slices: str | None) -> str | None:
    """Return where the slices are.

    Args:
        repo: Where to look.
        data: The evaluation set, as `REV:PATH`.
        slices: `REV:PATH`; empty is none, None is `slices.yml` beside the data or in the nearest folder
            above it.

    Raises:
        InvalidInput: It is no place of a revision.
    """
    if slices and ":" not in slices:
        hint = f"write REV:PATH; a new file is committed first, and is HEAD:{slices} then"
        raise InvalidInput(f"slices are those of a revision: {slices}", hint=hint)
    if slices is not None:
        return slices or None
    place = resolve_path(repo.repository, data)
    folder, _, _ = place.path.rpartition(b"/")
    while True:
        path = folder + b"/" + SLICES_FILE.encode() if folder else SLICES_FILE.encode()
        if find(repo.repository.objects, place.tree, path) is not None:
            return f"{split_place(data)[0]}:{os.fsdecode(path)}"
        if not folder:
            return None
        folder, _, _ = folder.rpartition(b"/")


def _with_place(repo: Opened, request: EvalRequest) -> EvalRequest:
    """Return a request whose model is a file of the disk or `REV:PATH`, whatever named it."""
    if request.model is not None:
        return replace(request, model=model_place(repo, request.model, request.folder))
    if request.predictions is None:
        with suppress(NotFound):
            named = find_named(repo, request.data, request.folder)
            what = "run" if named.run is not None else "release" if named.release is not None else None
            if what is not None:
                raise InvalidInput(
                    f"{request.data} is a {what}, and there is no data to measure its model on",
                    hint=f"tether eval {request.data} REV:DATA",
                )
    return request


def _is_place(text: str, folder: Path) -> bool:
    return ":" in text and not (folder / text).exists()


def _evaluated(repo: Opened, job: Job) -> tuple[Evaluation, Made]:
    """Predict, measure, and write both files."""
    request, slices = job.request, _slices(job)
    source = _source(repo, job, slices)
    examples = collect(source, slices, job.place / INPUTS_FILE if request.predictions is None else None)
    task = request.task or guess_task(examples.labels)
    made = predict(job, source.feed, task)
    given = read_outputs(made.path, request.options.key)
    if given.keys is None and not request.in_order:
        raise InvalidInput(f"{made.path.name} does not say of which example each prediction is", hint=_NO_IDS)
    table = join(task, examples, given, request.classes or None)
    data = _about_data(job, source, table)
    table = replace(table, about=_about(job, data))
    measured = evaluate(table, slices, request.plan)
    table.write(job.place / PREDICTIONS_FILE, measured.measures.error)
    evaluation = _document(job, data, made, measured)
    (job.place / EVAL_FILE).write_bytes(evaluation.encode())
    return evaluation, made


def _source(repo: Opened, job: Job, slices: tuple[Slice, ...]) -> ExampleSource:
    entry = find_entry(repo.repository, job.request.data)[1]
    wanted = frozenset(name for each in slices for name in each.columns)
    options = replace(job.request.options, wanted=wanted)
    with pathless(job.request.data):
        return open_data(job.run.folders[DATA], _files(repo, entry), options)


def _files(repo: Opened, entry: Entry) -> list[ExampleFile]:
    """Return the files of a folder; links are left out."""
    if entry.kind != EntryKind.DIRECTORY:
        return []
    kinds = (EntryKind.FILE, EntryKind.EXECUTABLE)
    rows = walk(repo.repository.objects, entry.digest)
    return [
        ExampleFile(_utf8(path), each.digest.hex(), each.size) for path, each in rows if each.kind in kinds
    ]


def _utf8(path: bytes) -> str:
    try:
        return path.decode()
    except UnicodeDecodeError:
        raise InvalidInput(f"the name of an example is not UTF-8: {os.fsdecode(path)!a}") from None


def _slices(job: Job) -> tuple[Slice, ...]:
    path = job.run.folders.get(SLICES)
    if path is None:
        return ()
    if path.is_dir() or path.stat().st_size > _MOST_SLICES_BYTES:
        raise InvalidInput(f"not a file of slices: {job.request.slices or SLICES_FILE}")
    return read_slices(path.read_bytes())


# -- what is told ---------------------------------------------------------------------------


def _about_data(job: Job, source: ExampleSource, table: Predictions) -> EvalData:
    about = next(each for each in job.run.journal.record().data if each.name == DATA)
    return EvalData(
        rev=about.rev,
        commit=about.commit,
        path=about.path,
        digest=about.digest,
        set=set_digest(table.ids, table.labels),
        count=table.count,
        identity=source.identity,
    )


def _about(job: Job, data: EvalData) -> dict[str, Any]:
    """Return what the predictions are of, for their file."""
    model = None if job.model is None else {"digest": job.model[1].digest, "weights": job.model[1].weights}
    return {"model": model, "data": {"commit": data.commit, "path": data.path, "digest": data.digest}}


def _document(job: Job, data: EvalData, made: Made, measured: Measured) -> Evaluation:
    plan = job.request.plan
    return Evaluation(
        task=measured.task,
        data=data,
        predictor=made.predictor,
        predictions=file_digest(job.place / PREDICTIONS_FILE, PREDICTIONS_FILE),
        intervals=Intervals(plan.level, plan.replicates, plan.seed),
        primary=measured.measures.primary,
        metrics=measured.metrics,
        model=None if job.model is None else job.model[1],
        slices=measured.slices,
        confusion=measured.confusion,
        warnings=measured.measures.warnings,
    )


def _tell_metrics(repo: Opened, job: Job, evaluation: Evaluation) -> None:
    """Let the run have the figures as metrics, so that lists of runs show them."""
    journal, now = job.run.journal, repo.clock().micros / 1e6
    for metric in headlines(evaluation.metrics):
        if metric.value is not None:
            journal.metric(metric.name, metric.value, 0, now)
    for each in evaluation.slices:
        found = next((metric for metric in each.metrics if metric.name == evaluation.primary), None)
        if found is not None and found.value is not None:
            journal.metric(f"slice.{each.name}", found.value, 0, now)
