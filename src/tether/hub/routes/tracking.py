"""The MLflow-compatible endpoint of each repository: what `MLFLOW_TRACKING_URI=URL/OWNER/NAME` leads to."""

from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs

from fastapi import APIRouter, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from tether.errors import TetherError, TooLarge
from tether.hub.access import Role
from tether.hub.problems import told
from tether.hub.repositories import open_repository
from tether.hub.routes.bodies import upload
from tether.hub.routes.dependencies import OCTETS, Hosted, hub_of, repository_for
from tether.hub.runending import end_run
from tether.hub.tracking import HubStore, StoredRuns, put_file
from tether.hub.workspaces import Asking
from tether.mlflow.artefacts import place_of
from tether.mlflow.calls import EMPTY, MOST_BODY, Answer, Call, refused
from tether.mlflow.routes import answer, is_reading, is_upload, upload_place
from tether.pages.streaming import HeldStream

router = APIRouter(tags=["mlflow"])
_METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE"]
_JSON = "application/json"
_stored = StoredRuns()


class _Undone(Exception):
    """Takes back the transaction of a request that failed; its answer is kept."""

    def __init__(self, answer: Answer) -> None:
        super().__init__()
        self.answer = answer


# The protocol is MLflow's and described there, so OpenAPI does not list it.
@router.api_route("/{owner}/{name}/api/{rest:path}", methods=_METHODS, include_in_schema=False)
async def track(request: Request, owner: str, name: str, rest: str) -> Response:
    """Answer a client of MLflow as `tether.mlflow` does: who may push may log, who may read may search."""
    method, path = request.method, f"/api/{rest}"
    need = repository_for(Role.READ if is_reading(method, path) else Role.WRITE)
    try:
        found = await run_in_threadpool(need, request, hub_of(request), owner, name)
        if is_upload(method, path):
            place = place_of(upload_place(path))
            await upload(request, lambda read: put_file(_asking(found), place, read))
            return _plain(EMPTY)
        query = parse_qs(request.scope["query_string"].decode("latin-1"), keep_blank_values=True)
        return await run_in_threadpool(_answered, found, (method, path), query, await _body(request))
    except TetherError as error:
        return _plain(refused(told(request, error)))


async def _body(request: Request) -> bytes:
    data = bytearray()
    async for block in request.stream():
        data += block
        if len(data) > MOST_BODY:
            raise TooLarge(f"the body is larger than {MOST_BODY} bytes")
    return bytes(data)


def _answered(found: Hosted, asked: tuple[str, str], query: dict[str, list[str]], body: bytes) -> Response:
    """Answer in one transaction, and store the runs that ended in it."""
    repository = open_repository(found.hub, found.row)
    close: Callable[[], Any] = repository.close
    try:
        with found.hub.database.session(reads_only=is_reading(*asked)) as session:
            store = HubStore(_asking(found), session, repository, _stored)
            done = answer(Call(store, *asked, query, body, user=found.principal.name))
            if done.status != 200:
                raise _Undone(done)
        for run in store.ended:
            end_run(found.hub, found.principal, found.row, run)
        if done.blocks is not None:
            headers = {"Content-Length": str(done.size), "Content-Type": OCTETS}
            reply = HeldStream(done.blocks, close, done.status, headers)
            close = _nothing
            return reply
    except _Undone as error:
        done = error.answer
    finally:
        close()
    return _plain(done)


def _asking(found: Hosted) -> Asking:
    return Asking(found.hub, found.principal, found.row)


def _nothing() -> None:
    """Leave it to the reply to close what it streams."""


def _plain(answer: Answer) -> Response:
    return Response(answer.body, answer.status, media_type=_JSON)
