"""What clients ask of the registry: models, their versions and aliases."""

import re
from typing import Any

from tether.errors import AlreadyExists, InvalidInput, NotFound
from tether.mlflow import registry as known
from tether.mlflow.calls import EMPTY, Answer, Arguments, Call, given, rows, shown
from tether.mlflow.document import Event
from tether.mlflow.filters import fits, ordered, page, read_filter
from tether.mlflow.models import find_model
from tether.mlflow.registry import (
    Registered,
    Registry,
    Version,
    model_of,
    read_version,
    registry_of,
    version_of,
)
from tether.mlflow.store import Store
from tether.mlflow.views import artifact_uri

_MOST_MODELS, _MOST_VERSIONS = 100, 10_000
_STAGES = {each.lower(): each for each in ("None", "Staging", "Production", "Archived")}
_IS_PROMPT, _FALSE = "mlflow.prompt.is_prompt", "false"
_MODELS = "models:/"


def create(call: Call) -> Answer:
    """Answer registered-models/create."""
    arguments = Arguments(call)
    name = arguments.name("name")
    if "/" in name or ":" in name:
        raise InvalidInput(f"Registered model name cannot contain '/' or ':': {name!r}")
    if name in registry_of(call.store):
        raise AlreadyExists(f"Registered Model (name={name}) already exists.")
    data = given(user=call.user or None, tags=arguments.pairs("tags") or None)
    if arguments.text_or("description"):
        data["description"] = arguments.text_or("description")
    _tell(call, known.MODEL, name, None, data)
    return _model(call, name)


def get(call: Call) -> Answer:
    """Answer registered-models/get."""
    return _model(call, Arguments(call).text("name"))


def update(call: Call) -> Answer:
    """Answer registered-models/update."""
    arguments = Arguments(call)
    name = _known(call, arguments)
    _tell(call, known.MODEL_CHANGED, name, None, {"description": arguments.text_or("description")})
    return _model(call, name)


def rename(call: Call) -> Answer:
    """Answer registered-models/rename."""
    arguments = Arguments(call)
    name, new = _known(call, arguments), arguments.name("new_name")
    if new in registry_of(call.store):
        raise AlreadyExists(f"Registered Model (name={new}) already exists.")
    _tell(call, known.MODEL_RENAMED, name, None, {"to": new})
    return _model(call, new)


def delete(call: Call) -> Answer:
    """Answer registered-models/delete: files of its versions stay with their runs."""
    _tell(call, known.MODEL_GONE, _known(call, Arguments(call)), None, {})
    return EMPTY


def set_tag(call: Call) -> Answer:
    """Answer registered-models/set-tag."""
    arguments = Arguments(call)
    tags = {arguments.name("key"): arguments.text_or("value")}
    _tell(call, known.MODEL_CHANGED, _known(call, arguments), None, {"tags": tags})
    return EMPTY


def delete_tag(call: Call) -> Answer:
    """Answer registered-models/delete-tag."""
    arguments = Arguments(call)
    _tell(call, known.MODEL_CHANGED, _known(call, arguments), None, {"untag": arguments.name("key")})
    return EMPTY


def search(call: Call) -> Answer:
    """Answer registered-models/search."""
    arguments = Arguments(call)
    conditions = read_filter(arguments.text_or("filter"))
    found = [each for each in registry_of(call.store).values() if fits(each, conditions, _look_model)]
    found = ordered(sorted(found, key=lambda each: each.name), arguments.texts("order_by"), _look_model)
    some, token = page(found, arguments.integer("max_results", _MOST_MODELS), arguments.text_or("page_token"))
    return shown(registered_models=[*map(_model_view, some)], next_page_token=token)


def latest(call: Call) -> Answer:
    """Answer registered-models/get-latest-versions."""
    arguments = Arguments(call)
    model = model_of(registry_of(call.store), arguments.text("name"))
    wanted = {_stage(each) for each in arguments.texts("stages")}
    found = [each for each in _latest(model) if not wanted or each.stage in wanted]
    return shown(model_versions=[_version_view(each, model) for each in found])


# -- aliases ----------------------------------------------------------------------------------


def set_alias(call: Call) -> Answer:
    """Answer POST registered-models/alias."""
    arguments = Arguments(call)
    alias = arguments.name("alias")
    if alias.lower() == "latest" or re.fullmatch(r"v?\d+", alias, re.IGNORECASE) or not _plain(alias):
        raise InvalidInput(f"not a name of an alias: {alias!r}")
    version = _version(call, arguments)
    _tell_version(call, known.ALIAS, version, {"alias": alias})
    return EMPTY


