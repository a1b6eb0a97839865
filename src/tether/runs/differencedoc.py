"""How two runs differ, as JSON has it: one form for the command line and for hubs."""

import os
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from tether.runs.differing import Pair
from tether.runs.rundoc import number

PARTS = ("facts", "parameters", "metrics", "code", "environment")
"""What differs by name, in the order in which it is told."""
_COUNTED = ("added", "changed", "removed")


class InputDifference(NamedTuple):
    """How an input differs.

    Attributes:
        name: Of the input; `work` for the working copy.
        old: Its digest in the one run; None where that did not read it.
        new: In the other.
        files: Files that differ, each with a word such as `added`; None where both could not be looked into.
        counts: How many there are by `added`, `changed` and `removed`; None counts `files`.
        complete: Whether these are all.
    """

    name: str
    old: str | None
    new: str | None
    files: Iterable[tuple[bytes, str]] | None
    counts: Mapping[str, int] | None = None
    complete: bool = True


def difference_document(
    runs: tuple[str, str],
    parts: Mapping[str, Mapping[str, Pair]],
    patch: bool | None,
    data: Iterable[InputDifference],
) -> dict[str, Any]:
    """Return how two runs differ.

    Args:
        runs: Their ids.
        parts: What differs, by name, of each of `PARTS`.
        patch: Whether what was changed in the code beside the commits differs; None where nobody can tell.
        data: The inputs that differ.
    """
    document: dict[str, Any] = {"old": runs[0], "new": runs[1]}
    for title, pairs in parts.items():
        document[title] = {name: _sides(pair) for name, pair in pairs.items()}
    return {**document, "patch": patch, "data": [_input(each) for each in data]}


def _sides(pair: Pair) -> dict[str, Any]:
    old, new = (number(value) if isinstance(value, float) else value for value in pair)
    return {"old": old, "new": new}


def _input(each: InputDifference) -> dict[str, Any]:
    files = None if each.files is None else [*each.files]
    counts: Mapping[str, int | None] = dict.fromkeys(_COUNTED)
    if files is not None:
        counts = each.counts if each.counts is not None else _counted(files)
    return {
        "name": each.name,
        "old": each.old,
        "new": each.new,
        **{word: counts[word] for word in _COUNTED},
        "complete": files is not None and each.complete,
        "files": [{"path": os.fsdecode(path), "change": word} for path, word in files or ()],
    }


def _counted(files: Iterable[tuple[bytes, str]]) -> dict[str, int]:
    """Count files by whether they came, went, or are there on both sides, in whatever way they differ."""
    counts = dict.fromkeys(_COUNTED, 0)
    for _, word in files:
        counts[word if word in counts else "changed"] += 1
    return counts
