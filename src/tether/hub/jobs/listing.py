"""What administrators see of jobs: what ran last, how it ended, what comes next."""

from typing import NamedTuple

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from tether.hub.database.jobs import NEVER, Job, job_id
from tether.hub.database.webhooks import Delivery
from tether.hub.jobs.turns import is_free
from tether.hub.webhooks.outbox import WAITING

PAGE = 1000


class Deliveries(NamedTuple):
    """The outbox of webhooks.

    Attributes:
        waiting: Deliveries that were not taken by their receiver yet.
        due: When the first of them is to be sent, or was to be; None if none waits.
        tried: When one was sent last, of all that are kept.
    """

    waiting: int
    due: int | None
    tried: int | None


class JobView(NamedTuple):
    """One job as people see it; `state` is `waiting` or `running`, for the rest see `Job`.

    `due` is None where there is no next turn unless somebody asks for one.
    """

    id: str
    kind: str
    repository: str | None
    state: str
    due: int | None
    worker: str | None
    began: int | None
    ended: int | None
    took: int | None
    outcome: str | None
    message: str | None

    @classmethod
    def of(cls, row: Job, now: int) -> "JobView":
        """Return what is seen of a job at some time."""
        address = row.repository.full_name if row.repository else None
        state = "running" if row.lease is not None and row.lease > now else "waiting"
        last = (row.worker, row.began, row.ended, row.took, row.outcome, row.message)
        due = None if row.due == NEVER else row.due
        return cls(row.id, row.kind, address, state, due, *last)

    @property
    def name(self) -> str:
        """What is done, for people."""
        return job_name(self.kind, self.repository)


def job_name(kind: str, repository: str | None) -> str:
    """Return what a job is called for people."""
    return f"{kind} of {repository}" if repository else kind


def list_jobs(
    session: Session, now: int, *, outcome: str | None = None, after: str = "", limit: int | None = None
) -> list[JobView]:
    """Return jobs by id, at most `limit` behind the id `after`; of one outcome, or all."""
    query = select(Job).where(Job.id > after).order_by(Job.id).limit(limit)
    if outcome is not None:
        query = query.where(Job.outcome == outcome)
    return [JobView.of(row, now) for row in session.scalars(query)]


def job_of(session: Session, now: int, kind: str, repository_id: str) -> JobView | None:
    """Return one job of a repository; None before it was seen first."""
    row = session.get(Job, job_id(kind, repository_id))
    return None if row is None else JobView.of(row, now)


def outbox(session: Session) -> Deliveries:
    """Return how the outbox of webhooks is doing."""
    query = select(func.count(), func.min(Delivery.due)).where(Delivery.state == WAITING)
    waiting, due = session.execute(query).one()
    return Deliveries(waiting, due, session.scalar(select(func.max(Delivery.tried))))


class Counts(NamedTuple):
    """Numbers of jobs.

    Attributes:
        by_outcome: By kind and outcome, which is empty where no turn ended yet.
        running: By kind.
        late_s: Seconds for which the job that waits longest is due.
    """

    by_outcome: dict[tuple[str, str], int]
    running: dict[str, int]
    late_s: float


def count_jobs(session: Session, now: int) -> Counts:
    """Count the jobs."""
    ended = select(Job.kind, Job.outcome, func.count()).group_by(Job.kind, Job.outcome)
    running = select(Job.kind, func.count()).where(Job.lease > now).group_by(Job.kind)
    due = session.scalar(select(func.min(Job.due)).where(is_free(now)))
    return Counts(
        {(kind, outcome or ""): count for kind, outcome, count in session.execute(ended)},
        {str(kind): count for kind, count in session.execute(running)},
        max(0, now - due) / 1e6 if due is not None else 0.0,
    )
