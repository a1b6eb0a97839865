"""How complete a release is: its class in the Model Openness Framework, and what is missing for the next one.

Source: the framework's specification 1.0 of 2024-12-15 (LF AI & Data). A component counts when it is there
and under an open licence. Classes add up: who lacks something of class III has none.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Any, Literal, NamedTuple

from tether.releases.licences import is_fitting, is_open
from tether.releases.manifest import Manifest, Part, is_included

Openness = Literal["I", "II", "III"]
Sort = Literal["code", "data", "document"]

_WITH_GRAPH = frozenset(["onnx", "keras"])
"""Formats that hold the architecture beside the numbers."""


class Component(NamedTuple):
    """One thing that the framework asks for.

    Attributes:
        name: What it calls it.
        sort: Which licences fit.
        needed: The class that needs it; None where it is welcome and not asked for.
        find: Gives the parts of a release that are it.
        add: How to add it, as options of `tether release create`.
    """

    name: str
    sort: Sort
    needed: Openness | None
    find: Callable[[Manifest], Iterable[Part]]
    add: str


class Found(NamedTuple):
    """One component of a release.

    Attributes:
        component: Which.
        lacks: Why it does not count; empty where it does.
        remark: What could be better; or empty.
    """

    component: Component
    lacks: str
    remark: str = ""


class Completeness(NamedTuple):
    """How complete a release is.

    Attributes:
        openness: Its class; None where it is less than class III.
        next: The class after it; None for class I.
        missing: What the next one needs.
        found: All components.
    """

    openness: Openness | None
    next: Openness | None
    missing: tuple[Found, ...]
    found: tuple[Found, ...]

    def document(self) -> dict[str, Any]:
        """Return it as JSON has it."""
        return {
            "class": self.openness,
            "next": self.next,
            "missing": [
                {"component": each.component.name, "reason": each.lacks, "add": each.component.add}
                for each in self.missing
            ],
            "components": [
                {
                    "component": each.component.name,
                    "class": each.component.needed,
                    "ok": not each.lacks,
                    "reason": each.lacks or None,
                    "remark": each.remark or None,
                }
                for each in self.found
            ],
        }


def completeness(manifest: Manifest) -> Completeness:
    """Return how complete a release is by what its manifest says."""
    found = tuple(_looked_at(manifest, component) for component in COMPONENTS)
    reached: Openness | None = None
    for openness in _CLASSES:
        missing = tuple(each for each in found if each.component.needed == openness and each.lacks)
        if missing:
            return Completeness(reached, openness, missing, found)
        reached = openness
    return Completeness(reached, None, (), found)


def _looked_at(manifest: Manifest, component: Component) -> Found:
    parts = list(component.find(manifest))
    if not parts:
        return Found(component, "not there")
    if not all(map(is_included, parts)):
        return Found(component, "private")
    licences = [manifest.licence_of(part) for part in parts]
    if None in licences:
        return Found(component, "without a licence")
    closed = [each for each in licences if each is not None and not is_open(each)]
    if closed:
        return Found(component, f"not under an open licence: {closed[0]}")
    unfit = [each for each in licences if each is not None and not is_fitting(each, component.sort)]
    remark = f"{unfit[0]} was not made for {_PLURAL[component.sort]}" if unfit else ""
    return Found(component, "", remark)


_CLASSES: tuple[Openness, ...] = ("III", "II", "I")
_PLURAL = {"code": "code", "data": "data", "document": "documents"}


def _code(*roles: str) -> Callable[[Manifest], list[Part]]:
    return lambda manifest: [part for part in manifest.code if part.role in roles]


def _data(*roles: str) -> Callable[[Manifest], list[Part]]:
    return lambda manifest: [part for part in manifest.data if part.role in roles]


def _documents(*roles: str) -> Callable[[Manifest], list[Part]]:
    return lambda manifest: [part for part in manifest.documents if part.role in roles]


def _architecture(manifest: Manifest) -> Sequence[Part]:
    graphs = [part for part in manifest.weights if part.format in _WITH_GRAPH]
    return [part for part in manifest.code if part.role == "architecture"] or graphs


def _results(manifest: Manifest) -> Sequence[Part]:
    return [*manifest.evaluations] or _documents("evaluation-results")(manifest)


def _report(manifest: Manifest) -> Sequence[Part]:
    return _documents("technical-report")(manifest) or _documents("research-paper")(manifest)


COMPONENTS = (
    Component("model architecture", "code", "III", _architecture, "--code architecture=PATH"),
    Component("final parameters", "data", "III", lambda manifest: manifest.weights, "--weights PATH"),
    Component("evaluation results", "document", "III", _results, "--evaluation RUN"),
    Component("model card", "document", "III", _documents("model-card"), "--card FILE"),
    Component("data card", "document", "III", _documents("data-card"), "--document data-card=FILE"),
    Component("technical report", "document", "III", _report, "--document technical-report=FILE"),
    Component("training code", "code", "II", _code("training"), "--code training=PATH"),
    Component("inference code", "code", "II", _code("inference"), "--code inference=PATH"),
    Component("evaluation code", "code", "II", _code("evaluation"), "--code evaluation=PATH"),
    Component("evaluation data", "data", "II", _data("evaluation", "test"), "--data evaluation=REV:PATH"),
    Component("datasets", "data", "I", _data("train", "validation"), "--data train=REV:PATH"),
    Component("data preprocessing code", "code", "I", _code("preprocessing"), "--code preprocessing=PATH"),
    Component(
        "intermediate parameters", "data", "I", lambda manifest: manifest.checkpoints, "--checkpoint PATH"
    ),
    Component(
        "research paper", "document", "I", _documents("research-paper"), "--document research-paper=FILE"
    ),
    Component("supporting libraries", "code", None, _code("libraries"), "--code libraries=PATH"),
    Component(
        "sample outputs", "document", None, _documents("sample-outputs"), "--document sample-outputs=FILE"
    ),
)
"""In the order of the classes. The model metadata of the framework are what the run records."""