def _plain(alias: str) -> bool:
    return re.fullmatch(r"[\w.-]+", alias) is not None


def delete_alias(call: Call) -> Answer:
    """Answer DELETE registered-models/alias."""
    arguments = Arguments(call)
    _tell(call, known.ALIAS_GONE, _known(call, arguments), None, {"alias": arguments.name("alias")})
    return EMPTY


def by_alias(call: Call) -> Answer:
    """Answer GET registered-models/alias."""
    arguments = Arguments(call)
    name, alias = arguments.text("name"), arguments.text("alias")
    model = model_of(registry_of(call.store), name)
    if alias not in model.aliases:
        raise InvalidInput(f"Registered model alias {alias} not found.")
    return shown(model_version=_version_view(model.versions[model.aliases[alias]], model))


# -- versions ---------------------------------------------------------------------------------


def create_version(call: Call) -> Answer:
    """Answer model-versions/create."""
    arguments = Arguments(call)
    name, source = arguments.text("name"), arguments.text("source")
    model = model_of(registry_of(call.store), name)
    logged, run = arguments.text_or("model_id"), arguments.text_or("run_id")
    if logged:
        _, made_by, _ = find_model(call.store, logged)
        run = run or made_by
    if run:
        call.store.run(run)
    data = given(
        source=source,
        run=run or None,
        model=logged or None,
        user=call.user or None,
        link=arguments.text_or("run_link") or None,
        description=arguments.text_or("description") or None,
        tags=arguments.pairs("tags") or None,
    )
    number = max(model.versions, default=0) + 1
    _tell(call, known.VERSION, name, number, data)
    return _version_answer(call, name, number)


def get_version(call: Call) -> Answer:
    """Answer model-versions/get."""
    version = _version(call, Arguments(call))
    return _version_answer(call, version.name, version.number)


def update_version(call: Call) -> Answer:
    """Answer model-versions/update."""
    arguments = Arguments(call)
    version = _version(call, arguments)
    changed = {"description": arguments.text_or("description")}
    _tell_version(call, known.VERSION_CHANGED, version, changed)
    return _version_answer(call, version.name, version.number)


def delete_version(call: Call) -> Answer:
    """Answer model-versions/delete."""
    _tell_version(call, known.VERSION_GONE, _version(call, Arguments(call)), {})
    return EMPTY


def set_version_tag(call: Call) -> Answer:
    """Answer model-versions/set-tag."""
    arguments = Arguments(call)
    tags = {arguments.name("key"): arguments.text_or("value")}
    _tell_version(call, known.VERSION_CHANGED, _version(call, arguments), {"tags": tags})
    return EMPTY


def delete_version_tag(call: Call) -> Answer:
    """Answer model-versions/delete-tag."""
    arguments = Arguments(call)
    changed = {"untag": arguments.name("key")}
    _tell_version(call, known.VERSION_CHANGED, _version(call, arguments), changed)
    return EMPTY


def move_stage(call: Call) -> Answer:
    """Answer model-versions/transition-stage."""
    arguments = Arguments(call)
    version, stage = _version(call, arguments), _stage(arguments.text("stage"))
    if arguments.flag("archive_existing_versions"):
        for each in model_of(registry_of(call.store), version.name).versions.values():
            if each.stage == stage and each.number != version.number:
                _tell_version(call, known.VERSION_CHANGED, each, {"stage": "Archived"})
    _tell_version(call, known.VERSION_CHANGED, version, {"stage": stage})
    return _version_answer(call, version.name, version.number)


def search_versions(call: Call) -> Answer:
    """Answer model-versions/search."""
    arguments = Arguments(call)
    conditions = read_filter(arguments.text_or("filter"))
    registry = registry_of(call.store)
    found = [
        version
        for model in registry.values()
        for version in model.versions.values()
        if fits(version, conditions, _look_version)
    ]
    found.sort(key=lambda each: (each.name, -each.number))
    found = ordered(found, arguments.texts("order_by"), _look_version)
    some, token = page(
        found, arguments.integer("max_results", _MOST_VERSIONS), arguments.text_or("page_token")
    )
    shown_now = [_version_view(each, registry[each.name]) for each in some]
    return shown(model_versions=shown_now, next_page_token=token)


