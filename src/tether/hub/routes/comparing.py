"""Routes that set two runs side by side: what differs between them, and how their models compare."""

import json
import math
from collections.abc import Callable, Mapping
from typing import Annotated, Any, Literal, TypeAlias

from fastapi import APIRouter, Depends, Query
from starlette.responses import Response

from tether.core.treediff import TreeChange, changed_word
from tether.evals.comparisondoc import comparison_document
from tether.hub.access import Role
from tether.hub.pushedmeasures import told_bench_diff
from tether.hub.queues import HEAVY
from tether.hub.routes.dependencies import OPEN, Hosted, repository_for
from tether.hub.routes.documents import Document
from tether.hub.routes.records import told, told_by
from tether.pages.records.compared import Side, compared_runs
from tether.pages.records.differing import DataRow, Diff, diff_of
from tether.pages.records.known import run_shown
from tether.pages.shelf import Shown
from tether.repo.repository import Repository
from tether.runs.differencedoc import PARTS, InputDifference, difference_document
from tether.runs.reading import KnownRun

router = APIRouter(prefix="/repos/{owner}/{name}/runs", tags=["records"])
Readable = Annotated[Hosted, Depends(repository_for(Role.READ))]
RunId = Annotated[str, Query(min_length=1, max_length=40)]
Sides: TypeAlias = dict[str, Any]
"""The value in the `old` and in the `new` run, null where there is none."""
_PATCHES: Mapping[str, bool | None] = {
    "same": False,
    "none": False,
    "differ": True,
    "lost": True,
    "large": None,
}
"""Whether patches differ, by the word of pages."""
Vary = Annotated[list[Literal["runtime", "threads", "python", "blas", "inputs"]], Query(max_length=5)]
COST = 5
"""As how many requests one for a comparison of benches counts."""


class DataDifference(Document):
    """How an input differs: by digest, and by files where the hub has both; it names the first of them."""

    name: str
    old: str | None
    new: str | None
    added: int | None
    changed: int | None
    removed: int | None
    complete: bool
    files: list[dict[str, str]]


class DifferenceDocument(Document):
    """What differs between two runs, by name, as `tether runs diff --json` tells it.

    Numbers that JSON has not are text. `patch` is null where both were too large to be kept, or one is too
    large to be read.
    """

    old: str
    new: str
    facts: dict[str, Sides]
    parameters: dict[str, Sides]
    metrics: dict[str, Sides]
    code: dict[str, Sides]
    environment: dict[str, Sides]
    patch: bool | None
    data: list[DataDifference]


class ComparisonDocument(Document):
    """Two models on the same examples, as `tether compare --json` tells it, without rules and benches."""

    old: dict[str, str]
    new: dict[str, str]
    task: str
    primary: str
    name: str | None
    count: int
    supported: bool
    wins: int
    regressions: int
    q: float | None
    metrics: list[dict[str, Any]]
    left_out: dict[str, int]
    slices: list[dict[str, Any]]
    worst: list[dict[str, Any]]
    best: list[dict[str, Any]]


class BenchDiffDocument(Document):
    """Two benches beside each other, as `tether bench compare --json` tells it.

    Numbers that JSON has not are text. `intervals` is false where the latencies are not at hand, or too many.
    """

    old: str
    new: str
    sections: list[dict[str, Any]]
    peak_bytes: dict[str, int]
    bytes: dict[str, int]
    noisy: list[str]
    varied: list[str]
    intervals: bool


@router.get("/diff", response_class=Response, responses=told_by(DifferenceDocument), openapi_extra=OPEN)
def diff(found: Readable, old: RunId, new: RunId) -> Response:
    """Tell how two runs differ: parameters, metrics, data, code and environment."""
    return _of_both(found, old, new, lambda shown, *runs: _diff_document(diff_of(shown, *runs)))


@router.get("/compare", response_class=Response, responses=told_by(ComparisonDocument), openapi_extra=OPEN)
def compare(found: Readable, old: RunId, new: RunId) -> Response:
    """Compare two evaluations, or those of the models that two runs made, example by example."""

    def tell(shown: Shown, one: KnownRun, other: KnownRun) -> dict[str, Any]:
        compared = compared_runs(shown, one, other)
        sides = {"old": _side(compared.old), "new": _side(compared.new)}
        return {**sides, **comparison_document(compared.comparison)}

    return _of_both(found, old, new, tell)


@router.get(
    "/compare-benches", response_class=Response, responses=told_by(BenchDiffDocument), openapi_extra=OPEN
)
def compare_benches(
    found: Annotated[Hosted, Depends(repository_for(Role.READ, COST))],
    old: RunId,
    new: RunId,
    vary: Vary = [],  # noqa: B006
) -> Response:
    """Compare the benches of two runs: medians with intervals, memory and size.

    Benches of different machines, or of other differences than those that `vary` names, are not ranked: 409.
    """

    def tell(repository: Repository) -> bytes:
        document = told_bench_diff(repository, old, new, vary)
        return json.dumps(plain(document), allow_nan=False).encode()

    with HEAVY.turn():
        return told(found, tell)


def _of_both(
    found: Hosted, old: str, new: str, tell: Callable[[Shown, KnownRun, KnownRun], dict[str, Any]]
) -> Response:
    def read(repository: Repository) -> bytes:
        row = found.row
        shown = Shown(row.owner.name, row.name, repository, "", lambda: None)
        document = tell(shown, run_shown(shown, old), run_shown(shown, new))
        return json.dumps(plain(document), allow_nan=False).encode()

    return told(found, read)


def _diff_document(found: Diff) -> dict[str, Any]:
    pairs = {part: {row.name: row.values for row in getattr(found, part)} for part in PARTS}
    return difference_document(
        (found.old.id, found.new.id), pairs, _PATCHES[found.patch], map(_data, found.data)
    )


def _data(row: DataRow) -> InputDifference:
    files = [(change.path, _word(change)) for change in row.some] if row.counts is not None else None
    return InputDifference(row.input, row.old, row.new, files, row.counts, not row.partial)


def _word(change: TreeChange) -> str:
    if change.old is None or change.new is None:
        return "added" if change.old is None else "removed"
    same = change.old.digest == change.new.digest
    return changed_word((change.old.kind, change.new.kind), same_content=same)


def _side(side: Side) -> dict[str, str]:
    return {"run": side.chosen.id, "evaluation": side.run.id}


def plain(value: Any) -> Any:
    """Return a document in which numbers that JSON has not are text."""
    if isinstance(value, dict):
        return {name: plain(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [plain(each) for each in value]
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    return value
