"""Routes of runs and releases, for reading: what was pushed, as it was pushed, within bounds."""

import json
import logging
from collections.abc import Callable
from typing import Annotated, Any, Literal
from urllib.parse import quote

from fastapi import APIRouter, Depends, Query, Request
from pydantic import Field
from starlette.responses import Response

from tether.errors import Corrupt, Unsupported
from tether.hub import pushedmeasures
from tether.hub.access import Role
from tether.hub.problems import reply
from tether.hub.queues import HEAVY
from tether.hub.routes.dependencies import OPEN, Hosted, repository_for
from tether.hub.routes.documents import Document, ProblemDocument
from tether.hub.verifying import told_verification
from tether.releases import pushedexports, pushedorder, pushedreleases, pushedruns
from tether.repo.repository import Repository

router = APIRouter(prefix="/repos/{owner}/{name}", tags=["records"])
Readable = Annotated[Hosted, Depends(repository_for(Role.READ))]
Where = Annotated[list[Annotated[str, Field(max_length=500)]], Query(max_length=10)]
Openness = Literal["I", "II", "III"]
COST_OF_VERIFYING = 20
"""As how many requests one to verify a release counts."""
_logger = logging.getLogger("tether.hub")


class RunsDocument(Document):
    """A page of runs, each as docs/format/run.md has it.

    `complete` is false where they are sorted and older runs were not looked at.
    """

    runs: list[dict[str, Any]]
    next: str | None
    complete: bool


class RunDocument(Document):
    """A run, and what lies beside its record; null where nothing does."""

    commit: str
    run: dict[str, Any]
    environment: dict[str, Any] | None
    parent: dict[str, Any] | None
    verdict: str | None
    observed: dict[str, Any] | None
    altered: dict[str, Any] | None
    mlflow: dict[str, Any] | None


class SeriesDocument(Document):
    """One metric as columns of one length; numbers that JSON has not are text."""

    name: str
    steps: list[int]
    values: list[float | Literal["NaN", "Infinity", "-Infinity"]]
    times: list[float | None] | None = None


class MetricsDocument(Document):
    """The metrics of a run."""

    metrics: list[SeriesDocument]


class EvaluationDocument(Document):
    """What a run measured of a model, as docs/format/evaluation.md has it; the hub computed none of it."""

    run: str
    evaluation: dict[str, Any]


class BenchDocument(Document):
    """How fast a model was, as docs/format/bench.md has it; the hub computed none of it."""

    run: str
    bench: dict[str, Any]


class ShortRelease(Document):
    """A release in short."""

    name: str
    version: str
    id: str
    commit: str
    created: str
    openness: Annotated[Openness | None, Field(alias="class")]
    licences: dict[str, str]
    attestations: int


class ReleasesDocument(Document):
    """A page of releases."""

    releases: list[ShortRelease]
    next: str | None


class AttestationDocument(Document):
    """What somebody pushed as said of a release; neither the signature nor the key was verified."""

    id: str
    predicate_type: str | None
    reproduced: str | None
    key: str | None
    about_this: bool
    problem: str | None


class ReleaseDocument(Document):
    """A release: its manifest as docs/format/release.md has it, and how complete it is by that."""

    id: str
    commit: str
    manifest: dict[str, Any]
    completeness: dict[str, Any]
    verified: Literal[False]
    attestations: list[AttestationDocument]
    further_attestations: int


class VerificationDocument(Document):
    """How far a release could be verified, as `tether release verify --json` tells it.

    `untried` says why a level was not tried; the hub never tries R3, and has no allowed signers.
    """

    release: str
    id: str | None
    level: Literal["R0", "R1", "R2"] | None
    ok: bool
    problems: list[dict[str, str | None]]
    further_problems: int
    private: list[dict[str, Any]]
    untried: list[dict[str, str]]
    signers: list[str]
    reproductions: list[dict[str, str | None]]
    attestations: list[dict[str, Any]]
    dangers: list[str]
    files: int
    bytes: int


def told_by(model: type[Document]) -> dict[int | str, dict[str, Any]]:
    """Return what a route that tells of records answers."""
    damaged = {"model": ProblemDocument, "description": "It is damaged, or not of a known version"}
    return {200: {"model": model}, 422: damaged}


def _cost_of_list(request: Request) -> int:
    return pushedorder.PAGES if request.query_params.get("sort") else 1


@router.get("/runs", response_class=Response, responses=told_by(RunsDocument), openapi_extra=OPEN)
def list_runs(
    found: Annotated[Hosted, Depends(repository_for(Role.READ, _cost_of_list))],
    where: Where = [],  # noqa: B006
    sort: Annotated[str, Query(max_length=260)] = "",
    after: str = "",
    limit: Annotated[int, Query(ge=1, le=pushedruns.LARGEST_PAGE)] = pushedruns.PAGE,
) -> Response:
    """List runs, the newest first; a page may be short before `next` is null, which ends the list.

    With `sort` they are in the order of a parameter, a metric or a field, with `-` before it the other way
    round, as far as one request looks at them.
    """

    def tell(repository: Repository) -> bytes:
        page = pushedruns.list_runs(repository, where, after, limit)
        return _json({"runs": page.documents(), "next": page.next, "complete": True})

    def tell_sorted(repository: Repository) -> bytes:
        page, complete = pushedorder.list_sorted(repository, where, sort, after, limit)
        return _json({"runs": page.documents(), "next": page.next, "complete": complete})

    if not sort:
        return told(found, tell)
    with HEAVY.turn():
        return told(found, tell_sorted)


