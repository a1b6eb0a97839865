"""The tables of the first hub."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

_ID = sa.String(32)
_NAME = sa.String(100)
_MICROS = sa.BigInteger()
_SERIAL = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_LIVE = sa.text("deleted_at IS NULL")


def upgrade() -> None:
    """Make all tables."""
    _accounts()
    _tokens()
    _repositories()
    _records()


def _accounts() -> None:
    op.create_table(
        "accounts",
        sa.Column("id", _ID, nullable=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("name", _NAME, nullable=False),
        sa.Column("key", _NAME, nullable=False),
        sa.Column("password", sa.String(255)),
        sa.Column("admin", sa.Boolean(), nullable=False),
        sa.Column("disabled", sa.Boolean(), nullable=False),
        sa.Column("created", _MICROS, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_accounts"),
        sa.UniqueConstraint("key", name="uq_accounts_key"),
    )
    op.create_table(
        "memberships",
        sa.Column("organisation_id", _ID, nullable=False),
        sa.Column("account_id", _ID, nullable=False),
        sa.Column("role", sa.String(16), nullable=False),
        sa.ForeignKeyConstraint(["organisation_id"], ["accounts.id"], name="fk_memberships_organisation_id"),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name="fk_memberships_account_id"),
        sa.PrimaryKeyConstraint("organisation_id", "account_id", name="pk_memberships"),
    )
    op.create_index("ix_memberships_account_id", "memberships", ["account_id"])


def _tokens() -> None:
    op.create_table(
        "tokens",
        sa.Column("id", _ID, nullable=False),
        sa.Column("account_id", _ID, nullable=False),
        sa.Column("digest", sa.String(64), nullable=False),
        sa.Column("label", _NAME, nullable=False),
        sa.Column("scope", sa.String(16), nullable=False),
        sa.Column("created", _MICROS, nullable=False),
        sa.Column("expires", _MICROS),
        sa.Column("last_used", _MICROS),
        sa.Column("revoked", _MICROS),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name="fk_tokens_account_id"),
        sa.PrimaryKeyConstraint("id", name="pk_tokens"),
        sa.UniqueConstraint("digest", name="uq_tokens_digest"),
    )
    op.create_index("ix_tokens_account_id", "tokens", ["account_id"])
    op.create_table(
        "invitations",
        sa.Column("digest", sa.String(64), nullable=False),
        sa.Column("created", _MICROS, nullable=False),
        sa.Column("expires", _MICROS, nullable=False),
        sa.Column("used_by", _ID),
        sa.ForeignKeyConstraint(["used_by"], ["accounts.id"], name="fk_invitations_used_by"),
        sa.PrimaryKeyConstraint("digest", name="pk_invitations"),
    )


def _repositories() -> None:
    op.create_table(
        "repositories",
        sa.Column("id", _ID, nullable=False),
        sa.Column("owner_id", _ID, nullable=False),
        sa.Column("name", _NAME, nullable=False),
        sa.Column("key", _NAME, nullable=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("private", sa.Boolean(), nullable=False),
        sa.Column("archived", sa.Boolean(), nullable=False),
        sa.Column("created", _MICROS, nullable=False),
        sa.Column("deleted_at", _MICROS),
        sa.ForeignKeyConstraint(["owner_id"], ["accounts.id"], name="fk_repositories_owner_id"),
        sa.PrimaryKeyConstraint("id", name="pk_repositories"),
    )
    op.create_index(
        "uq_repositories_live",
        "repositories",
        ["owner_id", "key"],
        unique=True,
        sqlite_where=_LIVE,
        postgresql_where=_LIVE,
    )
    for table, columns in (("redirects", ("owner_id", "key")), ("collaborators", ("account_id", "role"))):
        _beside_repositories(table, columns)


def _beside_repositories(table: str, columns: tuple[str, str]) -> None:
    account, value = columns
    primary = ("owner_id", "key") if table == "redirects" else ("repository_id", "account_id")
    op.create_table(
        table,
        sa.Column("repository_id", _ID, nullable=False),
        sa.Column(account, _ID, nullable=False),
        sa.Column(value, _NAME if value == "key" else sa.String(16), nullable=False),
        sa.ForeignKeyConstraint(
            ["repository_id"], ["repositories.id"], name=f"fk_{table}_repository_id", ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint([account], ["accounts.id"], name=f"fk_{table}_{account}"),
        sa.PrimaryKeyConstraint(*primary, name=f"pk_{table}"),
    )
    indexed = "repository_id" if table == "redirects" else "account_id"
    op.create_index(f"ix_{table}_{indexed}", table, [indexed])


def _records() -> None:
    op.create_table(
        "audit",
        sa.Column("id", _SERIAL, autoincrement=True, nullable=False),
        sa.Column("time", _MICROS, nullable=False),
        sa.Column("actor_id", _ID),
        sa.Column("actor", _NAME, nullable=False),
        sa.Column("action", sa.String(64), nullable=False),
        sa.Column("subject", sa.String(255), nullable=False),
        sa.Column("repository_id", _ID),
        sa.Column("details", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_audit"),
    )
    op.create_index("ix_audit_time", "audit", ["time"])
    op.create_index("ix_audit_repository_id", "audit", ["repository_id"])
    op.create_table(
        "attempts",
        sa.Column("subject", sa.String(200), nullable=False),
        sa.Column("since", _MICROS, nullable=False),
        sa.Column("failed", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("subject", name="pk_attempts"),
    )
