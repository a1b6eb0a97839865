"""Pictures in what people say: taken by a form or as they are pasted, and sent to who may read."""

from contextlib import ExitStack, closing
from email import policy
from email.parser import BytesParser

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response

from tether.core.filetype import HEAD_SIZE, sniff
from tether.errors import InvalidInput, TetherError, TooLarge
from tether.hub.access import Role, require, require_user
from tether.hub.conversations.attachments import ENDINGS, MOST_BYTES, attach, find_attached
from tether.hub.database.models import RepositoryRow
from tether.hub.pages.conversations.composing import failed
from tether.hub.pages.conversations.held import Held, looking
from tether.hub.pages.shelf import principal_in
from tether.hub.problems import told
from tether.hub.repositories import open_repository
from tether.hub.routes.dependencies import hub_of
from tether.pages.contents import send_contents
from tether.pages.rendering import page
from tether.pages.viewers.image import SHOWN

_POLICY = "default-src 'none'; style-src 'unsafe-inline'; sandbox; frame-ancestors 'self'"
_AROUND = 64 * 1024
"""Bytes of a form around the picture in it."""


def show_form(request: Request, held: Held) -> Response:
    """Ask for a picture, for who has no scripts."""
    return _form(request, held)


async def take(request: Request) -> Response:
    """Keep a picture that was sent by a form or by itself; who is nobody is refused before it is read."""
    await run_in_threadpool(lambda: require_user(principal_in(request)))
    data = await _read(request)
    return await run_in_threadpool(looking(lambda same, held: _taken(same, held, data)), request)


async def _read(request: Request) -> bytes:
    parts, size = list[bytes](), 0
    async for block in request.stream():
        parts.append(block)
        size += len(block)
        if size > MOST_BYTES + _AROUND:
            raise TooLarge(f"a picture may have {MOST_BYTES >> 20} MB", hint="make it smaller")
    return b"".join(parts)


def _taken(request: Request, held: Held, body: bytes) -> Response:
    kind = request.headers.get("content-type", "")
    from_form = kind.partition(";")[0].strip().lower() == "multipart/form-data"
    try:
        data = file_in(kind, body) if from_form else body
        kept = attach(held.hub, held.principal, held.row, data)
    except TetherError as error:
        failure = told(request, error)
        if from_form:
            return _form(request, held, failure)
        return JSONResponse({"error": str(failure)}, failed(failure))
    if from_form:
        return RedirectResponse(f"{held.shown.base}/attachments?name={kept.name}", 303)
    return JSONResponse({"address": kept.address}, 201)


def file_in(kind: str, body: bytes) -> bytes:
    """Return the file of a form.

    Raises:
        InvalidInput: There is none.
    """
    if "\r" in kind or "\n" in kind or not kind.isascii():
        raise InvalidInput("the form cannot be read", hint="send it again from the page")
    head = f"Content-Type: {kind}\r\n\r\n".encode()
    for part in BytesParser(policy=policy.HTTP).parsebytes(head + body).iter_parts():
        data = part.get_payload(decode=True)
        if part.get_filename() is not None and isinstance(data, bytes) and data:
            return data
    raise InvalidInput("no picture was chosen", hint="choose a file")


def _form(request: Request, held: Held, failure: TetherError | None = None) -> Response:
    name, address = request.query_params.get("name", ""), ""
    if name:
        find_attached(held.shown.repository, name)
        address = f"/-/attachments/{held.row.id}/{name}"
    return page(
        request,
        "hub/talk/picture.html",
        200 if failure is None else failed(failure),
        held=held,
        shown=held.shown,
        tab="",
        address=address,
        most=MOST_BYTES,
        failure=failure,
    )


def send(request: Request) -> Response:
    """Send a picture to who may read the repository that has it; it stays open until it is sent."""
    hub, principal = hub_of(request), principal_in(request)
    with hub.database.session(reads_only=True) as session:
        row = session.get(RepositoryRow, request.path_params["id"])
        live = row if row is not None and row.deleted_at is None else None
        row = require(session, principal, live, Role.READ, "the picture")
    with ExitStack() as stack:
        repository = stack.enter_context(closing(open_repository(hub, row)))
        entry = find_attached(repository, request.path_params["name"])
        kind = sniff(repository.contents.read(entry.digest, 0, HEAD_SIZE), b"").kind
        told = SHOWN[kind] if kind in ENDINGS else "application/octet-stream"
        headers = {
            "Content-Type": told,
            "Content-Disposition": "inline" if kind in ENDINGS else "attachment",
            "Content-Security-Policy": _POLICY,
            "Cache-Control": "private, max-age=86400",
            "Vary": "Authorization, Cookie",
        }
        reply = send_contents(request, stack, repository, entry, headers)
        return reply or Response(status_code=416, headers={"Content-Range": f"bytes */{entry.size}"})
