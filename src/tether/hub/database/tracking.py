"""The tables of runs that are under way on the hub, as MLflow's clients tell of them; stored ones are refs.

They join those of `tether.hub.database.models`, and what is said there holds here.
"""

from typing import Any

from sqlalchemy import JSON, ForeignKey, String, Text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from tether.hub.database.models import MICROS, SERIAL, Account, Base
from tether.hub.database.rights import PATH

RUN = String(26)
_OF_RUN = "tracked_runs.id"


class TrackedRun(Base):
    """A run under way.

    Attributes:
        id: What its ref will be named after.
        document: `mlflow.json`.
        parameters: As JSON, text by name.
        changed: When somebody last told of it.
    """

    __tablename__ = "tracked_runs"

    id: Mapped[str] = mapped_column(RUN, primary_key=True)
    repository_id: Mapped[str] = mapped_column(ForeignKey("repositories.id", ondelete="CASCADE"), index=True)
    account_id: Mapped[str] = mapped_column(ForeignKey("accounts.id"), index=True)
    document: Mapped[str] = mapped_column(Text)
    parameters: Mapped[str] = mapped_column(Text)
    created: Mapped[int] = mapped_column(MICROS)
    changed: Mapped[int] = mapped_column(MICROS)

    account: Mapped[Account] = relationship(lazy="joined")


class TrackedPoints(Base):
    """Values of metrics that came in one request, as JSON, in the order in which they came."""

    __tablename__ = "tracked_points"

    id: Mapped[int] = mapped_column(SERIAL, primary_key=True)
    run_id: Mapped[str] = mapped_column(ForeignKey(_OF_RUN, ondelete="CASCADE"), index=True)
    points: Mapped[str] = mapped_column(Text)


class TrackedFile(Base):
    """An artefact of a run under way.

    Attributes:
        digest: In hexadecimal.
        packs: Those that hold the contents, by role.
    """

    __tablename__ = "tracked_files"

    run_id: Mapped[str] = mapped_column(ForeignKey(_OF_RUN, ondelete="CASCADE"), primary_key=True)
    path: Mapped[str] = mapped_column(String(PATH), primary_key=True)
    size: Mapped[int] = mapped_column(MICROS)
    digest: Mapped[str] = mapped_column(String(64))
    packs: Mapped[dict[str, Any]] = mapped_column(JSON)


class TrackedEvent(Base):
    """Something that happened to an experiment or the registry of a repository, outside of any stored run."""

    __tablename__ = "tracked_events"

    id: Mapped[int] = mapped_column(SERIAL, primary_key=True)
    repository_id: Mapped[str] = mapped_column(ForeignKey("repositories.id", ondelete="CASCADE"), index=True)
    event: Mapped[str] = mapped_column(Text)
