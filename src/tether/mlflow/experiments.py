"""Experiments: names under which runs stand. They follow from the runs, and from what was said of names."""

import re
from dataclasses import dataclass, field
from typing import Any

from tether.errors import AlreadyExists, InvalidInput, NotFound
from tether.mlflow.calls import EMPTY, Answer, Arguments, Call, given, rows, shown
from tether.mlflow.document import DEFAULT, Event
from tether.mlflow.filters import fits, ordered, page, read_filter
from tether.mlflow.store import Store
from tether.mlflow.views import ACTIVE, DELETED, event_texts, experiment_id

MADE, TAGGED, GONE, BACK = "experiment", "experiment-tag", "experiment-deleted", "experiment-restored"
_VIEWS = {"": {ACTIVE}, "ACTIVE_ONLY": {ACTIVE}, "DELETED_ONLY": {DELETED}, "ALL": {ACTIVE, DELETED}}
_MOST = 1000


@dataclass(slots=True)
class Experiment:
    """One experiment; times are milliseconds since 1970."""

    name: str
    created: int = 0
    updated: int = 0
    tags: dict[str, str] = field(default_factory=dict)
    deleted: bool = False

    @property
    def id(self) -> str:
        """Its id."""
        return experiment_id(self.name)


def stages(view: str) -> set[str]:
    """Return which stages a client wants to see.

    Raises:
        InvalidInput: There is no such view.
    """
    if view not in _VIEWS:
        raise InvalidInput(f"not a view: {view!r}")
    return _VIEWS[view]


def from_events(store: Store) -> dict[str, Experiment]:
    """Return the experiments that something was said of, by id."""
    found = {"0": Experiment(DEFAULT)}
    for event in sorted(store.events(), key=lambda each: each.at):
        if event.kind not in (MADE, TAGGED, GONE, BACK):
            continue
        one = found.setdefault(experiment_id(event.name), Experiment(event.name, event.at))
        one.updated = max(one.updated, event.at)
        one.tags.update(event_texts(event, "tags"))
        one.deleted = event.kind == GONE or (one.deleted and event.kind != BACK)
    return found


def all_of(store: Store) -> dict[str, Experiment]:
    """Return all experiments by id."""
    found = from_events(store)
    for run in store.runs():
        document = run.document
        one = found.setdefault(
            experiment_id(document.experiment), Experiment(document.experiment, document.started)
        )
        one.updated = max(one.updated, document.started)
    return found


def experiment_of(store: Store, wanted: str) -> Experiment:
    """Return the experiment with an id, looking no further than the newest run that is in it.

    Raises:
        NotFound: There is none.
    """
    found = from_events(store).get(wanted)
    if found is not None:
        return found
    for run in store.runs():
        if experiment_id(run.document.experiment) == wanted:
            return Experiment(run.document.experiment, run.document.started, run.document.started)
    raise NotFound(f"No Experiment with id={wanted} exists")


def create(call: Call) -> Answer:
    """Answer experiments/create."""
    arguments = Arguments(call)
    name = arguments.name("name")
    if not re.search(r"\S", name) or arguments.text_or("artifact_location"):
        raise InvalidInput(
            "an experiment has a name, and keeps its artefacts here", hint="leave artifact_location out"
        )
    wanted = experiment_id(name)
    try:
        experiment_of(call.store, wanted)
    except NotFound:
        call.store.record(Event(call.store.now(), MADE, name, data={"tags": arguments.pairs("tags")}))
        return shown(experiment_id=wanted)
    raise AlreadyExists(f"Experiment(name={name}) already exists")


def get(call: Call) -> Answer:
    """Answer experiments/get."""
    return shown(experiment=_view(experiment_of(call.store, Arguments(call).text("experiment_id"))))


def get_by_name(call: Call) -> Answer:
    """Answer experiments/get-by-name."""
    name = Arguments(call).text("experiment_name")
    try:
        found = experiment_of(call.store, experiment_id(name))
    except NotFound:
        raise NotFound(f"Could not find experiment with name '{name}'") from None
    return shown(experiment=_view(found))


def search(call: Call) -> Answer:
    """Answer experiments/search."""
    arguments = Arguments(call)
    wanted = stages(arguments.text_or("view_type"))
    conditions = read_filter(arguments.text_or("filter"))
    found = [
        each
        for each in all_of(call.store).values()
        if (DELETED if each.deleted else ACTIVE) in wanted and fits(each, conditions, _look)
    ]
    newest = sorted(found, key=lambda each: (-each.created, each.id))
    several = ordered(newest, arguments.texts("order_by"), _look)
    shown_now, token = page(several, arguments.integer("max_results", _MOST), arguments.text_or("page_token"))
    return shown(experiments=[*map(_view, shown_now)], next_page_token=token)


def set_tag(call: Call) -> Answer:
    """Answer experiments/set-experiment-tag."""
    arguments = Arguments(call)
    tags = {arguments.name("key"): arguments.text_or("value")}
    return _said(call, TAGGED, {"tags": tags})


def delete(call: Call) -> Answer:
    """Answer experiments/delete: it is only hidden."""
    return _said(call, GONE, {})


def restore(call: Call) -> Answer:
    """Answer experiments/restore."""
    return _said(call, BACK, {})


def _said(call: Call, kind: str, data: dict[str, Any]) -> Answer:
    one = experiment_of(call.store, Arguments(call).text("experiment_id"))
    call.store.record(Event(call.store.now(), kind, one.name, data=data))
    return EMPTY


def _look(one: Experiment, kind: str, key: str) -> Any:
    if kind == "tag":
        return one.tags.get(key)
    known = {
        "name": one.name,
        "experiment_id": one.id,
        "creation_time": one.created,
        "last_update_time": one.updated,
    }
    if kind != "attribute" or key not in known:
        raise InvalidInput(f"experiments have no {kind} {key!r}")
    return known[key]


def _view(one: Experiment) -> dict[str, Any]:
    return given(
        experiment_id=one.id,
        name=one.name,
        artifact_location="mlflow-artifacts:/",
        lifecycle_stage=DELETED if one.deleted else ACTIVE,
        creation_time=one.created,
        last_update_time=one.updated,
        tags=rows(one.tags),
    )
