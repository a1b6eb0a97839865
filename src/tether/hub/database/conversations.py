"""The tables of conversations: discussions and pull requests, what is said in them, and who is told.

They join those of `tether.hub.database.models`, and what is said there holds here. `database.pulls` has what
only pull requests have.
"""

from typing import Any

from sqlalchemy import JSON, ForeignKey, Index, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from tether.hub.database.models import ID, MICROS, NAME, Account, Base
from tether.hub.database.rights import PATH

_CONVERSATION, _REPOSITORY, _ACCOUNT = "conversations.id", "repositories.id", "accounts.id"
TITLE, COMMIT = 250, String(64)


class Conversation(Base):
    """A discussion or a pull request; both are numbered in one sequence in their repository.

    Attributes:
        kind: `discussion` or `pull`.
        state: `open`, `closed` or `merged`.
        path: The file or folder that a discussion is about, if it is about one.
        commit_id: The commit that a discussion is about, in hexadecimal, if it is about one.
        entries: The number of the newest entry; 0 before the first.
    """

    __tablename__ = "conversations"
    __table_args__ = (
        UniqueConstraint("repository_id", "number"),
        Index("ix_conversations_listed", "repository_id", "kind", "state", "number"),
    )

    id: Mapped[str] = mapped_column(ID, primary_key=True)
    repository_id: Mapped[str] = mapped_column(ForeignKey(_REPOSITORY, ondelete="CASCADE"))
    number: Mapped[int]
    kind: Mapped[str] = mapped_column(String(16))
    title: Mapped[str] = mapped_column(String(TITLE))
    body: Mapped[str] = mapped_column(Text)
    account_id: Mapped[str] = mapped_column(ForeignKey(_ACCOUNT), index=True)
    state: Mapped[str] = mapped_column(String(16))
    labels: Mapped[list[str]] = mapped_column(JSON)
    path: Mapped[str | None] = mapped_column(String(PATH))
    commit_id: Mapped[str | None] = mapped_column(COMMIT)
    entries: Mapped[int]
    created: Mapped[int] = mapped_column(MICROS)
    updated: Mapped[int] = mapped_column(MICROS)

    account: Mapped[Account] = relationship(lazy="joined")


class ConversationEntry(Base):
    """Something that was said or done in a conversation; numbered in it from 1.

    Attributes:
        kind: `comment`, `review`, `note` (which begins a thread) or `event`.
        account_id: Who; None where the hub did it.
        details: What else there is to say, by kind.
        thread: The number of the note that it answers; of a note with a review the number of that.
        verdict: Of a review: `approve`, `changes`, `comment`, or `dismissed`.
        commit_id: The head that a review looked at.
        deleted: Whether its text was taken away; the entry stays, so that answers keep their sense.
    """

    __tablename__ = "conversation_entries"
    __table_args__ = (Index("ix_conversation_entries_thread", "conversation_id", "thread"),)

    conversation_id: Mapped[str] = mapped_column(
        ForeignKey(_CONVERSATION, ondelete="CASCADE"), primary_key=True
    )
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    kind: Mapped[str] = mapped_column(String(16))
    account_id: Mapped[str | None] = mapped_column(ForeignKey(_ACCOUNT), index=True)
    body: Mapped[str] = mapped_column(Text)
    details: Mapped[dict[str, Any]] = mapped_column(JSON)
    thread: Mapped[int | None]
    verdict: Mapped[str | None] = mapped_column(String(16))
    commit_id: Mapped[str | None] = mapped_column(COMMIT)
    created: Mapped[int] = mapped_column(MICROS)
    edited: Mapped[int | None] = mapped_column(MICROS)
    deleted: Mapped[bool]

    account: Mapped[Account | None] = relationship(lazy="joined")


class Subscription(Base):
    """Somebody who is told of what happens in a conversation, or wants to hear nothing of it.

    Attributes:
        reason: Why they are: `author`, `mention`, `comment`, `review`, `owner` or `wish`.
    """

    __tablename__ = "subscriptions"

    conversation_id: Mapped[str] = mapped_column(
        ForeignKey(_CONVERSATION, ondelete="CASCADE"), primary_key=True
    )
    account_id: Mapped[str] = mapped_column(ForeignKey(_ACCOUNT), primary_key=True, index=True)
    reason: Mapped[str] = mapped_column(String(16))
    muted: Mapped[bool]


class Notice(Base):
    """That something happened in a conversation, for one who is subscribed: one row each, the newest thing.

    Attributes:
        reason: Why they are told, as in `Subscription`.
        event: What happened, such as `comment`.
        entry: The entry to look at; 0 for the beginning.
    """

    __tablename__ = "notices"
    __table_args__ = (Index("ix_notices_listed", "account_id", "unread", "changed"),)

    account_id: Mapped[str] = mapped_column(ForeignKey(_ACCOUNT), primary_key=True)
    conversation_id: Mapped[str] = mapped_column(
        ForeignKey(_CONVERSATION, ondelete="CASCADE"), primary_key=True, index=True
    )
    reason: Mapped[str] = mapped_column(String(16))
    event: Mapped[str] = mapped_column(String(16))
    actor: Mapped[str] = mapped_column(NAME)
    entry: Mapped[int]
    unread: Mapped[bool]
    changed: Mapped[int] = mapped_column(MICROS)

    conversation: Mapped[Conversation] = relationship(lazy="joined")