def download_uri(call: Call) -> Answer:
    """Answer model-versions/get-download-uri."""
    return shown(artifact_uri=location_of(call.store, _version(call, Arguments(call))))


def location_of(store: Store, version: Version) -> str:
    """Return where the files of a version are: those of its logged model, or what the client said."""
    logged = version.source.removeprefix(_MODELS) if version.source.startswith(_MODELS) else version.model
    try:
        model, run, _ = find_model(store, logged)
    except NotFound:
        return version.source
    return artifact_uri(run, model.folder)


# -- what all share ---------------------------------------------------------------------------


def _tell(call: Call, kind: str, name: str, version: int | None, data: dict[str, Any]) -> None:
    call.store.record(Event(call.store.now(), kind, name, version, data))


def _tell_version(call: Call, kind: str, version: Version, data: dict[str, Any]) -> None:
    """Keep what happened to a version; its source tells it from another of the same number elsewhere."""
    _tell(call, kind, version.name, version.number, {**data, "source": version.source})


def _known(call: Call, arguments: Arguments) -> str:
    return model_of(registry_of(call.store), arguments.text("name")).name


def _version(call: Call, arguments: Arguments) -> Version:
    number = read_version(arguments.text("version"))
    return version_of(registry_of(call.store), arguments.text("name"), number)


def _model(call: Call, name: str) -> Answer:
    return shown(registered_model=_model_view(model_of(registry_of(call.store), name)))


def _version_answer(call: Call, name: str, number: int) -> Answer:
    registry: Registry = registry_of(call.store)
    version = version_of(registry, name, number)
    return shown(model_version=_version_view(version, registry[name]))


def _stage(text: str) -> str:
    if text.lower() not in _STAGES:
        raise InvalidInput(f"Invalid Model Version stage: {text[:200]!r}")
    return _STAGES[text.lower()]


def _latest(model: Registered) -> list[Version]:
    """Return the newest version of each stage."""
    newest = {
        each.stage: each for each in sorted(model.versions.values(), key=lambda version: version.number)
    }
    return [*newest.values()]


def _look_model(model: Registered, kind: str, key: str) -> Any:
    if kind == "tag":
        return _tag(model.tags, key)
    facts = {
        "name": model.name,
        "creation_timestamp": model.created,
        "timestamp": model.updated,
        "last_updated_timestamp": model.updated,
    }
    if kind != "attribute" or key not in facts:
        raise InvalidInput(f"registered models have no {kind} {key!r}")
    return facts[key]


def _look_version(version: Version, kind: str, key: str) -> Any:
    if kind == "tag":
        return _tag(version.tags, key)
    facts = {
        "name": version.name,
        "version_number": version.number,
        "version": version.number,
        "run_id": version.run,
        "source": version.source,
        "source_path": version.source,
        "model_id": version.model,
        "user_id": version.user,
        "creation_timestamp": version.created,
        "timestamp": version.updated,
        "last_updated_timestamp": version.updated,
    }
    if kind != "attribute" or key not in facts:
        raise InvalidInput(f"versions of models have no {kind} {key!r}")
    return facts[key]


def _tag(tags: dict[str, str], key: str) -> str | None:
    """Return a tag; models that do not say that they are prompts are none, which clients ask for."""
    return tags.get(key, _FALSE if key == _IS_PROMPT else None)


def _model_view(model: Registered) -> dict[str, Any]:
    return given(
        name=model.name,
        creation_timestamp=model.created,
        last_updated_timestamp=model.updated,
        user_id=model.user or None,
        description=model.description or None,
        latest_versions=[_version_view(each, model) for each in _latest(model)],
        tags=rows(model.tags),
        aliases=[{"alias": alias, "version": str(number)} for alias, number in sorted(model.aliases.items())],
    )


def _version_view(version: Version, model: Registered) -> dict[str, Any]:
    return given(
        name=version.name,
        version=str(version.number),
        creation_timestamp=version.created,
        last_updated_timestamp=version.updated,
        user_id=version.user or None,
        current_stage=version.stage,
        description=version.description or None,
        source=version.source,
        run_id=version.run or None,
        run_link=version.link or None,
        model_id=version.model or None,
        status="READY",
        tags=rows(version.tags),
        aliases=sorted(alias for alias, number in model.aliases.items() if number == version.number),
    )
