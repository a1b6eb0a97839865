"""Which function answers which request."""

import re
from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any

from tether.errors import TetherError
from tether.mlflow import runs
from tether.mlflow.calls import Answer, Call, refused, unknown

_TRACKING = re.compile(r"/api/\d\.0/mlflow/")
_ARTEFACTS = re.compile(r"/api/\d\.0/mlflow-artifacts/artifacts(?:/(?P<place>.*))?\Z", re.DOTALL)
_LOGGED = re.compile(r"logged-models/(?P<model>[^/]+)(?P<rest>/.*)?\Z")

_Answering = Callable[[Call], Answer]
ROUTES: Mapping[tuple[str, str], _Answering | str] = {
    ("POST", "runs/log-metric"): runs.log_metric,
    ("POST", "runs/log-batch"): runs.log_batch,
    ("POST", "runs/log-parameter"): runs.log_parameter,
    ("POST", "runs/create"): runs.create,
    ("GET", "runs/get"): runs.get,
    ("POST", "runs/update"): runs.update,
    ("POST", "runs/delete"): runs.delete,
    ("POST", "runs/restore"): runs.restore,
    ("POST", "runs/set-tag"): runs.set_tag,
    ("POST", "runs/delete-tag"): runs.delete_tag,
    ("POST", "runs/log-inputs"): runs.log_inputs,
    ("POST", "runs/outputs"): runs.log_outputs,
    ("POST", "runs/log-model"): runs.log_model,
    ("POST", "runs/search"): runs.search,
    ("GET", "metrics/get-history"): runs.history,
    ("POST", "experiments/create"): "experiments.create",
    ("GET", "experiments/get"): "experiments.get",
    ("GET", "experiments/get-by-name"): "experiments.get_by_name",
    ("POST", "experiments/search"): "experiments.search",
    ("GET", "experiments/search"): "experiments.search",
    ("POST", "experiments/set-experiment-tag"): "experiments.set_tag",
    ("POST", "experiments/delete"): "experiments.delete",
    ("POST", "experiments/restore"): "experiments.restore",
    ("GET", "artifacts/list"): "artefacts.listing",
    ("POST", "logged-models"): "models.create",
    ("POST", "logged-models/search"): "models.search",
    ("POST", "registered-models/create"): "registering.create",
    ("GET", "registered-models/get"): "registering.get",
    ("PATCH", "registered-models/update"): "registering.update",
    ("POST", "registered-models/rename"): "registering.rename",
    ("DELETE", "registered-models/delete"): "registering.delete",
    ("GET", "registered-models/search"): "registering.search",
    ("POST", "registered-models/get-latest-versions"): "registering.latest",
    ("GET", "registered-models/get-latest-versions"): "registering.latest",
    ("POST", "registered-models/set-tag"): "registering.set_tag",
    ("DELETE", "registered-models/delete-tag"): "registering.delete_tag",
    ("POST", "registered-models/alias"): "registering.set_alias",
    ("GET", "registered-models/alias"): "registering.by_alias",
    ("DELETE", "registered-models/alias"): "registering.delete_alias",
    ("POST", "model-versions/create"): "registering.create_version",
    ("GET", "model-versions/get"): "registering.get_version",
    ("PATCH", "model-versions/update"): "registering.update_version",
    ("DELETE", "model-versions/delete"): "registering.delete_version",
    ("GET", "model-versions/search"): "registering.search_versions",
    ("GET", "model-versions/get-download-uri"): "registering.download_uri",
    ("POST", "model-versions/set-tag"): "registering.set_version_tag",
    ("DELETE", "model-versions/delete-tag"): "registering.delete_version_tag",
    ("POST", "model-versions/transition-stage"): "registering.move_stage",
}
"""By method and path below `/api/2.0/mlflow/`; those by name are imported when they are first asked for."""
_OF_A_MODEL: Mapping[tuple[str, str], str] = {
    ("GET", ""): "get",
    ("PATCH", ""): "finalize",
    ("DELETE", ""): "delete",
    ("PATCH", "/tags"): "set_tags",
    ("POST", "/params"): "log_params",
    ("GET", "/artifacts/directories"): "list_files",
}


def is_upload(method: str, path: str) -> bool:
    """Say whether the body of a request is a file, which may be large."""
    return method == "PUT" and _ARTEFACTS.match(path) is not None


def upload_place(path: str) -> str:
    """Return where the file of an upload goes."""
    found = _ARTEFACTS.match(path)
    return "" if found is None else found["place"] or ""


def is_reading(method: str, path: str) -> bool:
    """Say whether a request changes nothing."""
    return method == "GET" or path.endswith(("/search", "/get-latest-versions"))


def answer(call: Call) -> Answer:
    """Answer a request; what is wrong with it is an answer too."""
    try:
        return _answer(call)
    except TetherError as error:
        return refused(error)


def _answer(call: Call) -> Answer:
    tracking = _TRACKING.match(call.path)
    if tracking is not None:
        return _tracked(call, call.path[tracking.end() :].rstrip("/"))
    artefact = _ARTEFACTS.match(call.path)
    if artefact is not None:
        return _filed(call, artefact["place"] or "")
    return unknown(call)


def _tracked(call: Call, path: str) -> Answer:
    found = ROUTES.get((call.method, path))
    if found is not None:
        answering: _Answering = _named(found) if isinstance(found, str) else found
        return answering(call)
    logged = _LOGGED.match(path)
    if logged is None:
        return unknown(call)
    model, rest = logged["model"], logged["rest"] or ""
    if call.method == "DELETE" and rest.startswith("/tags/"):
        return _called("models.delete_tag", call, model, rest.removeprefix("/tags/"))
    name = _OF_A_MODEL.get((call.method, rest))
    if name is None:
        return unknown(call)
    return _called(f"models.{name}", call, model)


def _filed(call: Call, place: str) -> Answer:
    if call.method == "PUT":
        return _called("artefacts.upload", call, place)
    if call.method != "GET":
        return unknown(call)
    return _called("artefacts.download", call, place) if place else _called("artefacts.listing", call)


def _called(name: str, call: Call, *rest: str) -> Answer:
    found: Answer = _named(name)(call, *rest)
    return found


def _named(name: str) -> Any:
    module, _, function = name.partition(".")
    return getattr(import_module(f"tether.mlflow.{module}"), function)
