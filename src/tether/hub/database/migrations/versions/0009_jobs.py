"""What a hub does from time to time, and what came of it."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"

_MICROS = sa.BigInteger()


def upgrade() -> None:
    """Make the table; workers fill it when they start."""
    op.create_table(
        "jobs",
        sa.Column("id", sa.String(64), nullable=False),
        sa.Column("kind", sa.String(32), nullable=False),
        sa.Column("repository_id", sa.String(32)),
        sa.Column("due", _MICROS, nullable=False),
        sa.Column("lease", _MICROS),
        sa.Column("claims", sa.Integer(), nullable=False),
        sa.Column("lost", sa.Integer(), nullable=False),
        sa.Column("worker", sa.String(100)),
        sa.Column("began", _MICROS),
        sa.Column("ended", _MICROS),
        sa.Column("took", _MICROS),
        sa.Column("outcome", sa.String(16)),
        sa.Column("message", sa.String(1000)),
        sa.ForeignKeyConstraint(
            ["repository_id"], ["repositories.id"], name="fk_jobs_repository_id", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_jobs"),
    )
    op.create_index("ix_jobs_due", "jobs", ["due"])
    op.create_index("ix_jobs_repository_id", "jobs", ["repository_id"])
