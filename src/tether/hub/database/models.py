"""The tables of the hub.

Times are microseconds since 1970. Names are kept as they were written; `key` is the name in small
letters, by which it is found and unique. A change here needs a migration beside this file.
"""

from typing import Any

from sqlalchemy import JSON, BigInteger, ForeignKey, Index, Integer, LargeBinary, MetaData, String, text
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship

NAMING = {
    "ix": "ix_%(column_0_label)s",
    "uq": "uq_%(table_name)s_%(column_0_name)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s",
    "pk": "pk_%(table_name)s",
}
ID = String(32)
NAME = String(100)
MICROS = BigInteger()
SERIAL = BigInteger().with_variant(Integer(), "sqlite")
_LIVE = text("deleted_at IS NULL")


class Base(DeclarativeBase):
    """What all tables share: names of constraints that migrations can rely on."""

    metadata = MetaData(naming_convention=NAMING)


class Account(Base):
    """A user or an organisation: who can own repositories.

    Attributes:
        kind: `user` or `organisation`.
        password: The argon2 hash; None for an organisation, or for who signs in by token alone.
        admin: May administer the whole hub.
        display_name: What it wants to be called beside its name, for people to read; not unique.
        about: A line of it on what it is.
    """

    __tablename__ = "accounts"

    id: Mapped[str] = mapped_column(ID, primary_key=True)
    kind: Mapped[str] = mapped_column(String(16))
    name: Mapped[str] = mapped_column(NAME)
    key: Mapped[str] = mapped_column(NAME, unique=True)
    password: Mapped[str | None] = mapped_column(String(255))
    admin: Mapped[bool] = mapped_column(default=False)
    disabled: Mapped[bool] = mapped_column(default=False)
    created: Mapped[int] = mapped_column(MICROS)
    display_name: Mapped[str] = mapped_column(String(80), default="", server_default="")
    about: Mapped[str] = mapped_column(String(300), default="", server_default="")


class Membership(Base):
    """A user in an organisation, as `owner` or `member`."""

    __tablename__ = "memberships"

    organisation_id: Mapped[str] = mapped_column(ForeignKey("accounts.id"), primary_key=True)
    account_id: Mapped[str] = mapped_column(ForeignKey("accounts.id"), primary_key=True, index=True)
    role: Mapped[str] = mapped_column(String(16))


class Token(Base):
    """A secret that stands for a user; only its BLAKE3 is kept."""

    __tablename__ = "tokens"

    id: Mapped[str] = mapped_column(ID, primary_key=True)
    account_id: Mapped[str] = mapped_column(ForeignKey("accounts.id"), index=True)
    digest: Mapped[str] = mapped_column(String(64), unique=True)
    label: Mapped[str] = mapped_column(NAME)
    scope: Mapped[str] = mapped_column(String(16))
    created: Mapped[int] = mapped_column(MICROS)
    expires: Mapped[int | None] = mapped_column(MICROS)
    last_used: Mapped[int | None] = mapped_column(MICROS)
    revoked: Mapped[int | None] = mapped_column(MICROS)

    account: Mapped[Account] = relationship(lazy="joined")


class Invitation(Base):
    """A code with which one person may make an account; only its BLAKE3 is kept."""

    __tablename__ = "invitations"

    digest: Mapped[str] = mapped_column(String(64), primary_key=True)
    created: Mapped[int] = mapped_column(MICROS)
    expires: Mapped[int] = mapped_column(MICROS)
    used_by: Mapped[str | None] = mapped_column(ForeignKey("accounts.id"))


class RepositoryRow(Base):
    """A repository as a hosted thing; its packs are in the folder named by its id, its refs in its root.

    Attributes:
        about: A line of its owner on what it is.
        topics: Words of its owner by which it is found, with a space between them.
    """

    __tablename__ = "repositories"
    __table_args__ = (
        Index(
            "uq_repositories_live", "owner_id", "key", unique=True, sqlite_where=_LIVE, postgresql_where=_LIVE
        ),
    )

    id: Mapped[str] = mapped_column(ID, primary_key=True)
    owner_id: Mapped[str] = mapped_column(ForeignKey("accounts.id"))
    name: Mapped[str] = mapped_column(NAME)
    key: Mapped[str] = mapped_column(NAME)
    kind: Mapped[str] = mapped_column(String(16))
    private: Mapped[bool]
    archived: Mapped[bool] = mapped_column(default=False)
    created: Mapped[int] = mapped_column(MICROS)
    deleted_at: Mapped[int | None] = mapped_column(MICROS)
    about: Mapped[str] = mapped_column(String(300), default="", server_default="")
    topics: Mapped[str] = mapped_column(String(700), default="", server_default="")

    owner: Mapped[Account] = relationship(lazy="joined")

    @property
    def full_name(self) -> str:
        """The address of the repository below the hub's: OWNER/NAME."""
        return f"{self.owner.name}/{self.name}"


class RootRow(Base):
    """The root of a repository: its refs, packs and newest operations as one value; see `roots.SqlRoot`.

    Attributes:
        digest: The BLAKE3 of the value, by which one value is told from another. The value has the write id
            of the write that made it, so no two writes give the same.
    """

    __tablename__ = "roots"

    repository_id: Mapped[str] = mapped_column(
        ForeignKey("repositories.id", ondelete="CASCADE"), primary_key=True
    )
    digest: Mapped[bytes] = mapped_column(LargeBinary(32))
    value: Mapped[bytes] = mapped_column(LargeBinary)


class Redirect(Base):
    """An address that a repository had before; it leads to the repository until the name is taken again."""

    __tablename__ = "redirects"

    owner_id: Mapped[str] = mapped_column(ForeignKey("accounts.id"), primary_key=True)
    key: Mapped[str] = mapped_column(NAME, primary_key=True)
    repository_id: Mapped[str] = mapped_column(ForeignKey("repositories.id", ondelete="CASCADE"), index=True)


class Collaborator(Base):
    """A role of one user in one repository."""

    __tablename__ = "collaborators"

    repository_id: Mapped[str] = mapped_column(
        ForeignKey("repositories.id", ondelete="CASCADE"), primary_key=True
    )
    account_id: Mapped[str] = mapped_column(ForeignKey("accounts.id"), primary_key=True, index=True)
    role: Mapped[str] = mapped_column(String(16))

    account: Mapped[Account] = relationship(lazy="joined")


class AuditEntry(Base):
    """One change of an account, a token, a right, a repository or a ref; rows are only ever added.

    Names stand beside ids, since what they name may be gone when somebody reads the entry.
    """

    __tablename__ = "audit"

    id: Mapped[int] = mapped_column(SERIAL, primary_key=True, autoincrement=True)
    time: Mapped[int] = mapped_column(MICROS, index=True)
    actor_id: Mapped[str | None] = mapped_column(ID)
    actor: Mapped[str] = mapped_column(NAME)
    action: Mapped[str] = mapped_column(String(64))
    subject: Mapped[str] = mapped_column(String(255))
    repository_id: Mapped[str | None] = mapped_column(ID, index=True)
    details: Mapped[dict[str, Any]] = mapped_column(JSON)


class Attempts(Base):
    """How many sign-ins failed for a name or an address since the start of a window."""

    __tablename__ = "attempts"

    subject: Mapped[str] = mapped_column(String(200), primary_key=True)
    since: Mapped[int] = mapped_column(MICROS)
    failed: Mapped[int]