@router.get("/runs/{run}", response_class=Response, responses=told_by(RunDocument), openapi_extra=OPEN)
def show_run(found: Readable, run: str) -> Response:
    """Tell of one run, by its whole id, with what lies beside its record."""
    return told(found, lambda repository: _json(pushedruns.told_run(repository, run)))


@router.get(
    "/runs/{run}/metrics",
    response_class=Response,
    responses=told_by(MetricsDocument),
    openapi_extra=OPEN,
)
def read_metrics(
    found: Readable, run: str, metric: Annotated[str | None, Query(alias="name", max_length=250)] = None
) -> Response:
    """Send the metrics of a run as series, or one of them."""

    def tell(repository: Repository) -> bytes:
        return b'{"metrics":[' + b",".join(pushedruns.told_metrics(repository, run, metric)) + b"]}"

    return told(found, tell)


@router.get(
    "/runs/{run}/evaluation",
    response_class=Response,
    responses=told_by(EvaluationDocument),
    openapi_extra=OPEN,
)
def read_evaluation(found: Readable, run: str) -> Response:
    """Tell what a run measured of a model: metrics with intervals, of all examples and of each slice."""
    return told(found, lambda repository: _json(pushedmeasures.told_evaluation(repository, run)))


@router.get(
    "/runs/{run}/bench", response_class=Response, responses=told_by(BenchDocument), openapi_extra=OPEN
)
def read_bench(found: Readable, run: str) -> Response:
    """Tell how fast a run found a model: percentiles, memory, accuracy, and the machine."""
    return told(found, lambda repository: _json(pushedmeasures.told_bench(repository, run)))


@router.get("/releases", response_class=Response, responses=told_by(ReleasesDocument), openapi_extra=OPEN)
def list_releases(
    found: Readable,
    after: str = "",
    limit: Annotated[int, Query(ge=1, le=pushedreleases.LARGEST_PAGE)] = pushedreleases.PAGE,
) -> Response:
    """List releases by name, those of one name from the oldest on; the next page is behind `next`."""

    def tell(repository: Repository) -> bytes:
        return _json(pushedreleases.list_releases(repository, after, limit)._asdict())

    return told(found, tell)


@router.get(
    "/releases/{release}/{version}",
    response_class=Response,
    responses=told_by(ReleaseDocument),
    openapi_extra=OPEN,
)
def show_release(found: Readable, release: str, version: str) -> Response:
    """Tell of one release, what it lacks, and what is said of it; the hub verifies nothing."""
    return told(found, lambda repository: _json(pushedreleases.told_release(repository, release, version)))


@router.get(
    "/releases/{release}/{version}/verification",
    response_class=Response,
    responses=told_by(VerificationDocument),
    openapi_extra=OPEN,
)
def verify_release(
    found: Annotated[Hosted, Depends(repository_for(Role.READ, COST_OF_VERIFYING))],
    release: str,
    version: str,
) -> Response:
    """Verify a release: R0, R1 and R2, of what one request can read; what is wrong is told by its name."""
    with HEAVY.turn():
        return told(found, lambda repository: _json(told_verification(repository, release, version)))


@router.get(
    "/releases/{release}/{version}/exports/{form}",
    response_class=Response,
    responses={
        200: {"content": {media: {} for media in pushedexports.MADE.values()}, "description": "The export"},
        422: {
            "model": ProblemDocument,
            "description": "It is damaged, or no hub makes this form of it",
        },
    },
    openapi_extra=OPEN,
)
def export_release(found: Readable, release: str, version: str, form: str) -> Response:
    """Send a release in a form that other programs read: model-card, cyclonedx, slsa or mof."""
    made: list[pushedexports.Export] = []

    def tell(repository: Repository) -> bytes:
        made.append(pushedexports.pushed_export(repository, release, version, form))
        return made[0].data

    sent = told(found, tell)
    for export in made:
        sent.headers["Content-Type"] = export.media
        sent.headers["Content-Disposition"] = f"attachment; filename*=UTF-8''{quote(export.name, safe='')}"
    return sent


def told(found: Hosted, tell: Callable[[Repository], bytes]) -> Response:
    """Answer with a document; whoever may push can write any record, so a damaged one is no failure here."""
    try:
        with found.open() as repository:
            body = tell(repository)
    except RecursionError:
        return reply(422, Corrupt.code, "the record is nested too deep")
    except (Corrupt, Unsupported) as error:
        _logger.warning("a record of %s cannot be told: %s", found.row.full_name, error)
        return reply(422, error.code, str(error), error.hint)
    return Response(body, media_type="application/json")


def _json(document: dict[str, Any]) -> bytes:
    """Return a document as JSON in ASCII."""
    return json.dumps(document).encode()
