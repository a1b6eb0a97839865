"""Which jobs there are: one of each kind, or one of each kind for each repository, as the settings say."""

import zlib
from collections.abc import Iterator
from contextlib import suppress
from itertools import product

from sqlalchemy import ColumnElement, and_, delete, func, or_, select, update
from sqlalchemy.orm import Session

from tether.core.phrases import duration_text
from tether.errors import Conflict, RateLimited
from tether.hub.database.bells import JOBS, ring_after
from tether.hub.database.jobs import Job, job_id
from tether.hub.database.models import RepositoryRow
from tether.hub.hub import Hub
from tether.hub.jobs.kinds import KINDS, Kind
from tether.hub.jobs.turns import LEASE_S, SECOND, has_changed, is_free


def enrol(hub: Hub) -> None:
    """Add the jobs that are wanted and not there, and remove those that are not wanted any more.

    The first turns of repositories that are there already are spread over the time between two turns, unless
    the kind wants them at once.

    Raises:
        Unavailable: The database does not answer.
    """
    with hub.database.session(reads_only=True) as session:
        added = [*_missing(hub, session)]
        changes = session.scalar(select(func.count()).select_from(Job).where(or_(_unwanted(hub), _late(hub))))
    if not added and not changes:
        return
    with suppress(Conflict), hub.database.session() as session:  # another worker adds the same
        session.execute(delete(Job).where(_unwanted(hub)), execution_options={"synchronize_session": False})
        for kind in KINDS.values():
            late = update(Job).where(Job.kind == kind.name, _late(hub))
            late = late.values(due=hub.now() + _every(hub, kind))
            session.execute(late, execution_options={"synchronize_session": False})
        session.add_all(added)


def _missing(hub: Hub, session: Session) -> Iterator[Job]:
    """Yield the jobs that are not there; two questions say mostly that there is none."""
    kinds, now = [kind for kind in KINDS.values() if _every(hub, kind) and not kind.on_request], hub.now()
    alone = {kind.name for kind in kinds if not kind.of_repository}
    for name in sorted(alone.difference(session.scalars(select(Job.id).where(Job.id.in_(alone))))):
        yield Job(id=name, kind=name, due=now, claims=0, lost=0)
    own = {kind.name: kind for kind in kinds if kind.of_repository}
    of_it = and_(Job.repository_id == RepositoryRow.id, Job.kind.in_(own))
    live = select(RepositoryRow.id).where(RepositoryRow.deleted_at.is_(None)).outerjoin(Job, of_it)
    lacking = live.group_by(RepositoryRow.id).having(func.count(Job.id) < len(own))
    ids = session.scalars(lacking).all()
    known = select(Job.repository_id, Job.kind).where(Job.repository_id.in_(lacking))
    there = {(of, kind) for of, kind in session.execute(known)} if ids else set()
    for repository_id, kind in product(ids, own.values()):
        if (repository_id, kind.name) in there:
            continue
        every = _every(hub, kind)
        due = now if kind.at_once else now + every * zlib.crc32(repository_id.encode()) // (1 << 32)
        job = Job(id=job_id(kind.name, repository_id), kind=kind.name, due=due, claims=0, lost=0)
        job.repository_id = repository_id
        yield job


def request(hub: Hub, kind: str, repository_id: str) -> None:
    """Let a job of a repository that is done on request be done now, unless it waits or is under way.

    Whoever asks again and again gets no turn after the other: such jobs are long.

    Raises:
        RateLimited: The last turn was a short time ago.
        Unavailable: The database does not answer.
    """
    wanted, now = job_id(kind, repository_id), hub.now()
    since = now - _every(hub, KINDS[kind])
    rested = and_(func.coalesce(Job.ended, 0) <= since, func.coalesce(Job.began, 0) <= since)
    asked = update(Job).where(Job.id == wanted, is_free(now), Job.due > now, rested).values(due=now)
    with suppress(Conflict), hub.database.session() as session:  # somebody else asks in this moment
        # One statement, so that no turn begins or ends between looking and asking.
        done = has_changed(session.execute(asked, execution_options={"synchronize_session": False}))
        job = session.get(Job, wanted)
        if job is None:
            session.add(Job(id=wanted, kind=kind, repository_id=repository_id, due=now, claims=0, lost=0))
        elif not done and (job.due <= now or (job.lease is not None and job.lease > now)):
            return
        elif not done:
            wait_s = -((since - max(job.ended or 0, job.began or 0)) // SECOND)
            hint = f"what came of it stands; ask again in {duration_text(wait_s)}"
            raise RateLimited("that was looked for a short time ago", hint=hint, wait_s=wait_s)
        ring_after(session, JOBS)


def _unwanted(hub: Hub) -> ColumnElement[bool]:
    """Select what nobody does any more: of kinds that are off, and of repositories that were deleted."""
    wanted = [kind.name for kind in KINDS.values() if _every(hub, kind)]
    gone = select(RepositoryRow.id).where(RepositoryRow.deleted_at.is_not(None))
    return and_(is_free(hub.now()), or_(Job.kind.not_in(wanted), Job.repository_id.in_(gone)))


def _late(hub: Hub) -> ColumnElement[bool]:
    """Select what is due later than the settings say, since they say another time than before."""
    spare = hub.now() + LEASE_S * SECOND  # clocks differ
    kinds = [each for each in KINDS.values() if not each.on_request]
    late = (and_(Job.kind == each.name, Job.due > spare + _every(hub, each)) for each in kinds)
    return and_(Job.lease.is_(None), or_(*late))


def _every(hub: Hub, kind: Kind) -> int:
    return kind.every_s(hub.settings) * SECOND
