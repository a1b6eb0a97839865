"""The tables of workspaces: what people stage on the hub against a branch, before it is a commit.

They join those of `tether.hub.database.models`, and what is said there holds here.
"""

from typing import Any

from sqlalchemy import JSON, ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column, relationship

from tether.hub.database.models import ID, MICROS, NAME, Account, Base
from tether.hub.database.rights import BRANCH, PATH

_OF_WORKSPACE = "workspaces.id"


class Workspace(Base):
    """Changes against a branch.

    Attributes:
        base: The commit that they are against, in hexadecimal; None in an empty repository.
        version: Grows with each change of the entries.
        changed: When somebody last worked in it.
        committed: The commit that it became; nothing can be staged any more then.
    """

    __tablename__ = "workspaces"

    id: Mapped[str] = mapped_column(ID, primary_key=True)
    repository_id: Mapped[str] = mapped_column(ForeignKey("repositories.id", ondelete="CASCADE"), index=True)
    account_id: Mapped[str] = mapped_column(ForeignKey("accounts.id"), index=True)
    branch: Mapped[str] = mapped_column(String(BRANCH))
    name: Mapped[str] = mapped_column(NAME)
    base: Mapped[str | None] = mapped_column(String(64))
    version: Mapped[int] = mapped_column(default=0)
    created: Mapped[int] = mapped_column(MICROS)
    changed: Mapped[int] = mapped_column(MICROS)
    committed: Mapped[str | None] = mapped_column(String(64))

    account: Mapped[Account] = relationship(lazy="joined")


class WorkspaceMember(Base):
    """Somebody who was let into the workspace of another."""

    __tablename__ = "workspace_members"

    workspace_id: Mapped[str] = mapped_column(ForeignKey(_OF_WORKSPACE, ondelete="CASCADE"), primary_key=True)
    account_id: Mapped[str] = mapped_column(ForeignKey("accounts.id"), primary_key=True, index=True)

    account: Mapped[Account] = relationship(lazy="joined")


class WorkspaceEntry(Base):
    """A path that differs from the base.

    Attributes:
        kind: As in a tree; 0 where the path is removed.
        digest: In hexadecimal; None where the path is removed.
        packs: Those that hold the contents, by role; empty where the base has the contents.
    """

    __tablename__ = "workspace_entries"

    workspace_id: Mapped[str] = mapped_column(ForeignKey(_OF_WORKSPACE, ondelete="CASCADE"), primary_key=True)
    path: Mapped[str] = mapped_column(String(PATH), primary_key=True)
    kind: Mapped[int]
    size: Mapped[int] = mapped_column(MICROS)
    digest: Mapped[str | None] = mapped_column(String(64))
    packs: Mapped[dict[str, Any]] = mapped_column(JSON)
