"""The route of lineage: what came from what in all repositories of the hub that the one who asks may read."""

import json
import logging
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Query
from pydantic import ConfigDict, Field
from starlette.responses import Response

from tether.errors import Corrupt, InvalidInput, Unsupported
from tether.hub.access import Role
from tether.hub.lineage import Ways, tell_lineage, tell_users
from tether.hub.problems import reply
from tether.hub.routes.dependencies import OPEN, Hosted, repository_for
from tether.hub.routes.documents import Document, ProblemDocument

router = APIRouter(prefix="/repos/{owner}/{name}", tags=["records"])
COST = 20
"""As how many requests one for a lineage counts."""
_logger = logging.getLogger("tether.hub")


class LineageNode(Document):
    """One thing, with what is known of it by its kind."""

    model_config = ConfigDict(extra="allow")

    id: str
    kind: Literal["data", "code", "run", "model", "release"]
    label: str


class LineageEdge(Document):
    """That `to` came from `from`, and what it did with it."""

    source: Annotated[str, Field(alias="from")]
    target: Annotated[str, Field(alias="to")]
    relation: str


class LineageRepository(Document):
    """A repository in which something of the graph is."""

    repository: str
    forked_from: str | None


class LookedAt(Document):
    """How much was read."""

    repositories: int
    runs: int
    releases: int
    nodes: int = 0


class LineageDocument(Document):
    """What something came from and what came from it."""

    of: str
    starts: list[str]
    nodes: list[LineageNode]
    edges: list[LineageEdge]
    repositories: list[LineageRepository]
    looked_at: LookedAt
    problems: list[str]
    further_nodes: int
    complete: bool


class UsedContent(Document):
    """A content that is looked for."""

    digest: str
    path: str


class RunUseDocument(Document):
    """A run that had some of the contents, and what for."""

    id: str
    name: str | None
    status: str
    count: int
    paths: list[str]
    roles: list[str]
    undeclared: list[str]
    may_have_read: bool
    repositories: list[str]


class ReleaseUseDocument(Document):
    """A release with some of the contents, and what for."""

    release: str
    id: str
    count: int
    paths: list[str]
    roles: list[str]
    by_run: bool
    repositories: list[str]


class OtherUsers(Document):
    """Runs and releases that were not trained on some contents and had them all the same."""

    runs: list[RunUseDocument]
    releases: list[ReleaseUseDocument]


class UsersDocument(Document):
    """Who was trained on some contents; who judged models with them; and who had them in the working copy."""

    contents: list[UsedContent]
    further_contents: int
    runs: list[RunUseDocument]
    releases: list[ReleaseUseDocument]
    judged: OtherUsers
    there: OtherUsers
    further: list[LineageNode]
    looked_at: LookedAt
    problems: list[str]
    complete: bool


_ANSWERS: dict[int | str, dict[str, Any]] = {
    200: {"model": LineageDocument | UsersDocument},
    422: {"model": ProblemDocument, "description": "Something in the repository is damaged"},
}
Text = Annotated[str, Query(max_length=5000)]


@router.get("/lineage", response_class=Response, responses=_ANSWERS, openapi_extra=OPEN)
def tell(
    found: Annotated[Hosted, Depends(repository_for(Role.READ, COST))],
    of: Text = "",
    direction: Ways = "both",
    uses: Text = "",
) -> Response:
    """Tell what `of` came from and what came from it, or who was trained on the file that `uses` names.

    All repositories are looked into that the one who asks may read, the nearest first, within bounds; where
    these were met, `complete` is false.
    """
    if bool(of) == bool(uses):
        raise InvalidInput("nothing to look for, or two things", hint="give of= or uses=")
    try:
        if uses:
            document = tell_users(found.hub, found.principal, found.row, uses)
        else:
            document = tell_lineage(found.hub, found.principal, found.row, of, direction)
    except (Corrupt, Unsupported) as error:
        _logger.warning("the lineage in %s cannot be told: %s", found.row.full_name, error)
        return reply(422, error.code, str(error), error.hint)
    return Response(json.dumps(document).encode(), media_type="application/json")
