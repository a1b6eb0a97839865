"""Files uploaded on a page: a workspace takes them, and is committed when all are there."""

from functools import partial

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import UploadFile
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from tether.core.names import path_bytes
from tether.errors import InvalidInput, TetherError
from tether.hub.access import Role
from tether.hub.acting import acting
from tether.hub.atonce import begin as begin_workspace
from tether.hub.atonce import stageable
from tether.hub.pages.changing import workspace
from tether.hub.pages.changing.aim import aim_of, new_branch_in
from tether.hub.pages.changing.asked import Asked, Spot, of_role
from tether.hub.pages.forms import Form
from tether.hub.problems import status_of, told
from tether.hub.staging import Staging
from tether.pages.addresses import asked
from tether.pages.rendering import page

_FILES = 100
_MULTIPART = "multipart/form-data"


def show(spot: Spot) -> Response:
    """Ask to which branch the files shall go."""
    return _page(spot, {})


def begin(spot: Spot, form: Form) -> Response:
    """Make a workspace and go to its page, which takes the files."""
    try:
        branch = new_branch_in(form)
        folder = stageable(spot.path) if spot.path else ""
        root = spot.shown.repository.root()
        with acting(spot.asking.hub, spot.asking.principal) as act:
            made = begin_workspace(act, spot.asking.row, root, spot.branch, branch)
            address = f"{spot.shown.base}/workspaces/{made.id}"
    except TetherError as error:
        return _page(spot, form, told(spot.request, error))
    return RedirectResponse(f"{address}?into={asked(folder.encode())}" if folder else address, 303)


async def take(request: Request) -> Response:
    """Stage the files of a form, for browsers without scripts; those with scripts use `/api/v1`.

    Raises:
        InvalidInput: What was sent is no such form.
    """
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != _MULTIPART:
        raise InvalidInput("this page takes files only", hint="use the page, or /api/v1 from programs")
    # Above the limit of bodies no byte comes here, so what the parser keeps of it is small.
    async with request.form(max_files=_FILES, max_fields=10) as form:
        into = form.get("into", "")
        files = [each for each in form.getlist("file") if isinstance(each, UploadFile) and each.filename]
        folder = into if isinstance(into, str) else ""
        return await run_in_threadpool(_take, request, folder, files)


def _take(request: Request, folder: str, files: list[UploadFile]) -> Response:
    return of_role(lambda given: _staged(given, folder, files), Role.WRITE)(request)


def _staged(given: Asked, folder: str, files: list[UploadFile]) -> Response:
    staging = Staging(*given.asking, given.request.path_params["workspace"])
    try:
        if not files:
            raise InvalidInput("no file came", hint="choose one first")
        for file in files:
            path = "/".join(part for part in (folder.strip().strip("/"), _name_of(file)) if part)
            name = stageable(path_bytes(path))
            staging.put(name, partial(_read_into, file), executable=False, digest=None)
    except TetherError as error:
        return workspace.answer(given, folder, told(given.request, error))
    return RedirectResponse(f"{workspace.address_of(given)}?into={asked(path_bytes(folder))}", 303)


def _read_into(file: UploadFile, buffer: memoryview) -> int:
    data = file.file.read(len(buffer))
    buffer[: len(data)] = data
    return len(data)


def _name_of(file: UploadFile) -> str:
    r"""Return the last part of a name; some browsers send the folders of the sender, with `/` or `\`."""
    return (file.filename or "").replace("\\", "/").rpartition("/")[2]


def _page(spot: Spot, form: Form, failure: TetherError | None = None) -> Response:
    root = spot.shown.repository.root()
    return page(
        spot.request,
        "hub/changing/upload.html",
        200 if failure is None else status_of(failure),
        shown=spot.shown,
        tab="files",
        spot=spot,
        failure=failure,
        aim=aim_of(spot.branch, spot.refusal(), form, spot.asking.principal.name, root.refs),
        first=spot.tip is None,
    )
