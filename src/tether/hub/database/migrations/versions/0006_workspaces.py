"""Workspaces, who is let into them, and what is staged there."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"

_ID = sa.String(32)
_MICROS = sa.BigInteger()


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "workspaces",
        sa.Column("id", _ID, nullable=False),
        sa.Column("repository_id", _ID, nullable=False),
        sa.Column("account_id", _ID, nullable=False),
        sa.Column("branch", sa.String(255), nullable=False),
        sa.Column("name", sa.String(100), nullable=False),
        sa.Column("base", sa.String(64)),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created", _MICROS, nullable=False),
        sa.Column("changed", _MICROS, nullable=False),
        sa.Column("committed", sa.String(64)),
        _reference("workspaces", "repository_id", "repositories", "CASCADE"),
        _reference("workspaces", "account_id", "accounts"),
        sa.PrimaryKeyConstraint("id", name="pk_workspaces"),
    )
    op.create_index("ix_workspaces_repository_id", "workspaces", ["repository_id"])
    op.create_index("ix_workspaces_account_id", "workspaces", ["account_id"])
    op.create_table(
        "workspace_members",
        sa.Column("workspace_id", _ID, nullable=False),
        sa.Column("account_id", _ID, nullable=False),
        _reference("workspace_members", "workspace_id", "workspaces", "CASCADE"),
        _reference("workspace_members", "account_id", "accounts"),
        sa.PrimaryKeyConstraint("workspace_id", "account_id", name="pk_workspace_members"),
    )
    op.create_index("ix_workspace_members_account_id", "workspace_members", ["account_id"])
    op.create_table(
        "workspace_entries",
        sa.Column("workspace_id", _ID, nullable=False),
        sa.Column("path", sa.String(1000), nullable=False),
        sa.Column("kind", sa.Integer(), nullable=False),
        sa.Column("size", _MICROS, nullable=False),
        sa.Column("digest", sa.String(64)),
        sa.Column("packs", sa.JSON(), nullable=False),
        _reference("workspace_entries", "workspace_id", "workspaces", "CASCADE"),
        sa.PrimaryKeyConstraint("workspace_id", "path", name="pk_workspace_entries"),
    )


def _reference(table: str, column: str, target: str, ondelete: str | None = None) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint([column], [f"{target}.id"], name=f"fk_{table}_{column}", ondelete=ondelete)
