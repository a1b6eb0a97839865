"""The tables of rights: teams, rules of branches, locks of files, quotas and what is stored.

They join those of `tether.hub.database.models`, and what is said there holds here.
"""

from typing import Any

from sqlalchemy import JSON, ForeignKey, String, UniqueConstraint
from sqlalchemy.orm import Mapped, Session, mapped_column, relationship

from tether.hub.database.models import ID, MICROS, NAME, Account, Base, RepositoryRow

_REPOSITORY = "repositories.id"
BRANCH, PATH = 255, 1000
"""Longest names of branches and paths that a rule or a lock can speak of."""


class Team(Base):
    """Some members of an organisation."""

    __tablename__ = "teams"
    __table_args__ = (UniqueConstraint("organisation_id", "key"),)

    id: Mapped[str] = mapped_column(ID, primary_key=True)
    organisation_id: Mapped[str] = mapped_column(ForeignKey("accounts.id"))
    name: Mapped[str] = mapped_column(NAME)
    key: Mapped[str] = mapped_column(NAME)
    created: Mapped[int] = mapped_column(MICROS)


class TeamMember(Base):
    """A user in a team; they are a member of its organisation too."""

    __tablename__ = "team_members"

    team_id: Mapped[str] = mapped_column(ForeignKey("teams.id", ondelete="CASCADE"), primary_key=True)
    account_id: Mapped[str] = mapped_column(ForeignKey("accounts.id"), primary_key=True, index=True)


class TeamRole(Base):
    """A role of a team in a repository of its organisation."""

    __tablename__ = "team_roles"

    repository_id: Mapped[str] = mapped_column(ForeignKey(_REPOSITORY, ondelete="CASCADE"), primary_key=True)
    team_id: Mapped[str] = mapped_column(
        ForeignKey("teams.id", ondelete="CASCADE"), primary_key=True, index=True
    )
    role: Mapped[str] = mapped_column(String(16))


class BranchRule(Base):
    """What holds for pushes to some branches of a repository; `tether.hub.rules` reads the content."""

    __tablename__ = "branch_rules"

    repository_id: Mapped[str] = mapped_column(ForeignKey(_REPOSITORY, ondelete="CASCADE"), primary_key=True)
    key: Mapped[str] = mapped_column(NAME, primary_key=True)
    name: Mapped[str] = mapped_column(NAME)
    branches: Mapped[str] = mapped_column(String(BRANCH))
    content: Mapped[dict[str, Any]] = mapped_column(JSON)


class FileLock(Base):
    """A file or folder that only one user may change, on one branch or, with an empty name, on all."""

    __tablename__ = "file_locks"
    __table_args__ = (UniqueConstraint("repository_id", "branch", "path"),)

    id: Mapped[str] = mapped_column(ID, primary_key=True)
    repository_id: Mapped[str] = mapped_column(ForeignKey(_REPOSITORY, ondelete="CASCADE"))
    branch: Mapped[str] = mapped_column(String(BRANCH))
    path: Mapped[str] = mapped_column(String(PATH))
    account_id: Mapped[str] = mapped_column(ForeignKey("accounts.id"), index=True)
    created: Mapped[int] = mapped_column(MICROS)

    account: Mapped[Account] = relationship(lazy="joined")


class Quota(Base):
    """How much an owner may keep, where it is not what the settings say; 0 is without end."""

    __tablename__ = "quotas"

    account_id: Mapped[str] = mapped_column(ForeignKey("accounts.id"), primary_key=True)
    bytes: Mapped[int | None] = mapped_column(MICROS)
    repositories: Mapped[int | None]


class StoredBytes(Base):
    """How many bytes the packs of a repository take, and when some came last."""

    __tablename__ = "stored_bytes"

    repository_id: Mapped[str] = mapped_column(ForeignKey(_REPOSITORY, ondelete="CASCADE"), primary_key=True)
    bytes: Mapped[int] = mapped_column(MICROS)
    changed: Mapped[int] = mapped_column(MICROS)


def hold_rights(session: Session, repository_id: str, *, shared: bool = False) -> None:
    """Let who sets rules or gives locks wait for each other, and, shared, pushes only for these.

    It lasts until the end of the transaction.
    """
    held = {"of": RepositoryRow, "read": shared}  # not its owner, who is read along with it
    session.get_one(RepositoryRow, repository_id, with_for_update=held)
