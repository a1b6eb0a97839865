"""The record of changes as a page, filtered and by pages, and as a file of JSON lines."""

import json
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from tether.errors import InvalidInput
from tether.hub import audit
from tether.hub.database.models import AuditEntry
from tether.hub.hub import Hub

PAGE = 50
_LARGEST = 1 << 63


class Read(NamedTuple):
    """One page of the record.

    Attributes:
        next: The entry before which the next page begins; None where this is the last.
    """

    rows: Sequence[AuditEntry]
    only: audit.Only
    next: int | None


def read(request: Request, hub: Hub, repository_id: str | None = None) -> Read:
    """Return what an address asks for; whether the asker may was asked before.

    Raises:
        InvalidInput: The page is none.
    """
    only = only_in(request)
    with hub.database.session(reads_only=True) as session:
        rows = audit.entries(
            session, repository_id=repository_id, before=before_in(request), limit=PAGE, only=only
        )
    return Read(rows, only, rows[-1].id if len(rows) == PAGE else None)


def before_in(request: Request) -> int | None:
    """Return the entry before which an address wants a page.

    Raises:
        InvalidInput: It is no number of an entry.
    """
    text = request.query_params.get("before")
    if text is None:
        return None
    if not text.isascii() or not text.isdigit() or len(text) > 20 or int(text) >= _LARGEST:
        raise InvalidInput("no such page", hint="go back to the first one")
    return int(text)


def only_in(request: Request) -> audit.Only:
    """Return the filter of an address."""
    asked = request.query_params
    return audit.Only(asked.get("action", "")[:64], asked.get("actor", "")[:100])


def export(request: Request, hub: Hub, name: str, repository_id: str | None = None) -> Response:
    """Return all entries that fit, the newest first, as a file of JSON lines, holding one page of them."""
    only = only_in(request)

    def lines() -> Iterator[bytes]:
        before = None
        while True:
            with hub.database.session(reads_only=True) as session:
                rows = audit.entries(session, repository_id=repository_id, before=before, only=only)
                documents = [_document(row) for row in rows]
            for document in documents:
                yield json.dumps(document, separators=(",", ":")).encode() + b"\n"
            if len(documents) < audit.LIMIT:
                return
            before = documents[-1]["id"]

    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return StreamingResponse(lines(), media_type="application/x-ndjson", headers=headers)


def _document(row: AuditEntry) -> dict[str, Any]:
    names = ("id", "time", "actor", "action", "subject", "details")
    return {name: getattr(row, name) for name in names}
