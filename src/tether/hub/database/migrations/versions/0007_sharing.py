"""Forks, gates and requests to pass them."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"

_ID = sa.String(32)
_MICROS = sa.BigInteger()


def upgrade() -> None:
    """Make the tables; no repository that is there is a fork or has a gate."""
    op.create_table(
        "forks",
        sa.Column("repository_id", _ID, nullable=False),
        sa.Column("source_id", _ID),
        sa.Column("closed", sa.Boolean(), nullable=False),
        sa.Column("ready", sa.Boolean(), nullable=False),
        _reference("forks", "repository_id", "repositories", "CASCADE"),
        _reference("forks", "source_id", "repositories", "SET NULL"),
        sa.PrimaryKeyConstraint("repository_id", name="pk_forks"),
    )
    op.create_index("ix_forks_source_id", "forks", ["source_id"])
    op.create_table(
        "gates",
        sa.Column("repository_id", _ID, nullable=False),
        sa.Column("agreement", sa.Text(), nullable=False),
        sa.Column("automatic", sa.Boolean(), nullable=False),
        _reference("gates", "repository_id", "repositories", "CASCADE"),
        sa.PrimaryKeyConstraint("repository_id", name="pk_gates"),
    )
    op.create_table(
        "access_requests",
        sa.Column("repository_id", _ID, nullable=False),
        sa.Column("account_id", _ID, nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("message", sa.String(1000), nullable=False),
        sa.Column("agreed", sa.String(64), nullable=False),
        sa.Column("created", _MICROS, nullable=False),
        sa.Column("decided", _MICROS, nullable=False),
        _reference("access_requests", "repository_id", "repositories", "CASCADE"),
        _reference("access_requests", "account_id", "accounts"),
        sa.PrimaryKeyConstraint("repository_id", "account_id", name="pk_access_requests"),
    )
    op.create_index("ix_access_requests_account_id", "access_requests", ["account_id"])


def _reference(table: str, column: str, target: str, ondelete: str | None = None) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint([column], [f"{target}.id"], name=f"fk_{table}_{column}", ondelete=ondelete)
