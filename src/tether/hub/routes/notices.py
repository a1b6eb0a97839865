"""Routes of one person's notices."""

from typing import Annotated

from fastapi import APIRouter, Query

from tether.hub.conversations import notices
from tether.hub.routes import conversation_documents as doc
from tether.hub.routes.dependencies import TheHub, ThePrincipal

router = APIRouter(prefix="/notices", tags=["notices"])
Limit = Annotated[int, Query(ge=1, le=100)]


@router.get("")
def list_notices(
    hub: TheHub,
    principal: ThePrincipal,
    unread: bool = False,
    after: Annotated[str, Query(max_length=60)] = "",
    limit: Limit = notices.PAGE,
) -> doc.NoticesDocument:
    """List what happened in conversations that one takes part in, the newest first."""
    with hub.database.session(reads_only=True) as session:
        page = notices.list_notices(session, principal, unread=unread, after=after, limit=limit)
        found = [doc.NoticeDocument.of(told) for told in page.notices]
    return doc.NoticesDocument(notices=found, next=page.next)


@router.get("/count")
def count(hub: TheHub, principal: ThePrincipal) -> doc.CountDocument:
    """Say how many one has not read."""
    with hub.database.session(reads_only=True) as session:
        return doc.CountDocument(unread=notices.count_unread(session, principal))


@router.post("/read")
def mark(hub: TheHub, principal: ThePrincipal, body: doc.Marked) -> doc.CountDocument:
    """Mark some as read, or all up to a time, or take that back; say how many are unread then."""
    with hub.database.session() as session:
        notices.mark(session, principal, body.ids, body.until, unread=body.unread)
        return doc.CountDocument(unread=notices.count_unread(session, principal))
