"""The tables of mail: addresses that people gave, and what is to be sent.

They join those of `tether.hub.database.models`, and what is said there holds here.
"""

from sqlalchemy import ForeignKey, String, Text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from tether.hub.database.models import ID, MICROS, Account, Base

ADDRESS, SUBJECT = 254, 400


class MailAddress(Base):
    """Where somebody wants to be written to.

    Attributes:
        address: Empty once it was taken back; the row stays, since it says when a mail was sent.
        code: The digest of the secret that was sent there; None once it came back.
        sent: When that was.
    """

    __tablename__ = "mail_addresses"

    account_id: Mapped[str] = mapped_column(ForeignKey("accounts.id"), primary_key=True)
    address: Mapped[str] = mapped_column(String(ADDRESS))
    code: Mapped[str | None] = mapped_column(String(64))
    sent: Mapped[int] = mapped_column(MICROS)


class Mail(Base):
    """Something to be sent; the row goes when that is done.

    Attributes:
        conversation_id: What it tells of; None for one that asks whether an address is right.
        due: When to send it.
        attempts: How often that was tried.
    """

    __tablename__ = "mails"

    id: Mapped[str] = mapped_column(ID, primary_key=True)
    account_id: Mapped[str] = mapped_column(ForeignKey("accounts.id"), index=True)
    conversation_id: Mapped[str | None] = mapped_column(
        ForeignKey("conversations.id", ondelete="CASCADE"), index=True
    )
    address: Mapped[str] = mapped_column(String(ADDRESS))
    subject: Mapped[str] = mapped_column(String(SUBJECT))
    body: Mapped[str] = mapped_column(Text)
    created: Mapped[int] = mapped_column(MICROS)
    due: Mapped[int] = mapped_column(MICROS, index=True)
    attempts: Mapped[int]

    account: Mapped[Account] = relationship(lazy="joined")
