"""Addresses for mail, and what is to be sent."""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"

_ID, _MICROS = sa.String(32), sa.BigInteger()


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "mail_addresses",
        sa.Column("account_id", _ID, nullable=False),
        sa.Column("address", sa.String(254), nullable=False),
        sa.Column("code", sa.String(64)),
        sa.Column("sent", _MICROS, nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name="fk_mail_addresses_account_id"),
        sa.PrimaryKeyConstraint("account_id", name="pk_mail_addresses"),
    )
    op.create_table(
        "mails",
        sa.Column("id", _ID, nullable=False),
        sa.Column("account_id", _ID, nullable=False),
        sa.Column("conversation_id", _ID),
        sa.Column("address", sa.String(254), nullable=False),
        sa.Column("subject", sa.String(400), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("created", _MICROS, nullable=False),
        sa.Column("due", _MICROS, nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name="fk_mails_account_id"),
        sa.ForeignKeyConstraint(
            ["conversation_id"], ["conversations.id"], name="fk_mails_conversation_id", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_mails"),
    )
    for column in ("account_id", "conversation_id", "due"):
        op.create_index(f"ix_mails_{column}", "mails", [column])
