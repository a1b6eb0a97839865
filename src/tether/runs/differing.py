"""How two runs differ by what is kept of them; what is equal is left out."""

import math
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from tether.runs.rundoc import RunRecord

Pair = tuple[Any, Any]
"""A value in the one and in the other run."""


def facts_of(record: RunRecord) -> dict[str, Any]:
    """Return status, command, ending and seeds of a run."""
    facts: dict[str, Any] = {"status": str(record.status), "command": " ".join(record.command)}
    facts |= {"exit": record.exit.code, "signal": record.exit.signal, "error": record.exit.error}
    return facts | {f"seed.{name}": value for name, value in record.seeds.items()}


def metrics_of(record: RunRecord) -> dict[str, float]:
    """Return the last value of each metric."""
    return {name: float(each.last) for name, each in record.metrics.items()}


def code_of(record: RunRecord) -> dict[str, Any]:
    """Return the version of the code."""
    found: dict[str, Any] = {} if record.code is None else msgspec.to_builtins(record.code)
    return found


def patch_is_lost(record: RunRecord) -> bool:
    """Say whether what was changed in the code beside the commit was too large to be kept."""
    return record.code is not None and record.code.patch == "too large"


def pairs(old: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, Pair]:
    """Return what differs, by name."""
    names = sorted({*old, *new})
    return {name: (old.get(name), new.get(name)) for name in names if not _same(old.get(name), new.get(name))}


def _same(old: Any, new: Any) -> bool:
    if isinstance(old, float) and isinstance(new, float) and math.isnan(old):
        return math.isnan(new)
    return bool(old == new) and isinstance(old, bool) == isinstance(new, bool)


def flat(value: Any, name: str = "") -> Iterator[tuple[str, Any]]:
    """Yield nested values under dotted names."""
    if isinstance(value, dict):
        for key, below in value.items():
            yield from flat(below, f"{name}.{key}" if name else str(key))
    elif isinstance(value, list) and any(isinstance(each, dict) for each in value):
        for number, below in enumerate(value):
            yield from flat(below, f"{name}.{number}")
    else:
        yield name, value
