"""Runs: begun, changed, logged into, read and searched."""

from collections.abc import Sequence
from typing import Any

import msgspec

from tether.errors import InvalidInput, NotFound
from tether.mlflow.calls import (
    EMPTY,
    Answer,
    Arguments,
    Call,
    decoded,
    pairs,
    shown,
    texts_of,
)
from tether.mlflow.document import RUNNING, STATUSES, Document, Input, Model, ModelMetric, Output
from tether.mlflow.experiments import experiment_of, stages
from tether.mlflow.filters import fits, ordered, page, read_filter
from tether.mlflow.store import Point, Run
from tether.mlflow.views import (
    ACTIVE,
    DELETED,
    NAME_TAG,
    experiment_id,
    number,
    point_view,
    run_info,
    run_name,
    run_view,
)

_MOST_RUNS = 1000
_MOST_PARAMETER = 6000
_MOST_POINTS = 25_000
_HISTORY_TAG = "mlflow.log-model.history"
_SECOND_MS = 1000


# -- logging, which is asked for most ---------------------------------------------------------


class _Metric(msgspec.Struct):
    """A value of a metric, as it is sent."""

    key: str
    value: float
    timestamp: int = 0
    step: int = 0
    model_id: str | None = None
    dataset_name: str | None = None
    dataset_digest: str | None = None


class _LogMetric(_Metric, kw_only=True):
    run_id: str = ""
    run_uuid: str = ""


class _Pair(msgspec.Struct):
    key: str
    value: str = ""


class _LogParameter(_Pair, kw_only=True):
    run_id: str = ""
    run_uuid: str = ""


class _LogBatch(msgspec.Struct):
    run_id: str = ""
    metrics: list[_Metric] = []
    params: list[_Pair] = []
    tags: list[_Pair] = []


def log_metric(call: Call) -> Answer:
    """Answer runs/log-metric."""
    asked = decoded(call.body, _LogMetric)
    run = asked.run_id or asked.run_uuid
    call.store.log(run, _new(call, run, [asked]), {})
    if asked.model_id:
        _measured(call, run, [asked])
    return EMPTY


def log_batch(call: Call) -> Answer:
    """Answer runs/log-batch."""
    asked = decoded(call.body, _LogBatch)
    parameters = {each.key: _parameter(each) for each in asked.params}
    call.store.log(asked.run_id, _new(call, asked.run_id, asked.metrics), parameters)
    if asked.tags:
        _tagged(call, asked.run_id, {each.key: each.value for each in asked.tags})
    of_models = [each for each in asked.metrics if each.model_id]
    if of_models:
        _measured(call, asked.run_id, of_models)
    return EMPTY


def log_parameter(call: Call) -> Answer:
    """Answer runs/log-parameter."""
    asked = decoded(call.body, _LogParameter)
    call.store.log(asked.run_id or asked.run_uuid, (), {asked.key: _parameter(asked)})
    return EMPTY


def _new(call: Call, run: str, metrics: Sequence[_Metric]) -> list[Point]:
    """Return the values that are new: a client that ties a model to values of its run sends these again."""
    known = {
        point
        for name in {each.key for each in metrics if each.model_id}
        for point in call.store.history(run, name)
    }
    points = [_point(each) for each in metrics]
    return [point for point in points if point not in known] if known else points


def _point(sent: _Metric) -> Point:
    return Point(sent.key, sent.value, sent.step, sent.timestamp)


def _parameter(sent: _Pair) -> str:
    if len(sent.value) > _MOST_PARAMETER:
        raise InvalidInput(f"the parameter {sent.key[:200]} is longer than {_MOST_PARAMETER} characters")
    return sent.value


def _measured(call: Call, run: str, metrics: list[_Metric]) -> None:
    """Keep the newest value of what was measured of models of a run."""
    document = call.store.run(run).document
    models = tuple(_with_metrics(each, metrics) for each in document.models)
    if models != document.models:
        call.store.keep(run, msgspec.structs.replace(document, models=models))


