"""Routes of forks: making one, and what came from where."""

from typing import Annotated

from fastapi import APIRouter, Depends

from tether.hub import forks
from tether.hub.access import Role
from tether.hub.routes.dependencies import OPEN, Hosted, repository_for
from tether.hub.routes.documents import Document, Name, RepositoryDocument

router = APIRouter(prefix="/repos/{owner}/{name}/forks", tags=["forks"])
Found = Annotated[Hosted, Depends(repository_for(None))]
Readable = Annotated[Hosted, Depends(repository_for(Role.READ))]


class NewFork(Document):
    """What is asked for when a repository is forked; `private` null is as the source is."""

    owner: Name
    name: Name
    private: bool | None = None


class ForksDocument(Document):
    """Where a repository came from, and what came from it, as far as the one who asks may know."""

    fork_of: str | None
    forks: list[RepositoryDocument]


@router.post("", status_code=201)
def make(found: Readable, body: NewFork) -> RepositoryDocument:
    """Make a repository that begins with the branches and tags of this one and shares its storage."""
    wanted = forks.WantedFork(**body.model_dump())
    return RepositoryDocument.of(forks.make_fork(found.hub, found.principal, found.row, wanted))


@router.get("", openapi_extra=OPEN)
def show(found: Found, after: str = "") -> ForksDocument:
    """Tell what it was forked from and list its forks; the next page is behind the last one's address."""
    with found.hub.database.session(reads_only=True) as session:
        source = forks.source_of(session, found.principal, found.row)
        rows = forks.list_forks(session, found.principal, found.row, after)
        documents = [RepositoryDocument.of(row) for row in rows]
    return ForksDocument(fork_of=None if source is None else source.full_name, forks=documents)
