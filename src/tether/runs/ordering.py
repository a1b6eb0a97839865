"""Runs in the order of a value."""

import math
from collections.abc import Iterable, Sequence
from typing import Any, TypeVar

from tether.runs.conditions import text_of, value_of
from tether.runs.reading import KnownRun

T = TypeVar("T")


def ordered(runs: Sequence[KnownRun], by: str) -> list[KnownRun]:
    """Sort by a value, with `-` before its name the other way round; runs without it come last either way."""
    name = by.removeprefix("-")
    return arranged([(value_of(run.record, name), run) for run in runs], falling=by.startswith("-"))


def arranged(valued: Iterable[tuple[Any, T]], *, falling: bool) -> list[T]:
    """Return things in the order of their values; those without one keep their order and come last.

    Args:
        valued: Each with its value, which is None where there is none.
        falling: The greatest first.
    """
    rows = list(valued)
    having = [row for row in rows if _is_known(row[0])]
    numbers = all(isinstance(value, int | float) for value, _ in having)
    having.sort(key=lambda row: row[0] if numbers else text_of(row[0]), reverse=falling)
    return [thing for _, thing in having] + [thing for value, thing in rows if not _is_known(value)]


def _is_known(value: Any) -> bool:
    return value is not None and not (isinstance(value, float) and math.isnan(value))
