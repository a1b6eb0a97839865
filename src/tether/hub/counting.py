"""Counts what repositories take in storage: packs are merged and collected, and a charge may be too much."""

import logging
from contextlib import closing

from sqlalchemy import or_, select

from tether.errors import TetherError
from tether.hub.database.models import RepositoryRow
from tether.hub.database.rights import StoredBytes
from tether.hub.database.sharing import UNREADY
from tether.hub.hub import Hub
from tether.hub.quotas import lock_owner
from tether.hub.repositories import open_repository

_logger = logging.getLogger("tether.hub")
QUIET = 3_600_000_000
"""Microseconds without a pack after which a repository is counted: nothing is on its way then."""


def recount(hub: Hub) -> None:
    """Count anew what lies in storage, of all repositories to which no pack came for a while."""
    before = hub.now() - QUIET
    query = select(RepositoryRow).outerjoin(StoredBytes, StoredBytes.repository_id == RepositoryRow.id)
    query = query.where(or_(StoredBytes.changed.is_(None), StoredBytes.changed <= before))
    query = query.where(RepositoryRow.id.not_in(UNREADY))
    with hub.database.session(reads_only=True) as session:
        rows = session.scalars(query).all()
    for row in rows:
        try:
            _count(hub, row, before)
        except TetherError:  # purged at this moment, or its files are lost
            _logger.exception("cannot count what %s takes", row.full_name)


def _count(hub: Hub, row: RepositoryRow, before: int) -> None:
    with closing(open_repository(hub, row)) as repository:
        size = sum(length for _, length in repository.backend.list("packs/"))
    with hub.database.session() as session:
        if session.get(RepositoryRow, row.id) is None:
            return
        lock_owner(session, row.owner_id)
        stored = session.get(StoredBytes, row.id)
        if stored is None:
            session.add(StoredBytes(repository_id=row.id, bytes=size, changed=before))
        elif stored.changed <= before:
            stored.bytes = size
