"""Runs and what belongs to them in the form that clients read."""

import math
from collections.abc import Mapping
from typing import Any

from tether.core.digest import hash_bytes
from tether.mlflow.calls import given, rows
from tether.mlflow.document import DEFAULT, Document, Event, Input, Model
from tether.mlflow.store import Point, Run

_DEFAULT_ID = "0"
_LEAST_ID, _IDS = 10**17, 9 * 10**17
NAME_TAG, USER_TAG = "mlflow.runName", "mlflow.user"
ACTIVE, DELETED = "active", "deleted"


def experiment_id(name: str) -> str:
    """Return the id of an experiment: it follows from the name, so that all clones of a repository agree."""
    if name == DEFAULT:
        return _DEFAULT_ID
    return str(_LEAST_ID + int.from_bytes(hash_bytes(name.encode("utf-8", "replace"))[:8], "big") % _IDS)


def artifact_uri(run: str, folder: str = "") -> str:
    """Return where clients find the artefacts of a run."""
    return f"mlflow-artifacts:/{run}/artifacts" + (f"/{folder}" if folder else "")


def number(value: float) -> float | str:
    """Return a number as the JSON of the protocol has it."""
    if math.isfinite(value):
        return value
    return "NaN" if math.isnan(value) else ("Infinity" if value > 0 else "-Infinity")


def run_name(run: Run) -> str:
    """Return what a run is called."""
    return run.document.name or run.document.tags.get(NAME_TAG, "") or run.id[-8:]


def run_info(run: Run) -> dict[str, Any]:
    """Return the facts of a run."""
    document = run.document
    return given(
        run_id=run.id,
        run_uuid=run.id,
        run_name=run_name(run),
        experiment_id=experiment_id(document.experiment),
        user_id=document.user,
        status=document.status,
        start_time=document.started,
        end_time=document.ended,
        artifact_uri=artifact_uri(run.id),
        lifecycle_stage=DELETED if document.deleted else ACTIVE,
    )


def run_view(run: Run) -> dict[str, Any]:
    """Return all of a run but for the history of its metrics."""
    document = run.document
    tags = {NAME_TAG: run_name(run), **document.tags}
    inputs = document.inputs
    return {
        "info": run_info(run),
        "data": {
            "metrics": [point_view(point) for point in run.latest().values()],
            "params": rows(run.parameters),
            "tags": rows(tags),
        },
        "inputs": {
            "dataset_inputs": [_input_view(each) for each in inputs if each.model is None],
            "model_inputs": [{"model_id": each.model} for each in inputs if each.model is not None],
        },
        "outputs": {
            "model_outputs": [{"model_id": each.model, "step": each.step} for each in document.outputs]
        },
    }


def point_view(point: Point) -> dict[str, Any]:
    """Return one value of a metric."""
    return {"key": point.name, "value": number(point.value), "timestamp": point.time, "step": point.step}


def _input_view(each: Input) -> dict[str, Any]:
    return {"tags": rows(each.tags), "dataset": each.dataset}


def model_view(model: Model, run: str, document: Document) -> dict[str, Any]:
    """Return a logged model."""
    metrics = [
        given(
            key=each.key,
            value=each.value,
            step=each.step,
            timestamp=each.time,
            dataset_name=each.dataset[0] or None,
            dataset_digest=each.dataset[1] or None,
            model_id=model.id,
            run_id=run,
        )
        for each in model.metrics
    ]
    info = given(
        model_id=model.id,
        experiment_id=experiment_id(document.experiment),
        name=model.name,
        creation_timestamp_ms=model.created,
        last_updated_timestamp_ms=model.updated,
        artifact_uri=artifact_uri(run, model.folder),
        status=model.status,
        model_type=model.type or None,
        source_run_id=run,
        tags=rows(model.tags),
    )
    return {"info": info, "data": {"params": rows(model.params), "metrics": metrics}}


def latest_of(points: "Mapping[str, list[Point]]") -> dict[str, Point]:
    """Return of each metric the value with the greatest step, of those the newest."""
    return {
        name: max(several, key=lambda point: (point.step, point.time)) for name, several in points.items()
    }


def event_text(event: Event, name: str) -> str:
    """Return a text that an event has; empty where it has none."""
    value = event.data.get(name)
    return value if isinstance(value, str) else ""


def event_texts(event: Event, name: str) -> dict[str, str]:
    """Return texts by name that an event has."""
    value = event.data.get(name)
    items = value.items() if isinstance(value, dict) else ()
    return {str(key): text for key, text in items if isinstance(text, str)}
