"""Routes of model files: what one holds, and how two of them differ; nothing in them is run."""

import json
from collections.abc import Callable
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query
from starlette.responses import Response

from tether.hub import modelfiles
from tether.hub.access import Role
from tether.hub.queues import HEAVY
from tether.hub.routes.comparing import plain
from tether.hub.routes.dependencies import OPEN, Hosted, repository_for
from tether.hub.routes.documents import Document
from tether.hub.routes.records import told, told_by
from tether.repo.repository import Repository

router = APIRouter(prefix="/repos/{owner}/{name}/model", tags=["models"])
COST, COST_OF_DIFF = 2, 20
"""As how many requests one for facts, and one for a difference, count."""
PlaceText = Annotated[str, Query(min_length=1, max_length=5000)]


class ModelDocument(Document):
    """What a model file holds, as `tether model show --json` tells it; `further` counts what was left out."""

    of: str
    commit: str
    digest: str
    size: int
    format: str
    version: str | None
    parameters: int
    types: dict[str, int]
    safe: bool
    warnings: list[dict[str, Any]]
    globals: list[dict[str, Any]]
    metadata: dict[str, Any]
    tensors: list[dict[str, Any]]
    count: int
    further: dict[str, int]


class ModelDiffDocument(Document):
    """How two model files differ, as `tether model diff --json` tells it; `further` counts what was left out.

    Numbers that JSON has not are text.
    """

    old: dict[str, Any]
    new: dict[str, Any]
    same: bool
    added: list[dict[str, Any]]
    removed: list[dict[str, Any]]
    renamed: list[dict[str, str]]
    changed: list[dict[str, Any]]
    unchanged: int
    unread: list[str]
    layers: list[dict[str, Any]]
    metadata: dict[str, dict[str, Any]]
    globals: dict[str, list[str]]
    further: dict[str, int]


@router.get("", response_class=Response, responses=told_by(ModelDocument), openapi_extra=OPEN)
def show(
    found: Annotated[Hosted, Depends(repository_for(Role.READ, COST))],
    of: PlaceText,
    first: Annotated[int, Query(ge=0, le=10_000_000)] = 0,
    limit: Annotated[int, Query(ge=1, le=modelfiles.LARGEST_PAGE)] = modelfiles.PAGE,
) -> Response:
    """Tell what the model file at `REV:PATH` holds: format, tensors, metadata, what loading it would run."""
    return _answer(found, lambda repository: modelfiles.told_model(repository, of, first, limit))


@router.get("/diff", response_class=Response, responses=told_by(ModelDiffDocument), openapi_extra=OPEN)
def diff(
    found: Annotated[Hosted, Depends(repository_for(Role.READ, COST_OF_DIFF))], old: PlaceText, new: PlaceText
) -> Response:
    """Compare two model files, each at `REV:PATH`, tensor by tensor: which changed, and how far."""
    return _answer(found, lambda repository: modelfiles.told_model_diff(repository, old, new))


def _answer(found: Hosted, tell: Callable[[Repository], dict[str, Any]]) -> Response:
    with HEAVY.turn():
        return told(found, lambda repository: json.dumps(plain(tell(repository)), allow_nan=False).encode())
