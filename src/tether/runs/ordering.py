"""Runs in the order of a value."""

import math
from collections.abc import Sequence
from typing import Any

from tether.runs.conditions import text_of, value_of
from tether.runs.reading import KnownRun


def ordered(runs: Sequence[KnownRun], by: str) -> list[KnownRun]:
    """Sort by a value, with `-` before its name the other way round; runs without it come last either way."""
    name = by.removeprefix("-")
    having = [(value, run) for run in runs if _is_known(value := value_of(run.record, name))]
    numbers = all(isinstance(value, int | float) for value, _ in having)
    having.sort(key=lambda each: each[0] if numbers else text_of(each[0]), reverse=by.startswith("-"))
    kept = {run.id for _, run in having}
    return [run for _, run in having] + [run for run in runs if run.id not in kept]


def _is_known(value: Any) -> bool:
    return value is not None and not (isinstance(value, float) and math.isnan(value))
