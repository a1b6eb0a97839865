"""How two runs differ, as a page tells of it."""

from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from itertools import islice
from typing import Any, NamedTuple

from tether.core.names import path_bytes
from tether.core.tree import Entry, EntryKind
from tether.core.treediff import TreeChange, diff_trees
from tether.pages.differences.changed import kind_of
from tether.pages.records.known import beside, or_none
from tether.pages.records.onerun import MOST_PATCH, MOST_ROWS, place_page
from tether.pages.shelf import Shown
from tether.pages.words import figure
from tether.runs.differing import Pair, code_of, facts_of, flat, metrics_of, pairs
from tether.runs.journal import ENVIRONMENT, PATCH
from tether.runs.pinning import DATA, WORK
from tether.runs.reading import KnownRun, entries_of, environment_of

LOOKED_AT = 20_000
"""Files that differ between two inputs, which are counted; further ones are not looked at."""
_NAMED = 10


class Row(NamedTuple):
    """A value in both runs, as text and as it is; `change` is the second less the first, for numbers."""

    name: str
    old: str
    new: str
    change: str
    values: Pair


@dataclass(frozen=True, slots=True)
class DataRow:
    """How an input differs.

    Attributes:
        name: Of the input, for people.
        input: As the runs have it: `work` for the working copy.
        pages: Where both are, empty where that is not here.
        old: Its digest in the one; None where it was not read.
        new: In the other.
        counts: Files by `added`, `changed`, `removed`; None where they cannot be looked into.
        partial: There are more.
        named: Some of them, with the word.
        some: The same as they are.
    """

    name: str
    input: str
    pages: tuple[str, str]
    old: str | None
    new: str | None
    counts: dict[str, int] | None
    partial: bool
    named: list[tuple[str, bytes]]
    some: list[TreeChange]


@dataclass(frozen=True, slots=True)
class Diff:
    """How two runs differ; each part has what is not equal, at most `MOST_ROWS` rows."""

    old: KnownRun
    new: KnownRun
    facts: list[Row]
    parameters: list[Row]
    metrics: list[Row]
    data: list[DataRow]
    code: list[Row]
    patch: str
    environment: list[Row]


def diff_of(shown: Shown, old: KnownRun, new: KnownRun) -> Diff:
    """Compare two runs."""
    first, second = old.record, new.record
    environments = [or_none(partial(_environment, shown, run)) or {} for run in (old, new)]
    return Diff(
        old,
        new,
        _rows(pairs(facts_of(first), facts_of(second))),
        _rows(pairs(first.parameters, second.parameters)),
        _rows(pairs(metrics_of(first), metrics_of(second))),
        _data(shown, old, new),
        _rows(pairs(code_of(first), code_of(second))),
        _patches(shown, old, new),
        _rows(pairs(*environments)),
    )


def _environment(shown: Shown, run: KnownRun) -> dict[str, Any]:
    beside(shown, run, ENVIRONMENT)
    return dict(flat(environment_of(shown.repository, run)))


def _rows(found: dict[str, Pair]) -> list[Row]:
    return [_row(name, *pair) for name, pair in islice(found.items(), MOST_ROWS)]


def _row(name: str, old: Any, new: Any) -> Row:
    numbers = all(isinstance(each, int | float) and not isinstance(each, bool) for each in (old, new))
    with suppress(OverflowError):  # integers larger than any float
        return Row(name, _text(old), _text(new), f"{new - old:+.4g}" if numbers else "", (old, new))
    return Row(name, _text(old), _text(new), "", (old, new))


def _text(value: Any) -> str:
    if value is None:
        return ""
    text = figure(value) if isinstance(value, float) else str(value)
    return text if len(text) <= 300 else text[:299] + "…"


def _patches(shown: Shown, old: KnownRun, new: KnownRun) -> str:
    """Return how the changes beside the commits compare: `same`, `differ`, `lost`, `none` or `large`.

    `lost` also differs: only one was too large to be kept, so that it is larger than the other.
    """
    sides = [or_none(partial(beside, shown, run, PATCH, MOST_PATCH)) for run in (old, new)]
    told = [run.record.code.patch if run.record.code is not None else "none" for run in (old, new)]
    lost = [word == "too large" for word in told]
    if any(lost) and not all(lost):
        return "lost"
    if all(lost) or any(side is None and word == "whole" for side, word in zip(sides, told, strict=True)):
        return "large"
    if not any(sides):
        return "none"
    return "same" if sides[0] == sides[1] else "differ"


def _data(shown: Shown, old: KnownRun, new: KnownRun) -> list[DataRow]:
    inputs = [{each.name: each for each in run.record.data} for run in (old, new)]
    rows = []
    for name in sorted({*inputs[0], *inputs[1]})[:MOST_ROWS]:
        first, second = (side.get(name) for side in inputs)
        digests = [each.digest if each is not None else None for each in (first, second)]
        pages = [
            place_page(shown, each.commit, each.path) if each is not None else "" for each in (first, second)
        ]
        if digests[0] != digests[1]:
            rows.append(_data_row(shown, (old, new), (name, f"{DATA}/{name}"), digests, pages))
    works = [run.record.work.digest if run.record.work is not None else None for run in (old, new)]
    if all(works) and works[0] != works[1]:
        rows.append(_data_row(shown, (old, new), ("working copy", WORK), works, ["", ""]))
    return rows


def _data_row(
    shown: Shown,
    runs: tuple[KnownRun, KnownRun],
    names: tuple[str, str],
    digests: list[str | None],
    pages: list[str],
) -> DataRow:
    path = path_bytes(names[1])
    entries = [entries_of(shown.repository, run, [path]).get(path) for run in runs]
    found = or_none(partial(_changes, shown, entries))
    counts = None
    if found is not None:
        counts = dict.fromkeys(("added", "changed", "removed"), 0)
        for change in found[:LOOKED_AT]:
            counts[kind_of(change)] += 1
    some = (found or [])[:_NAMED]
    named = [(kind_of(change), change.path) for change in some]
    return DataRow(
        names[0],
        names[1].removeprefix(f"{DATA}/"),
        (pages[0], pages[1]),
        digests[0],
        digests[1],
        counts,
        len(found or ()) > LOOKED_AT,
        named,
        some,
    )


def _changes(shown: Shown, entries: list[Entry | None]) -> list[TreeChange] | None:
    """Return the files that differ between two inputs; None where both are not here."""
    old, new = entries
    if old is None or new is None:
        return None
    if {old.kind, new.kind} != {EntryKind.DIRECTORY}:
        return [TreeChange(new.name, old, new)]
    return list(islice(diff_trees(shown.repository.objects, old.digest, new.digest), LOOKED_AT + 1))
