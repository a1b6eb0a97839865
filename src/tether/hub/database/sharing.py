"""The tables of what is shared: forks, agreements before a gate, and who asked to pass it.

They join those of `tether.hub.database.models`, and what is said there holds here.
"""

from sqlalchemy import ForeignKey, String, Text, select
from sqlalchemy.orm import Mapped, mapped_column, relationship

from tether.hub.database.models import MICROS, Account, Base

_REPOSITORY = "repositories.id"


class Fork(Base):
    """Where a repository came from.

    Attributes:
        source_id: The repository that it was made of; None once that is gone for good.
        closed: Whether not everybody could read the source when the fork was made.
        ready: Whether it is whole; until then its row is one of a deleted repository.
    """

    __tablename__ = "forks"

    repository_id: Mapped[str] = mapped_column(ForeignKey(_REPOSITORY, ondelete="CASCADE"), primary_key=True)
    source_id: Mapped[str | None] = mapped_column(ForeignKey(_REPOSITORY, ondelete="SET NULL"), index=True)
    closed: Mapped[bool]
    ready: Mapped[bool]


UNREADY = select(Fork.repository_id).where(Fork.ready.is_(False))
"""The ids of forks that are being made, or that a stop left half made."""


class Gate(Base):
    """The agreement of a repository whose contents are read on request.

    Attributes:
        automatic: Whether who agrees is let in at once.
    """

    __tablename__ = "gates"

    repository_id: Mapped[str] = mapped_column(ForeignKey(_REPOSITORY, ondelete="CASCADE"), primary_key=True)
    agreement: Mapped[str] = mapped_column(Text)
    automatic: Mapped[bool]


class AccessRequest(Base):
    """The newest request of one user to pass the gate of one repository.

    Attributes:
        state: `waiting`, `granted`, `refused` or `withdrawn`.
        agreed: The BLAKE3 of the agreement that the user was shown.
        decided: When the state became what it is.
    """

    __tablename__ = "access_requests"

    repository_id: Mapped[str] = mapped_column(ForeignKey(_REPOSITORY, ondelete="CASCADE"), primary_key=True)
    account_id: Mapped[str] = mapped_column(ForeignKey("accounts.id"), primary_key=True, index=True)
    state: Mapped[str] = mapped_column(String(16))
    message: Mapped[str] = mapped_column(String(1000))
    agreed: Mapped[str] = mapped_column(String(64))
    created: Mapped[int] = mapped_column(MICROS)
    decided: Mapped[int] = mapped_column(MICROS)

    account: Mapped[Account] = relationship(lazy="joined")