def _with_metrics(model: Model, metrics: list[_Metric]) -> Model:
    known = {(each.key, each.dataset): each for each in model.metrics}
    for each in metrics:
        if each.model_id == model.id:
            dataset = (each.dataset_name or "", each.dataset_digest or "")
            known[each.key, dataset] = ModelMetric(
                each.key, number(each.value), each.step, each.timestamp, dataset
            )
    return msgspec.structs.replace(model, metrics=tuple(known.values()))


# -- begun and changed ------------------------------------------------------------------------


def create(call: Call) -> Answer:
    """Answer runs/create."""
    arguments = Arguments(call)
    experiment = experiment_of(call.store, arguments.text_or("experiment_id", "0"))
    tags = arguments.pairs("tags")
    name = arguments.text_or("run_name") or tags.get(NAME_TAG, "")
    run = call.store.begin(
        Document(
            experiment=experiment.name,
            name=name,
            user=call.user or arguments.text_or("user_id"),
            status=RUNNING,
            started=arguments.integer("start_time", 0) or call.store.now(),
            tags=tags,
        )
    )
    return shown(run=run_view(run))


def get(call: Call) -> Answer:
    """Answer runs/get."""
    return shown(run=run_view(call.store.run(_run(Arguments(call)))))


def update(call: Call) -> Answer:
    """Answer runs/update."""
    arguments = Arguments(call)
    run = call.store.run(_run(arguments))
    document = run.document
    changes: dict[str, Any] = {}
    status = arguments.text_or("status")
    if status:
        if status not in STATUSES:
            raise InvalidInput(f"not a status: {status!r}")
        ended = None if status in (RUNNING, "SCHEDULED") else call.store.now()
        changes |= {"status": status, "ended": arguments.integer("end_time", 0) or ended}
    if arguments.has("run_name"):
        name = arguments.name("run_name")
        changes |= {"name": name, "tags": {**document.tags, NAME_TAG: name}}
    if changes:
        call.store.keep(run.id, msgspec.structs.replace(document, **changes))
    return shown(run_info=run_info(call.store.run(run.id)))


def delete(call: Call) -> Answer:
    """Answer runs/delete."""
    return _deleted(call, True)


def restore(call: Call) -> Answer:
    """Answer runs/restore."""
    return _deleted(call, False)


def _deleted(call: Call, deleted: bool) -> Answer:
    run = call.store.run(_run(Arguments(call)))
    call.store.keep(run.id, msgspec.structs.replace(run.document, deleted=deleted))
    return EMPTY


def set_tag(call: Call) -> Answer:
    """Answer runs/set-tag."""
    arguments = Arguments(call)
    _tagged(call, _run(arguments), {arguments.name("key"): arguments.text_or("value")})
    return EMPTY


def _tagged(call: Call, run: str, tags: dict[str, str]) -> None:
    document = call.store.run(run).document
    changed = msgspec.structs.replace(document, tags={**document.tags, **pairs(_pairs(tags))})
    if NAME_TAG in tags:
        changed = msgspec.structs.replace(changed, name=tags[NAME_TAG])
    call.store.keep(run, changed)


def _pairs(tags: dict[str, str]) -> list[dict[str, Any]]:
    return [{"key": key, "value": value} for key, value in tags.items()]


def delete_tag(call: Call) -> Answer:
    """Answer runs/delete-tag."""
    arguments = Arguments(call)
    run, key = _run(arguments), arguments.text("key")
    document = call.store.run(run).document
    if key not in document.tags:
        raise NotFound(f"No tag with name: {key} in run with id {run}")
    tags = {name: value for name, value in document.tags.items() if name != key}
    call.store.keep(run, msgspec.structs.replace(document, tags=tags))
    return EMPTY


def log_inputs(call: Call) -> Answer:
    """Answer runs/log-inputs: datasets and models that were read."""
    arguments = Arguments(call)
    run = _run(arguments)
    document = call.store.run(run).document
    new = [
        Input(texts_of(each.get("dataset")), pairs(each.get("tags") or []))
        for each in arguments.objects("datasets")
    ]
    new += [Input(model=str(each.get("model_id", ""))) for each in arguments.objects("models")]
    inputs = (*document.inputs, *(each for each in new if each not in document.inputs))
    call.store.keep(run, msgspec.structs.replace(document, inputs=inputs))
    return EMPTY


