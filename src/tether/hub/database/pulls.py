"""The tables of pull requests: what is to go where, its threads, checks of commits, merges that were tried.

They join those of `tether.hub.database.models`, and what is said there holds here.
"""

from typing import Any

from sqlalchemy import JSON, ForeignKey, Index, String, Text, or_, select
from sqlalchemy.orm import Mapped, Session, mapped_column, relationship

from tether.hub.database.conversations import COMMIT, Conversation
from tether.hub.database.jobs import ask_for, job_id
from tether.hub.database.models import MICROS, NAME, Account, Base
from tether.hub.database.rights import BRANCH, PATH

_CONVERSATION, _REPOSITORY, _ACCOUNT = "conversations.id", "repositories.id", "accounts.id"
CHECK_URL = 2000
FOLLOW = "pulls"
"""The job that follows the branches of pull requests."""


class Pull(Base):
    """What a pull request wants to bring into which branch; commits are in hexadecimal.

    Attributes:
        source_id: The repository of the branch; None once that is gone.
        source_name: Its address when the pull request was opened.
        head: The newest commit of the branch, kept by a ref of its own; see `tether.hub.pulls.heads`.
        base: The commit that both branches come from; None where they have none in common.
        target: The newest commit of the branch that it goes into, as it was seen last.
        merged: The commit that the target branch got.
        method: `merge`, `squash` or `fast-forward`, once it is merged.
    """

    __tablename__ = "pulls"
    __table_args__ = (Index("ix_pulls_source", "source_id", "source_branch"),)

    conversation_id: Mapped[str] = mapped_column(
        ForeignKey(_CONVERSATION, ondelete="CASCADE"), primary_key=True
    )
    source_id: Mapped[str | None] = mapped_column(ForeignKey(_REPOSITORY, ondelete="SET NULL"))
    source_name: Mapped[str] = mapped_column(String(201))
    source_branch: Mapped[str] = mapped_column(String(BRANCH))
    target_branch: Mapped[str] = mapped_column(String(BRANCH))
    head: Mapped[str] = mapped_column(COMMIT)
    base: Mapped[str | None] = mapped_column(COMMIT)
    target: Mapped[str] = mapped_column(COMMIT)
    draft: Mapped[bool]
    merged: Mapped[str | None] = mapped_column(COMMIT)
    method: Mapped[str | None] = mapped_column(String(16))
    merged_by: Mapped[str | None] = mapped_column(ForeignKey(_ACCOUNT))
    merged_at: Mapped[int | None] = mapped_column(MICROS)

    conversation: Mapped[Conversation] = relationship(lazy="joined")
    merger: Mapped[Account | None] = relationship(lazy="joined")


def ask_to_follow(session: Session, repository_id: str, now: int) -> None:
    """Let the job look that follows the branches of a repository, if an open pull request is about one."""
    query = select(Pull.conversation_id).join(Conversation, Conversation.id == Pull.conversation_id)
    here = or_(Pull.source_id == repository_id, Conversation.repository_id == repository_id)
    if session.scalar(query.where(Conversation.state == "open", here).limit(1)) is not None:
        ask_for(session, job_id(FOLLOW, repository_id), now)


class PullReviewer(Base):
    """Somebody who was asked to review."""

    __tablename__ = "pull_reviewers"

    conversation_id: Mapped[str] = mapped_column(
        ForeignKey(_CONVERSATION, ondelete="CASCADE"), primary_key=True
    )
    account_id: Mapped[str] = mapped_column(ForeignKey(_ACCOUNT), primary_key=True, index=True)

    account: Mapped[Account] = relationship(lazy="joined")


class PullThread(Base):
    """What a note is about, and what became of it; its entry has the same number.

    Attributes:
        commit_id: The commit at which the path was looked at.
        digest: What the path was then.
        anchor: Where in the file; see `tether.hub.pulls.anchors`.
        suggestion: What is to be in the place of the lines, if that was said.
        applied: The commit that did so.
    """

    __tablename__ = "pull_threads"

    conversation_id: Mapped[str] = mapped_column(
        ForeignKey(_CONVERSATION, ondelete="CASCADE"), primary_key=True
    )
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    path: Mapped[str] = mapped_column(String(PATH))
    commit_id: Mapped[str] = mapped_column(COMMIT)
    digest: Mapped[str] = mapped_column(COMMIT)
    anchor: Mapped[dict[str, Any]] = mapped_column(JSON)
    suggestion: Mapped[str | None] = mapped_column(Text)
    resolved: Mapped[int | None] = mapped_column(MICROS)
    resolved_by: Mapped[str | None] = mapped_column(ForeignKey(_ACCOUNT))
    applied: Mapped[str | None] = mapped_column(COMMIT)

    resolver: Mapped[Account | None] = relationship(lazy="joined")


class CommitCheck(Base):
    """What somebody's machine found of a commit.

    Attributes:
        state: `pending`, `success`, `failure` or `error`.
    """

    __tablename__ = "commit_checks"

    repository_id: Mapped[str] = mapped_column(ForeignKey(_REPOSITORY, ondelete="CASCADE"), primary_key=True)
    commit_id: Mapped[str] = mapped_column(COMMIT, primary_key=True)
    name: Mapped[str] = mapped_column(NAME, primary_key=True)
    state: Mapped[str] = mapped_column(String(16))
    summary: Mapped[str] = mapped_column(Text)
    url: Mapped[str] = mapped_column(String(CHECK_URL))
    account_id: Mapped[str] = mapped_column(ForeignKey(_ACCOUNT))
    created: Mapped[int] = mapped_column(MICROS)
    changed: Mapped[int] = mapped_column(MICROS)

    account: Mapped[Account] = relationship(lazy="joined")


class MergeTrial(Base):
    """What came of merging two commits, which never changes; the newest of a repository are kept.

    Attributes:
        target: The commit that the other one goes into.
        state: See `tether.hub.pulls.trials`.
        count: How many paths are in conflict.
        conflicts: The first of them, as JSON.
    """

    __tablename__ = "merge_trials"
    __table_args__ = (Index("ix_merge_trials_made", "repository_id", "made"),)

    repository_id: Mapped[str] = mapped_column(ForeignKey(_REPOSITORY, ondelete="CASCADE"), primary_key=True)
    target: Mapped[str] = mapped_column(COMMIT, primary_key=True)
    head: Mapped[str] = mapped_column(COMMIT, primary_key=True)
    state: Mapped[str] = mapped_column(String(16))
    base: Mapped[str | None] = mapped_column(COMMIT)
    count: Mapped[int]
    conflicts: Mapped[str] = mapped_column(Text)
    made: Mapped[int] = mapped_column(MICROS)
