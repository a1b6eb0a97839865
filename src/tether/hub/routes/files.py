"""Routes of single files: what a folder of a revision holds, and the contents of a file, whole or in part."""

import json
import re
from collections.abc import Iterator
from contextlib import ExitStack
from itertools import chain, islice
from typing import Annotated, Any, NamedTuple
from urllib.parse import parse_qs, quote, unquote_to_bytes

from fastapi import APIRouter, Depends, Query, Request
from starlette.convertors import StringConvertor, register_url_convertor
from starlette.responses import Response, StreamingResponse

from tether.core.digest import Digest
from tether.core.names import display, path_bytes
from tether.core.tree import Entry, EntryKind
from tether.core.treeread import find, iter_after
from tether.errors import InvalidInput, NotFound
from tether.hub.access import Role
from tether.hub.problems import reply
from tether.hub.ranges import NOTHING, Part, is_known, wanted_part
from tether.hub.routes import documents as doc
from tether.hub.routes.dependencies import OCTETS, OPEN, Hosted, repository_for
from tether.hub.routes.streaming import HeldStream
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


class _Anything(StringConvertor):
    """The rest of an address; unlike that of the framework with line feeds, which names of files may hold."""

    regex = "(?s:.*)"


register_url_convertor("anything", _Anything())


class Where(NamedTuple):
    """The revision and the path of an address."""

    rev: str
    path: bytes


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
    sent = request.scope.get("raw_path") or quote(request.scope["path"]).encode()
    found = _WHERE.fullmatch(sent)
    if found is None:
        raise NotFound("no such address", hint="write /api/v1/repos/OWNER/NAME/tree/REV/PATH")
    try:
        name = unquote_to_bytes(found[1]).decode()
    except UnicodeDecodeError:
        raise InvalidInput("the revision in the address is not UTF-8") from None
    return Where(name, unquote_to_bytes(found[2] or b"").removesuffix(b"/"))


def after_of(request: Request, after: str = "") -> bytes:
    """Return the name behind which a page begins; a name may be any bytes, so it is read as it was sent."""
    del after  # for OpenAPI alone
    query = request.scope["query_string"].decode("latin-1")
    return path_bytes(parse_qs(query, keep_blank_values=True, errors="surrogateescape").get("after", [""])[0])


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
        headers, tag = _headers(commit, where, entry), _tag(entry)
        if is_known(tag, request.headers.get("if-none-match")):
            return Response(status_code=304, headers=headers)
        size = repository.contents.size(entry.digest)
        part = wanted_part(size, tag, request.headers.get("range"), request.headers.get("if-range"))
        if part == NOTHING:
            told = "no byte of the file is in the range"
            return reply(416, InvalidInput.code, told, headers={"Content-Range": f"bytes */{size}"})
        if part is not None:
            headers["Content-Range"] = f"bytes {part.start}-{part.stop - 1}/{size}"
        start, stop = part or Part(0, size)
        headers["Content-Length"] = str(stop - start)
        blocks = _begun(repository.contents.stream(entry.digest, start, stop))
        return HeldStream(blocks, stack.pop_all().close, 206 if part else 200, headers)


@router.head("/files/{rev}/{path:anything}", response_class=Response, responses=_HEADERS, openapi_extra=OPEN)
def describe(request: Request, found: Readable, where: TheWhere) -> Response:
    """Answer as for the contents, without them."""
    with found.open() as repository:
        commit, entry = _found(repository, where)
        headers, size = _headers(commit, where, entry), repository.contents.size(entry.digest)
    if is_known(_tag(entry), request.headers.get("if-none-match")):
        return Response(status_code=304, headers=headers)
    return Response(headers={**headers, "Content-Length": str(size)})


def _found(repository: Repository, where: Where) -> tuple[Digest, Entry]:
    """Return the commit of a revision and the entry at a path of it."""
    commit = resolve(repository, where.rev)
    entry = find(repository.objects, History.of(repository).commit(commit).tree, where.path)
    if entry is None:
        raise NotFound(f"no such file in {where.rev}: {display(where.path)}")
    return commit, entry


def _begun(blocks: Iterator[bytes]) -> Iterator[bytes]:
    """Read the first block, so that what cannot be read is refused before the reply begins."""
    return chain([next(blocks, b"")], blocks)


def _tag(entry: Entry) -> str:
    return f'"{entry.digest.hex()}"'


def _headers(commit: Digest, where: Where, entry: Entry) -> dict[str, str]:
    """Return the headers of a file: it is named by its digest, and no browser shows or runs it.

    Raises:
        InvalidInput: It is a folder.
    """
    if entry.kind == EntryKind.DIRECTORY:
        raise InvalidInput(f"{display(where.path) or 'the top'} is a folder", hint="ask for it below /tree/")
    name = quote(entry.name, safe="")
    return {
        "ETag": _tag(entry),
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