def log_outputs(call: Call) -> Answer:
    """Answer runs/outputs: models that were made."""
    arguments = Arguments(call)
    run = _run(arguments)
    document = call.store.run(run).document
    new = tuple(
        Output(str(each.get("model_id", "")), _step(each.get("step", 0)))
        for each in arguments.objects("models")
    )
    call.store.keep(run, msgspec.structs.replace(document, outputs=document.outputs + new))
    return EMPTY


def _step(value: object) -> int:
    try:
        return int(value) if isinstance(value, int | str) else 0
    except ValueError:
        raise InvalidInput(f"not a step: {value!r}") from None


def log_model(call: Call) -> Answer:
    """Answer runs/log-model, with which older clients tell of a model."""
    arguments = Arguments(call)
    run, text = _run(arguments), arguments.text("model_json", most=1 << 20)
    document = call.store.run(run).document
    try:
        told = msgspec.json.decode(text, type=dict[str, Any])
        history = msgspec.json.decode(document.tags.get(_HISTORY_TAG, "[]"), type=list[Any])
    except (msgspec.MsgspecError, RecursionError) as error:
        raise InvalidInput(f"Malformed model info. {error}") from None
    tags = {**document.tags, _HISTORY_TAG: msgspec.json.encode([*history, told]).decode()}
    call.store.keep(run, msgspec.structs.replace(document, tags=tags))
    return EMPTY


def _run(arguments: Arguments) -> str:
    return arguments.text("run_id", "run_uuid")


# -- read -------------------------------------------------------------------------------------


def history(call: Call) -> Answer:
    """Answer metrics/get-history."""
    arguments = Arguments(call)
    points = call.store.history(_run(arguments), arguments.text("metric_key"))
    some, token = page(
        points, arguments.integer("max_results", _MOST_POINTS), arguments.text_or("page_token")
    )
    return shown(metrics=[*map(point_view, some)], next_page_token=token)


def search(call: Call) -> Answer:
    """Answer runs/search."""
    arguments = Arguments(call)
    wanted = stages(arguments.text_or("run_view_type"))
    conditions = read_filter(arguments.text_or("filter"))
    experiments = set(arguments.texts("experiment_ids"))
    found = [
        run
        for run in call.store.runs()
        if (not experiments or experiment_id(run.document.experiment) in experiments)
        and (DELETED if run.document.deleted else ACTIVE) in wanted
        and fits(run, conditions, _look)
    ]
    found.sort(key=lambda run: (-run.document.started, run.id))
    several = ordered(found, arguments.texts("order_by"), _look)
    some, token = page(several, arguments.integer("max_results", _MOST_RUNS), arguments.text_or("page_token"))
    return shown(runs=[*map(run_view, some)], next_page_token=token)


def _look(run: Run, kind: str, key: str) -> Any:
    document = run.document
    if kind == "metric":
        point = run.latest().get(key)
        return None if point is None else point.value
    if kind == "param":
        return run.parameters.get(key)
    if kind == "tag":
        return run_name(run) if key == NAME_TAG else document.tags.get(key)
    if kind == "dataset":
        return _dataset(document, key)
    known = {
        "run_id": run.id,
        "run_name": run_name(run),
        "Run Name": run_name(run),
        "status": document.status,
        "user_id": document.user,
        "experiment_id": experiment_id(document.experiment),
        "start_time": document.started,
        "created": document.started,
        "Created": document.started,
        "end_time": document.ended,
        "artifact_uri": f"mlflow-artifacts:/{run.id}/artifacts",
    }
    if key not in known:
        raise InvalidInput(f"runs have no attribute {key!r}")
    return known[key]


def _dataset(document: Document, key: str) -> str | None:
    """Return a fact of the datasets; several are one text, so that LIKE finds each."""
    if key == "context":
        found = [each.tags.get("mlflow.data.context", "") for each in document.inputs]
    else:
        found = [each.dataset.get(key, "") for each in document.inputs]
    return "\n".join(each for each in found if each) or None
