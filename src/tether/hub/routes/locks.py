"""Routes of locks of files."""

from typing import Annotated

from fastapi import APIRouter, Depends

from tether.hub import locks
from tether.hub.access import Role
from tether.hub.acting import acting
from tether.hub.routes import rights_documents as doc
from tether.hub.routes.dependencies import OPEN, Hosted, repository_for

router = APIRouter(prefix="/repos/{owner}/{name}/locks", tags=["locks"])
Readable = Annotated[Hosted, Depends(repository_for(Role.READ))]
Writable = Annotated[Hosted, Depends(repository_for(Role.WRITE))]


@router.get("", openapi_extra=OPEN)
def list_locks(found: Readable) -> list[doc.LockDocument]:
    """List the locks by path."""
    with found.hub.database.session(reads_only=True) as session:
        return [doc.LockDocument.of(each) for each in locks.list_locks(session, found.row)]


@router.post("", status_code=201)
def lock(found: Writable, body: doc.NewLock) -> doc.LockDocument:
    """Lock a file or folder: until it is unlocked nobody else changes it by a push."""
    with acting(found.hub, found.principal) as act:
        return doc.LockDocument.of(locks.lock(act, found.row, body.path, body.branch or ""))


@router.delete("/{lock}")
def unlock(found: Writable, lock: str, force: bool = False) -> doc.LockDocument:
    """Give a lock back; maintainers take one of somebody else away with `force`."""
    with acting(found.hub, found.principal) as act:
        return doc.LockDocument.of(locks.unlock(act, found.row, lock, force=force))
