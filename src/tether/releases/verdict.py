"""`verdict.json`: how a training that was repeated compares with the first one.

The verdict is the weakest of what holds for all artefacts and all metrics:

    bitwise     every artefact has the same bytes, every metric the same points
    tensors     every artefact has the same bytes or the same tensors
    metrics     artefacts differ, every metric is equal
    tolerance   every metric is equal or within its tolerance
    different   something is not
    failed      the command did not end well
"""

import math
from collections.abc import Callable, Mapping, Sequence
from enum import StrEnum
from typing import Any, Literal

import msgspec

from tether.core.jsondoc import canonical
from tether.runs.asked import Parent
from tether.runs.rundoc import Artefact, Number, RunRecord, Status, Summary

VERSION = 1


class Level(StrEnum):
    """How far a repetition came."""

    BITWISE = "bitwise"
    TENSORS = "tensors"
    METRICS = "metrics"
    TOLERANCE = "tolerance"
    DIFFERENT = "different"
    FAILED = "failed"

    @property
    def is_good(self) -> bool:
        """Whether the first one counts as reproduced."""
        return self not in (Level.DIFFERENT, Level.FAILED)


class ComparedFile(msgspec.Struct, frozen=True):
    """One artefact, or what was printed where there are neither artefacts nor metrics."""

    path: str
    level: Literal["bitwise", "tensors", "different", "missing"]
    old: str
    """Digest of the first."""
    new: str | None
    """Digest of the second."""


class ComparedMetric(msgspec.Struct, frozen=True):
    """One metric."""

    name: str
    level: Literal["equal", "tolerance", "different", "missing"]
    old: Number
    new: Number | None
    tolerance: float | None = None


class Verdict(msgspec.Struct, frozen=True):
    """How a repetition compares with the first.

    Attributes:
        verdict: The whole.
        reproduces: What was repeated.
        status: How the command ended.
        artefacts: Each of the first.
        metrics: Each of the first, but those that were to be ignored.
        packages: Those that differ, with both versions; None where one is not there.
        ignored: Metrics and artefacts that were left out.
        notes: What could not be made as it was, in words.
    """

    verdict: Level
    reproduces: Parent
    status: Status
    version: int = VERSION
    artefacts: tuple[ComparedFile, ...] = ()
    metrics: tuple[ComparedMetric, ...] = ()
    packages: dict[str, tuple[str | None, str | None]] = {}
    ignored: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    def __repr__(self) -> str:
        return f"Verdict({str(self.verdict)!r}, reproduces={self.reproduces.run!r})"

    def encode(self) -> bytes:
        """Return the bytes of `verdict.json`."""
        return canonical(msgspec.to_builtins(self))


class Result(msgspec.Struct, frozen=True):
    """What the repetition gave.

    Attributes:
        status: How it ended.
        artefacts: Digests by path.
        metrics: In short, by name.
        printed: Digest of what was printed.
    """

    status: Status
    artefacts: Mapping[str, str]
    metrics: Mapping[str, Summary]
    printed: str | None = None


class Rules(msgspec.Struct, frozen=True):
    """What counts as equal.

    Attributes:
        tolerance: By how much the last value of a metric may differ.
        ignored: Names of metrics, and paths of artefacts, that are left out.
    """

    tolerance: Mapping[str, float] = {}
    ignored: tuple[str, ...] = ()


SameTensors = Callable[[Artefact], bool]
"""Says of an artefact of the first, whose bytes differ, whether the tensors are the same."""


def compare_runs(
    first: RunRecord, printed: str | None, result: Result, rules: Rules, same_tensors: SameTensors
) -> tuple[Level, tuple[ComparedFile, ...], tuple[ComparedMetric, ...]]:
    """Return how a repetition compares, in whole and in its parts.

    Args:
        first: What was repeated.
        printed: The digest of what it printed.
        result: What the repetition gave.
        rules: What counts as equal.
        same_tensors: Asked where bytes differ.
    """
    files = [
        _file(each, result.artefacts.get(each.path), same_tensors)
        for each in first.artefacts
        if each.path not in rules.ignored
    ]
    metrics = [
        _metric(name, each, result.metrics.get(name), rules.tolerance.get(name))
        for name, each in first.metrics.items()
        if name not in rules.ignored
    ]
    if not files and not metrics and printed is not None:
        same = "bitwise" if result.printed == printed else "different"
        files = [ComparedFile("stdout", same, printed, result.printed)]  # type: ignore[arg-type]
    level = _whole(files, metrics) if result.status == Status.FINISHED else Level.FAILED
    return level, tuple(files), tuple(metrics)


def _file(first: Artefact, digest: str | None, same_tensors: SameTensors) -> ComparedFile:
    if digest is None:
        return ComparedFile(first.path, "missing", first.digest, None)
    if digest == first.digest:
        return ComparedFile(first.path, "bitwise", first.digest, digest)
    level: Literal["tensors", "different"] = "tensors" if same_tensors(first) else "different"
    return ComparedFile(first.path, level, first.digest, digest)


def _metric(name: str, first: Summary, second: Summary | None, tolerance: float | None) -> ComparedMetric:
    if second is None:
        return ComparedMetric(name, "missing", first.last, None, tolerance)
    level: Literal["equal", "tolerance", "different"] = "different"
    if first == second:
        level = "equal"
    elif tolerance is not None and _is_near(float(first.last), float(second.last), tolerance):
        level = "tolerance"
    return ComparedMetric(name, level, first.last, second.last, tolerance)


def _is_near(old: float, new: float, tolerance: float) -> bool:
    if not (math.isfinite(old) and math.isfinite(new)):
        return str(old) == str(new)
    return abs(old - new) <= tolerance


def _whole(files: Sequence[ComparedFile], metrics: Sequence[ComparedMetric]) -> Level:
    of_metrics = {each.level for each in metrics}
    of_files = {each.level for each in files}
    if not of_files and not of_metrics:
        return Level.DIFFERENT  # nothing shows that it is the same
    if of_metrics & {"different", "missing"}:
        return Level.DIFFERENT
    if "tolerance" in of_metrics:
        return Level.TOLERANCE
    if of_files <= {"bitwise"} and of_files:
        return Level.BITWISE
    if of_files <= {"bitwise", "tensors"} and of_files:
        return Level.TENSORS
    return Level.METRICS if of_metrics else Level.DIFFERENT


def package_changes(
    first: Mapping[str, Any], second: Mapping[str, Any]
) -> dict[str, tuple[str | None, str | None]]:
    """Return the packages whose versions differ between two environments, `python` itself among them."""
    old, new = _packages(first), _packages(second)
    return {
        name: (old.get(name), new.get(name))
        for name in sorted({*old, *new})
        if old.get(name) != new.get(name)
    }


def _packages(environment: Mapping[str, Any]) -> dict[str, str]:
    python = environment.get("python")
    if not isinstance(python, dict):
        return {}
    found = {"python": str(python.get("version"))}
    packages = python.get("packages")
    rows = packages.items() if isinstance(packages, dict) else ()
    return found | {normal_name(str(name)): str(version) for name, version in rows}


def normal_name(name: str) -> str:
    """Return the name of a package as indexes compare them."""
    return name.lower().replace("_", "-").replace(".", "-")
