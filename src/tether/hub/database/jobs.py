"""The table of the jobs that a hub does from time to time.

It joins those of `tether.hub.database.models`, and what is said there holds here.
"""

from sqlalchemy import ForeignKey, String, case, text, update
from sqlalchemy.orm import Mapped, Session, mapped_column, relationship

from tether.hub.database.bells import JOBS, ring_after
from tether.hub.database.models import MICROS, NAME, Base, RepositoryRow

JOB_ID, MESSAGE = 64, 1000
NEVER = 253_402_300_799_000_000
"""When a job is due that has no next turn unless somebody asks for one: at the end of the year 9999."""


class Job(Base):
    """One thing to do again and again, and what came of it the last time.

    Attributes:
        id: The kind, and for a job of a repository a colon and the id of that.
        due: When it is to be done next, or `NEVER`.
        lease: Until when some worker does it, if one does; it is made longer as long as the worker lives.
        asked: How often somebody wanted a turn now, who may do so while one is under way; see `ask_for`.
        claims: How often it was taken up; also tells one turn from another.
        lost: How many workers in a row ended in the middle of it.
        worker: Who took it up last.
        began: When that was.
        ended: When a turn came to its end the last time; the fields from here on are of that turn.
        took: How long it took, in microseconds.
        outcome: `done`, `failed` or `damaged`.
    """

    __tablename__ = "jobs"

    id: Mapped[str] = mapped_column(String(JOB_ID), primary_key=True)
    kind: Mapped[str] = mapped_column(String(32))
    repository_id: Mapped[str | None] = mapped_column(
        ForeignKey("repositories.id", ondelete="CASCADE"), index=True
    )
    due: Mapped[int] = mapped_column(MICROS, index=True)
    lease: Mapped[int | None] = mapped_column(MICROS)
    asked: Mapped[int] = mapped_column(default=0, server_default=text("0"))
    claims: Mapped[int] = mapped_column(default=0)
    lost: Mapped[int] = mapped_column(default=0)
    worker: Mapped[str | None] = mapped_column(NAME)
    began: Mapped[int | None] = mapped_column(MICROS)
    ended: Mapped[int | None] = mapped_column(MICROS)
    took: Mapped[int | None] = mapped_column(MICROS)
    outcome: Mapped[str | None] = mapped_column(String(16))
    message: Mapped[str | None] = mapped_column(String(MESSAGE))

    repository: Mapped[RepositoryRow | None] = relationship(lazy="joined")


def job_id(kind: str, repository_id: str) -> str:
    """Return the id of a job of a repository."""
    return f"{kind}:{repository_id}"


def ask_for(session: Session, wanted: str, now: int) -> None:
    """Let a job be done now, and once more if a turn is under way; there may be no job with that id."""
    due = case((Job.due > now, now), else_=Job.due)
    job = update(Job).where(Job.id == wanted).values(asked=Job.asked + 1, due=due)
    session.execute(job, execution_options={"synchronize_session": False})
    ring_after(session, JOBS)
