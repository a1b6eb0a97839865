"""Routes of single files: what a folder of a revision holds, and the contents of a file, whole or in part."""

import json
import re
from contextlib import ExitStack
from itertools import islice
from typing import Annotated, Any
from urllib.parse import quote

from fastapi import APIRouter, Depends, Query, Request
from starlette.responses import Response, StreamingResponse

from tether.core.digest import Digest
from tether.core.names import display
from tether.core.tree import Entry, EntryKind
from tether.core.treeread import find, iter_after
from tether.errors import InvalidInput, NotFound
from tether.hub.access import Role
from tether.hub.problems import reply as problem
from tether.hub.routes import documents as doc
from tether.hub.routes.dependencies import OCTETS, OPEN, Hosted, repository_for
from tether.pages.addresses import Where, bytes_asked, read_where, sent_path
from tether.pages.contents import send_contents, tag_of
from tether.pages.ranges import is_known
from tether.repo.history import History
from tether.repo.repository import Repository
from tether.repo.revision import resolve

router = APIRouter(prefix="/repos/{owner}/{name}", tags=["files"])
Readable = Annotated[Hosted, Depends(repository_for(Role.READ))]

PAGE = 1000
LARGEST_PAGE = 10_000
_WHERE = re.compile(rb".*?/api/v1/repos/[^/]+/[^/]+/(?:tree|files)/([^/]+)(?:/(.*))?", re.S)
_LISTED: dict[int | str, dict[str, Any]] = {200: {"model": doc.TreeDocument}}
_CONTENTS: dict[int | str, dict[str, Any]] = {
    200: {"content": {OCTETS: {}}},
    206: {"content": {OCTETS: {}}},
    304: {"description": "The reader has it already"},
    416: {"model": doc.ProblemDocument, "description": "No byte of the file is in the range"},
}
_HEADERS: dict[int | str, dict[str, Any]] = {status: _CONTENTS[status] for status in (200, 304)}


def where_of(request: Request, rev: str, path: str) -> Where:
    """Return what an address names, read as it was sent.

    `%2F` in the revision is a slash of its name, which the address that the framework decoded does not show.
    """
    del rev, path  # for OpenAPI alone
    return _where(request)


def top_of(request: Request, rev: str) -> Where:
    """Return what an address names that ends with the revision."""
    del rev  # for OpenAPI alone
    return _where(request)


def _where(request: Request) -> Where:
    found = _WHERE.fullmatch(sent_path(request.scope))
    if found is None:
        raise NotFound("no such address", hint="write /api/v1/repos/OWNER/NAME/tree/REV/PATH")
    return read_where(found[1], found[2] or b"")


def after_of(request: Request, after: str = "") -> bytes:
    """Return the name behind which a page begins; a name may be any bytes, so it is read as it was sent."""
    del after  # for OpenAPI alone
    return bytes_asked(request.scope, "after")


TheWhere = Annotated[Where, Depends(where_of)]
TheAfter = Annotated[bytes, Depends(after_of)]
Limit = Annotated[int, Query(ge=1, le=LARGEST_PAGE)]


@router.get("/tree/{rev}", response_class=Response, responses=_LISTED, openapi_extra=OPEN)
def top(
    found: Readable, where: Annotated[Where, Depends(top_of)], after: TheAfter, limit: Limit = PAGE
) -> Response:
    """List the top folder of a revision; see the route with a path."""
    return tree(found, where, after, limit)


@router.get("/tree/{rev}/{path:anything}", response_class=Response, responses=_LISTED, openapi_extra=OPEN)
def tree(found: Readable, where: TheWhere, after: TheAfter, limit: Limit = PAGE) -> Response:
    """Say what is at a path of a revision, and list what a folder holds; the next page is behind `next`.

    Give the commit of the first reply as the revision of what follows, so that all of it is of one version.
    """
    with found.open() as repository:
        commit, entry = _found(repository, where)
        below: list[Entry] = []
        if entry.kind == EntryKind.DIRECTORY:
            below = list(islice(iter_after(repository.objects, entry.digest, after), limit + 1))
    start = where.path + b"/" if where.path else b""
    document = {
        "commit": commit.hex(),
        "entry": _document(where.path, entry),
        "entries": [_document(start + each.name, each) for each in below[:limit]],
        "next": _text(below[limit - 1].name) if len(below) > limit else None,
    }
    # Bytes of a name that are not UTF-8 are half characters here, which JSON can say in ASCII only.
    return Response(json.dumps(document), media_type="application/json")


@router.get(
    "/files/{rev}/{path:anything}", response_class=StreamingResponse, responses=_CONTENTS, openapi_extra=OPEN
)
def read(request: Request, found: Readable, where: TheWhere) -> Response:
    """Send the contents of a file, or the part of them that `Range` asks for; of a link, where it leads."""
    with ExitStack() as stack:
        repository = stack.enter_context(found.open())
        commit, entry = _found(repository, where)
        reply = send_contents(request, stack, repository, entry, _headers(commit, where, entry))
        if reply is not None:
            return reply
        size = repository.contents.size(entry.digest)
        told = "no byte of the file is in the range"
        return problem(416, InvalidInput.code, told, headers={"Content-Range": f"bytes */{size}"})


@router.head("/files/{rev}/{path:anything}", response_class=Response, responses=_HEADERS, openapi_extra=OPEN)
def describe(request: Request, found: Readable, where: TheWhere) -> Response:
    """Answer as for the contents, without them."""
    with found.open() as repository:
        commit, entry = _found(repository, where)
        headers, size = _headers(commit, where, entry), repository.contents.size(entry.digest)
    if is_known(tag_of(entry), request.headers.get("if-none-match")):
        return Response(status_code=304, headers=headers)
    return Response(headers={**headers, "Content-Length": str(size)})


def _found(repository: Repository, where: Where) -> tuple[Digest, Entry]:
    """Return the commit of a revision and the entry at a path of it."""
    commit = resolve(repository, where.rev)
    entry = find(repository.objects, History.of(repository).commit(commit).tree, where.path)
    if entry is None:
        raise NotFound(f"no such file in {where.rev}: {display(where.path)}")
    return commit, entry


def _headers(commit: Digest, where: Where, entry: Entry) -> dict[str, str]:
    """Return the headers of a file: it is named by its digest, and no browser shows or runs it.

    Raises:
        InvalidInput: It is a folder.
    """
    if entry.kind == EntryKind.DIRECTORY:
        raise InvalidInput(f"{display(where.path) or 'the top'} is a folder", hint="ask for it below /tree/")
    name = quote(entry.name, safe="")
    return {
        "ETag": tag_of(entry),
        "Accept-Ranges": "bytes",
        "Content-Type": OCTETS,
        "Content-Disposition": f"attachment; filename*=UTF-8''{name}",
        "Cache-Control": "private, no-cache",
        "Vary": "Authorization",
        "X-Tether-Commit": commit.hex(),
        "X-Tether-Kind": entry.kind.name.lower(),
    }


def _document(path: bytes, entry: Entry) -> dict[str, object]:
    return {
        "path": _text(path),
        "kind": entry.kind.name.lower(),
        "size": entry.size,
        "digest": entry.digest.hex(),
        "files": entry.files,
    }


def _text(path: bytes) -> str:
    return path.decode("utf-8", "surrogateescape")
