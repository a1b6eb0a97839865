"""The registry of models: it is nowhere kept as such, and follows from what happened to it.

Each event lies in the run that it belongs to, so the registry travels with the runs. Where two people
registered the same version of a model apart from each other, the later one gets the next free number.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from tether.errors import InvalidInput, NotFound
from tether.mlflow.document import Event
from tether.mlflow.store import Store
from tether.mlflow.views import event_text, event_texts

MODEL, MODEL_CHANGED, MODEL_RENAMED, MODEL_GONE = "model", "model-changed", "model-renamed", "model-deleted"
VERSION, VERSION_CHANGED, VERSION_GONE = "version", "version-changed", "version-deleted"
ALIAS, ALIAS_GONE = "alias", "alias-deleted"
_NO_STAGE = "None"


@dataclass(slots=True)
class Version:
    """A registered version of a model: a draft of a release.

    Attributes:
        name: Of the model.
        number: Of the version.
        created: Milliseconds since 1970, as `updated`.
        source: Where its files are, as the client said.
        run: That made it; empty where nobody said so.
        model: The id of the logged model, if it was one.
    """

    name: str
    number: int
    created: int
    updated: int
    source: str = ""
    run: str = ""
    model: str = ""
    user: str = ""
    description: str = ""
    link: str = ""
    stage: str = _NO_STAGE
    tags: dict[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class Registered:
    """A registered model."""

    name: str
    created: int
    updated: int
    user: str = ""
    description: str = ""
    tags: dict[str, str] = field(default_factory=dict)
    versions: dict[int, Version] = field(default_factory=dict)
    aliases: dict[str, int] = field(default_factory=dict)
    given: dict[tuple[int, str], int] = field(default_factory=dict)
    """The number of a version by the one that its client was told and its source."""


Registry = dict[str, Registered]


def registry_of(store: Store) -> Registry:
    """Return the registered models of a store by name."""
    return replayed(store.events())


def replayed(events: Iterable[Event]) -> Registry:
    """Return the registered models that events lead to; those that say nothing possible are passed over."""
    found: Registry = {}
    for event in sorted(events, key=lambda each: (each.at, each.name, each.version or 0)):
        change = _CHANGES.get(event.kind)
        if change is None:
            continue
        if event.kind in (MODEL, VERSION):
            found.setdefault(event.name, Registered(event.name, event.at, event.at))
        model = found.get(event.name)
        if model is not None:
            model.updated = event.at
            change(found, model, event)
    return found


def model_of(registry: Registry, name: str) -> Registered:
    """Return a registered model.

    Raises:
        NotFound: There is none.
    """
    if name not in registry:
        raise NotFound(f"Registered Model with name={name} not found")
    return registry[name]


def version_of(registry: Registry, name: str, version: int) -> Version:
    """Return a version of a registered model.

    Raises:
        NotFound: There is none.
    """
    found = model_of(registry, name).versions.get(version)
    if found is None:
        raise NotFound(f"Model Version (name={name}, version={version}) not found")
    return found


def read_version(text: str) -> int:
    """Return the number of a version.

    Raises:
        InvalidInput: It is none.
    """
    if not (text.isascii() and text.isdigit() and len(text) < 10):
        raise InvalidInput(f"not a version: {text[:200]!r}")
    return int(text)


def _describe(thing: Registered | Version, event: Event) -> None:
    if "description" in event.data:
        thing.description = event_text(event, "description")
    thing.tags.update(event_texts(event, "tags"))
    thing.tags.pop(event_text(event, "untag"), None)
    thing.updated = event.at


def _made(_: Registry, model: Registered, event: Event) -> None:
    model.user = model.user or event_text(event, "user")
    _describe(model, event)


def _changed(_: Registry, model: Registered, event: Event) -> None:
    _describe(model, event)


def _renamed(registry: Registry, model: Registered, event: Event) -> None:
    new = event_text(event, "to")
    if new and new not in registry:
        registry[new] = registry.pop(model.name)
        model.name = new
        for each in model.versions.values():
            each.name = new


def _gone(registry: Registry, model: Registered, event: Event) -> None:
    del registry[model.name]


def _registered(_: Registry, model: Registered, event: Event) -> None:
    source = event_text(event, "source")
    number = told = event.version or 1
    while number in model.versions:
        number += 1
    model.given[told, source] = number
    version = Version(
        name=model.name,
        number=number,
        created=event.at,
        updated=event.at,
        source=source,
        run=event_text(event, "run"),
        model=event_text(event, "model"),
        user=event_text(event, "user"),
        link=event_text(event, "link"),
    )
    _describe(version, event)
    model.versions[number] = version


def _meant(model: Registered, event: Event) -> Version | None:
    """Return the version that an event is about; its source tells which, where a number was given twice."""
    told = event.version or 0
    return model.versions.get(model.given.get((told, event_text(event, "source")), told))


def _version_changed(_: Registry, model: Registered, event: Event) -> None:
    version = _meant(model, event)
    if version is not None:
        _describe(version, event)
        version.stage = event_text(event, "stage") or version.stage


def _version_gone(_: Registry, model: Registered, event: Event) -> None:
    version = _meant(model, event)
    if version is not None:
        del model.versions[version.number]
        model.aliases = {alias: number for alias, number in model.aliases.items() if number != version.number}


def _aliased(_: Registry, model: Registered, event: Event) -> None:
    version = _meant(model, event)
    if version is not None:
        model.aliases[event_text(event, "alias")] = version.number


def _unaliased(_: Registry, model: Registered, event: Event) -> None:
    model.aliases.pop(event_text(event, "alias"), None)


_CHANGES: Mapping[str, Callable[[Registry, Registered, Event], Any]] = {
    MODEL: _made,
    MODEL_CHANGED: _changed,
    MODEL_RENAMED: _renamed,
    MODEL_GONE: _gone,
    VERSION: _registered,
    VERSION_CHANGED: _version_changed,
    VERSION_GONE: _version_gone,
    ALIAS: _aliased,
    ALIAS_GONE: _unaliased,
}
