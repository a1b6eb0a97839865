"""Identities at providers of sign-ins, and sign-ins under way."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"

_DIGEST = sa.String(64)
_MICROS = sa.BigInteger()


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "identities",
        sa.Column("id", sa.String(32), nullable=False),
        sa.Column("issuer", sa.String(500), nullable=False),
        sa.Column("subject", sa.String(255), nullable=False),
        sa.Column("account_id", sa.String(32), nullable=False),
        sa.Column("email", sa.String(254), nullable=True),
        sa.Column("created", _MICROS, nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name="fk_identities_account_id"),
        sa.PrimaryKeyConstraint("id", name="pk_identities"),
        sa.UniqueConstraint("issuer", "subject", name="uq_identities_issuer"),
    )
    op.create_index("ix_identities_account_id", "identities", ["account_id"])
    op.create_index("ix_identities_email", "identities", ["email"])
    op.create_table(
        "signins_begun",
        sa.Column("state", _DIGEST, nullable=False),
        sa.Column("browser", _DIGEST, nullable=False),
        sa.Column("provider", sa.String(32), nullable=False),
        sa.Column("challenge", _DIGEST, nullable=False),
        sa.Column("expires", _MICROS, nullable=False),
        sa.PrimaryKeyConstraint("state", name="pk_signins_begun"),
    )
    op.create_index("ix_signins_begun_expires", "signins_begun", ["expires"])
    op.create_table(
        "signins_verified",
        sa.Column("code", _DIGEST, nullable=False),
        sa.Column("challenge", _DIGEST, nullable=False),
        sa.Column("provider", sa.String(32), nullable=False),
        sa.Column("issuer", sa.String(500), nullable=False),
        sa.Column("subject", sa.String(255), nullable=False),
        sa.Column("email", sa.String(254), nullable=True),
        sa.Column("name", sa.String(255), nullable=False),
        sa.Column("expires", _MICROS, nullable=False),
        sa.PrimaryKeyConstraint("code", name="pk_signins_verified"),
    )
    op.create_index("ix_signins_verified_expires", "signins_verified", ["expires"])
