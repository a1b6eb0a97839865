"""Whether a pull request can be merged: tried once for each pair of commits, and kept."""

import json
from collections.abc import Sequence
from contextlib import suppress
from typing import Any, NamedTuple

from sqlalchemy import delete, select, tuple_
from sqlalchemy.orm import Session

from tether.core.digest import Digest
from tether.core.names import display
from tether.core.tree import Entry
from tether.errors import Conflict
from tether.hub.database.models import RepositoryRow
from tether.hub.database.pulls import MergeTrial
from tether.hub.hub import Hub
from tether.hub.pulls.joining import Join, Relation, join
from tether.repo.mergestate import ConflictRow
from tether.repo.repository import Repository

KEPT = 1000
"""Trials of one repository."""
SHOWN = 1000
"""Conflicts of one trial that are told; all are counted."""


class Trial(NamedTuple):
    """What came of joining a pull request with its target branch.

    Attributes:
        target: The commit that it would go into.
        head: The commit that it would bring.
        base: The commit that both come from.
        total: How many paths are in conflict.
        conflicts: The first of them, as documents.
    """

    relation: Relation
    target: str
    head: str
    base: str | None
    total: int = 0
    conflicts: tuple[dict[str, Any], ...] = ()


def known(hub: Hub, row: RepositoryRow, target: str, head: str) -> Trial | None:
    """Return what came of a trial, if it was made."""
    with hub.database.session(reads_only=True) as session:
        found = session.get(MergeTrial, (row.id, target, head))
    return None if found is None else trial_of(found)


def trial_of(row: MergeTrial) -> Trial:
    """Return what a row says."""
    conflicts = tuple(json.loads(row.conflicts))
    return Trial(Relation(row.state), row.target, row.head, row.base, row.count, conflicts)


def known_of(
    session: Session, row: RepositoryRow, pairs: Sequence[tuple[str, str]]
) -> dict[tuple[str, str], Relation]:
    """Return how the heads stand to the targets of those pairs (target, head) that were tried."""
    query = select(MergeTrial.target, MergeTrial.head, MergeTrial.state)
    query = query.where(
        MergeTrial.repository_id == row.id, tuple_(MergeTrial.target, MergeTrial.head).in_(list(pairs))
    )
    return {(target, head): Relation(state) for target, head, state in session.execute(query)}


def tried(hub: Hub, row: RepositoryRow, repository: Repository, target: Digest, head: Digest) -> Trial:
    """Return what came of a trial; it is made now if nobody did before.

    Raises:
        NotFound: One of the commits is not here.
    """
    found = known(hub, row, target.hex(), head.hex())
    return found or keep(hub, row, target, head, join(repository, target, head))


def keep(hub: Hub, row: RepositoryRow, target: Digest, head: Digest, joined: Join) -> Trial:
    """Keep what came of joining two commits, and return it."""
    shown = tuple(map(_shown, joined.conflicts[:SHOWN]))
    base = None if joined.base is None else joined.base.hex()
    count = len(joined.conflicts)
    trial = Trial(joined.relation, target.hex(), head.hex(), base, count, shown)
    made = MergeTrial(repository_id=row.id, target=trial.target, head=trial.head, state=trial.relation.value)
    made.base, made.count, made.conflicts, made.made = base, count, json.dumps(shown), hub.now()
    with suppress(Conflict), hub.database.session() as session:  # somebody else kept the same
        session.merge(made)
        session.flush()
        of_row = MergeTrial.repository_id == row.id
        oldest = select(MergeTrial.made).where(of_row).order_by(MergeTrial.made.desc()).offset(KEPT).limit(1)
        before = session.scalar(oldest)
        if before is not None:
            old = delete(MergeTrial).where(of_row, MergeTrial.made <= before)
            session.execute(old, execution_options={"synchronize_session": False})
    return trial


def _shown(conflict: ConflictRow) -> dict[str, Any]:
    """Return the document of a conflict: `target` is what is there, `head` what would come."""
    return {
        "path": display(conflict.path),
        "reason": conflict.reason,
        "base": side(conflict.base),
        "target": side(conflict.ours),
        "head": side(conflict.theirs),
    }


def side(entry: Entry | None) -> dict[str, Any] | None:
    """Return the document of what is at a path; None where nothing is."""
    if entry is None:
        return None
    return {"kind": entry.kind.name.lower(), "size": entry.size, "digest": entry.digest.hex()}
