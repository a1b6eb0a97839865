"""Turns of jobs: taken up by one worker at a time, kept while it lives, ended.

A worker has a job by a lease, which it makes longer as long as it lives. If it is killed the lease ends, and
another worker begins the job anew. One that was only suspended for that long meets a job which is not its own
any more; both may be at it for a moment, so whatever jobs do must bear that.
"""

from enum import StrEnum
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, CursorResult, case, or_, select, update

from tether.hub.database.jobs import MESSAGE, NEVER, Job
from tether.hub.hub import Hub

SECOND = 1_000_000
LEASE_S = 60
"""Clocks of workers may differ by some seconds; a lease is made longer long before it ends."""
MOST_LOST = 3
"""So many workers in a row may end in the middle of a job; then it waits as if it had failed."""
_RETRY_S = 300
_LOOK_AT = 20


class Outcome(StrEnum):
    """How a turn ended."""

    DONE = "done"
    FAILED = "failed"
    DAMAGED = "damaged"
    PARKED = "parked"
    """It was not ended; whoever looks next begins it anew."""


class Result(NamedTuple):
    """What came of a turn.

    Attributes:
        message: What there is to tell of it.
        soon: Whether to try again shortly, not at the next turn.
    """

    outcome: Outcome
    message: str
    soon: bool = False


def claim(hub: Hub, worker: str, until: int) -> Job | None:
    """Take up one job, the one that waits longest; None if nobody has to do anything.

    Args:
        hub: Has the jobs.
        worker: Who asks.
        until: Jobs that are due by then.

    Raises:
        Unavailable: The database does not answer.
    """
    now = hub.now()
    query = select(Job.id, Job.claims).where(Job.due <= until, is_free(now)).order_by(Job.due, Job.id)
    with hub.database.session(reads_only=True) as session:
        found = session.execute(query.limit(_LOOK_AT)).all()
    for job_id, claims in found:
        values = {
            "claims": claims + 1,
            "lease": now + LEASE_S * SECOND,
            "lost": case((Job.lease.is_not(None), Job.lost + 1), else_=0),
            "worker": worker[:100],
            "began": now,
        }
        with hub.database.session() as session:
            taken = update(Job).where(Job.id == job_id, Job.claims == claims, is_free(now)).values(**values)
            done = session.execute(taken, execution_options={"synchronize_session": False})
            if has_changed(done):
                return session.get_one(Job, job_id)
    return None


def next_due(hub: Hub) -> int | None:
    """Return when a job comes due that nobody has; None if there is none. Errors as for `claim`."""
    query = select(Job.due).where(Job.lease.is_(None)).order_by(Job.due).limit(1)
    with hub.database.session(reads_only=True) as session:
        return session.scalar(query)


def renew(hub: Hub, job: Job) -> bool:
    """Keep a job; False if somebody else has it, or nobody since it is gone. Errors as for `claim`."""
    return _update(hub, job, {"lease": hub.now() + LEASE_S * SECOND})


def end(hub: Hub, job: Job, result: Result, *, every_s: int | None, took: int) -> bool:
    """Write down what came of a turn; False if it was no longer ours. Errors as for `claim`.

    What a failure says does not hide damage that was found before. If a turn was asked for in the meantime,
    the next one is due at once.

    Args:
        hub: Has the jobs.
        job: As it was taken up.
        result: What came of it.
        every_s: Seconds until the next turn; None: there is none unless somebody asks for it.
        took: Microseconds.
    """
    if result.outcome is Outcome.PARKED:
        return _update(hub, job, {"lease": None, "lost": 0})
    now = hub.now()
    later = NEVER if every_s is None else now + every_s * SECOND
    if result.soon:
        later = min(later, now + _RETRY_S * SECOND)
    due = case((Job.asked == job.asked, later), else_=now)
    values: dict[str, Any] = {"lease": None, "lost": 0, "due": due}
    if result.outcome is not Outcome.FAILED or job.outcome != Outcome.DAMAGED:
        values |= {"ended": now, "took": took, "outcome": result.outcome.value}
        values["message"] = result.message[:MESSAGE]
    return _update(hub, job, values)


def is_free(now: int) -> ColumnElement[bool]:
    """Select the jobs that nobody has, or whose worker is gone."""
    return or_(Job.lease.is_(None), Job.lease <= now)


def _update(hub: Hub, job: Job, values: dict[str, Any]) -> bool:
    """Change a job if it is still in the turn that it was taken up for."""
    mine = update(Job).where(Job.id == job.id, Job.claims == job.claims).values(**values)
    with hub.database.session() as session:
        return has_changed(session.execute(mine, execution_options={"synchronize_session": False}))


def has_changed(done: object) -> bool:
    """Say whether a statement changed the one job that it is about."""
    assert isinstance(done, CursorResult)
    return bool(done.rowcount == 1)
