"""Logged models, which clients of version 3 tell of: their files are artefacts of the run that made them."""

import re
from typing import Any

import msgspec

from tether.errors import InvalidInput, NotFound
from tether.mlflow.calls import EMPTY, Answer, Arguments, Call, shown
from tether.mlflow.document import PENDING, Document, Model
from tether.mlflow.filters import fits, ordered, page, read_filter
from tether.mlflow.store import Store
from tether.mlflow.views import artifact_uri, experiment_id, model_view

FOLDER = "models"
_PREFIX = "m-"
_RUN_LENGTH = 26
_MOST = 1000
_STATUSES = {PENDING, "LOGGED_MODEL_READY", "LOGGED_MODEL_UPLOAD_FAILED"}
_Found = tuple[Model, str, Document]


def find_model(store: Store, model: str) -> _Found:
    """Return a model, its run and what is known of that; the id of a model has that of its run.

    Raises:
        NotFound: There is none.
    """
    run = model.removeprefix(_PREFIX)[:_RUN_LENGTH]
    if model.startswith(_PREFIX + run + "-"):
        try:
            document = store.run(run).document
        except (NotFound, InvalidInput):
            document = Document()
        for each in document.models:
            if each.id == model:
                return each, run, document
    raise NotFound(f"Logged model with ID '{model[:200]}' not found.")


def create(call: Call) -> Answer:
    """Answer logged-models."""
    arguments = Arguments(call)
    run = arguments.text_or("source_run_id") or call.store.home()
    if run is None:
        raise InvalidInput("a model is logged into a run", hint="begin one first")
    document, now = call.store.run(run).document, call.store.now()
    count = len(document.models) + 1
    name = arguments.text_or("name") or f"model-{count}"
    model = Model(
        id=f"{_PREFIX}{run}-{count}",
        name=name,
        folder=_folder(name, document),
        created=now,
        updated=now,
        type=arguments.text_or("model_type"),
        tags=arguments.pairs("tags"),
        params=arguments.pairs("params"),
    )
    document = msgspec.structs.replace(document, models=(*document.models, model))
    call.store.keep(run, document)
    return shown(model=model_view(model, run, document))


def _folder(name: str, document: Document) -> str:
    """Return where the files of a model go: under its name, and a number where that is taken."""
    plain = re.sub(r"[^\w.-]", "_", name)[:100].strip(".") or "model"
    taken = {each.folder for each in document.models}
    number, folder = 1, f"{FOLDER}/{plain}"
    while folder in taken:
        number += 1
        folder = f"{FOLDER}/{plain}-{number}"
    return folder


def get(call: Call, model: str) -> Answer:
    """Answer logged-models/ID."""
    return shown(model=model_view(*find_model(call.store, model)))


def finalize(call: Call, model: str) -> Answer:
    """Answer PATCH logged-models/ID."""
    status = Arguments(call).text("status")
    if status not in _STATUSES:
        raise InvalidInput(f"not a status: {status!r}")
    return _changed(call, model, status=status)


def set_tags(call: Call, model: str) -> Answer:
    """Answer PATCH logged-models/ID/tags."""
    found, _, _ = find_model(call.store, model)
    return _changed(call, model, tags={**found.tags, **Arguments(call).pairs("tags")})


def delete_tag(call: Call, model: str, key: str) -> Answer:
    """Answer DELETE logged-models/ID/tags/KEY."""
    found, _, _ = find_model(call.store, model)
    return _changed(call, model, tags={name: value for name, value in found.tags.items() if name != key})


def log_params(call: Call, model: str) -> Answer:
    """Answer logged-models/ID/params."""
    found, _, _ = find_model(call.store, model)
    return _changed(call, model, params={**found.params, **Arguments(call).pairs("params")})


def delete(call: Call, model: str) -> Answer:
    """Answer DELETE logged-models/ID: its files stay with the run."""
    _, run, document = find_model(call.store, model)
    models = tuple(each for each in document.models if each.id != model)
    call.store.keep(run, msgspec.structs.replace(document, models=models))
    return EMPTY


def _changed(call: Call, model: str, **changes: Any) -> Answer:
    found, run, document = find_model(call.store, model)
    new = msgspec.structs.replace(found, updated=call.store.now(), **changes)
    models = tuple(new if each.id == model else each for each in document.models)
    document = msgspec.structs.replace(document, models=models)
    call.store.keep(run, document)
    return shown(model=model_view(new, run, document))


def list_files(call: Call, model: str) -> Answer:
    """Answer logged-models/ID/artifacts/directories."""
    found, run, _ = find_model(call.store, model)
    path = Arguments(call).text_or("artifact_directory_path")
    listed = call.store.files(run, f"{found.folder}/{path}" if path else found.folder)
    before = f"{path}/" if path else ""
    files = [
        {"path": before + each.name, "is_dir": each.size is None, "file_size": each.size or 0}
        for each in listed
    ]
    return shown(root_uri=artifact_uri(run, found.folder), files=files)


def search(call: Call) -> Answer:
    """Answer logged-models/search."""
    arguments = Arguments(call)
    experiments = set(arguments.texts("experiment_ids"))
    conditions = read_filter(arguments.text_or("filter"))
    found: list[_Found] = [
        each
        for run in call.store.runs()
        if not experiments or experiment_id(run.document.experiment) in experiments
        for model in reversed(run.document.models)
        if fits(each := (model, run.id, run.document), conditions, _look)
    ]
    orders = [_order(each) for each in arguments.objects("order_by")]
    several = ordered(found, orders, _look)
    some, token = page(several, arguments.integer("max_results", _MOST), arguments.text_or("page_token"))
    return shown(models=[model_view(*each) for each in some], next_page_token=token)


def _order(row: dict[str, Any]) -> str:
    name = row.get("field_name")
    if not isinstance(name, str):
        raise InvalidInput("not an order of models")
    return f"{name} {'ASC' if row.get('ascending', True) else 'DESC'}"


def _look(found: _Found, kind: str, key: str) -> Any:
    model, run, document = found
    if kind == "metric":
        values = [each.value for each in model.metrics if each.key == key]
        return float(values[-1]) if values else None
    if kind in ("param", "tag"):
        return (model.params if kind == "param" else model.tags).get(key)
    known = {
        "name": model.name,
        "model_id": model.id,
        "model_type": model.type,
        "status": model.status.removeprefix("LOGGED_MODEL_"),
        "source_run_id": run,
        "experiment_id": experiment_id(document.experiment),
        "creation_time": model.created,
        "creation_timestamp": model.created,
        "last_updated_timestamp": model.updated,
    }
    if key not in known:
        raise InvalidInput(f"models have no attribute {key!r}")
    return known[key]
