"""The tables of webhooks: who wants to be told of what, and what is to be told.

They join those of `tether.hub.database.models`, and what is said there holds here.
"""

from sqlalchemy import JSON, ForeignKey, Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from tether.hub.database.models import ID, MICROS, Base

URL, SECRET, EVENT = 2000, 200, 32


class Webhook(Base):
    """An address that is told of events of one repository, or of all that an organisation owns.

    Attributes:
        secret: Signs what is sent, so it is kept as it is.
        active: Whether new events are sent.
    """

    __tablename__ = "webhooks"

    id: Mapped[str] = mapped_column(ID, primary_key=True)
    repository_id: Mapped[str | None] = mapped_column(
        ForeignKey("repositories.id", ondelete="CASCADE"), index=True
    )
    account_id: Mapped[str | None] = mapped_column(ForeignKey("accounts.id"), index=True)
    url: Mapped[str] = mapped_column(String(URL))
    secret: Mapped[str] = mapped_column(String(SECRET))
    events: Mapped[list[str]] = mapped_column(JSON)
    active: Mapped[bool]
    created: Mapped[int] = mapped_column(MICROS)


class Delivery(Base):
    """One event on its way to one webhook, and what came of it.

    Attributes:
        state: `waiting`, `delivered` or `failed`.
        due: When to send it next, while it waits.
        lease: Until when some hub sends it, if one does.
        attempts: How often it was begun; also tells one attempt from another.
        allowed: With how many attempts it is given up.
        tried: When the last attempt began; the fields from here on are of that attempt.
    """

    __tablename__ = "deliveries"
    __table_args__ = (Index("ix_deliveries_state", "state", "due"),)

    id: Mapped[str] = mapped_column(ID, primary_key=True)
    webhook_id: Mapped[str] = mapped_column(ForeignKey("webhooks.id", ondelete="CASCADE"), index=True)
    event: Mapped[str] = mapped_column(String(EVENT))
    body: Mapped[str] = mapped_column(Text)
    created: Mapped[int] = mapped_column(MICROS, index=True)
    state: Mapped[str] = mapped_column(String(16))
    due: Mapped[int] = mapped_column(MICROS)
    lease: Mapped[int | None] = mapped_column(MICROS)
    attempts: Mapped[int] = mapped_column(default=0)
    allowed: Mapped[int]
    tried: Mapped[int | None] = mapped_column(MICROS)
    status: Mapped[int | None]
    duration: Mapped[int | None] = mapped_column(MICROS)
    reply: Mapped[str | None] = mapped_column(Text)
    error: Mapped[str | None] = mapped_column(String(255))

    webhook: Mapped[Webhook] = relationship(lazy="joined")
