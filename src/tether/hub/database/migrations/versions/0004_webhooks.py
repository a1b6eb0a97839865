"""Webhooks and their deliveries."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"

_ID = sa.String(32)
_MICROS = sa.BigInteger()


def upgrade() -> None:
    """Make the tables."""
    _webhooks()
    _deliveries()


def _reference(table: str, column: str, target: str, ondelete: str | None = None) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint([column], [f"{target}.id"], name=f"fk_{table}_{column}", ondelete=ondelete)


def _webhooks() -> None:
    op.create_table(
        "webhooks",
        sa.Column("id", _ID, nullable=False),
        sa.Column("repository_id", _ID),
        sa.Column("account_id", _ID),
        sa.Column("url", sa.String(2000), nullable=False),
        sa.Column("secret", sa.String(200), nullable=False),
        sa.Column("events", sa.JSON(), nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("created", _MICROS, nullable=False),
        _reference("webhooks", "repository_id", "repositories", "CASCADE"),
        _reference("webhooks", "account_id", "accounts"),
        sa.PrimaryKeyConstraint("id", name="pk_webhooks"),
    )
    op.create_index("ix_webhooks_repository_id", "webhooks", ["repository_id"])
    op.create_index("ix_webhooks_account_id", "webhooks", ["account_id"])


def _deliveries() -> None:
    op.create_table(
        "deliveries",
        sa.Column("id", _ID, nullable=False),
        sa.Column("webhook_id", _ID, nullable=False),
        sa.Column("event", sa.String(32), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("created", _MICROS, nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("due", _MICROS, nullable=False),
        sa.Column("lease", _MICROS),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("allowed", sa.Integer(), nullable=False),
        sa.Column("tried", _MICROS),
        sa.Column("status", sa.Integer()),
        sa.Column("duration", _MICROS),
        sa.Column("reply", sa.Text()),
        sa.Column("error", sa.String(255)),
        _reference("deliveries", "webhook_id", "webhooks", "CASCADE"),
        sa.PrimaryKeyConstraint("id", name="pk_deliveries"),
    )
    op.create_index("ix_deliveries_webhook_id", "deliveries", ["webhook_id"])
    op.create_index("ix_deliveries_created", "deliveries", ["created"])
    op.create_index("ix_deliveries_state", "deliveries", ["state", "due"])
