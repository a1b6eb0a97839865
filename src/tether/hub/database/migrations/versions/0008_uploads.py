"""Places in the bucket that were given away for packs to come."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"

_ID = sa.String(32)
_BIG = sa.BigInteger()


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "upload_places",
        sa.Column("id", _ID, nullable=False),
        sa.Column("repository_id", _ID, nullable=False),
        sa.Column("account_id", _ID, nullable=False),
        sa.Column("pack", sa.String(64), nullable=False),
        sa.Column("size", _BIG, nullable=False),
        sa.Column("expires", _BIG, nullable=False),
        sa.Column("used", sa.Boolean(), nullable=False),
        _reference("repository_id", "repositories", "CASCADE"),
        _reference("account_id", "accounts"),
        sa.PrimaryKeyConstraint("id", name="pk_upload_places"),
        sa.UniqueConstraint("repository_id", "account_id", "pack", name="uq_upload_places_repository_id"),
    )
    op.create_index("ix_upload_places_account_id", "upload_places", ["account_id"])


def _reference(column: str, target: str, ondelete: str | None = None) -> sa.ForeignKeyConstraint:
    name = f"fk_upload_places_{column}"
    return sa.ForeignKeyConstraint([column], [f"{target}.id"], name=name, ondelete=ondelete)
