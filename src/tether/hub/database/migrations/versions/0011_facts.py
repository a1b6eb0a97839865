"""Facts of repositories, and jobs that somebody asks for."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    """Make the table; jobs that are there were asked for by nobody."""
    op.create_table(
        "facts",
        sa.Column("repository_id", sa.String(32), nullable=False),
        sa.Column("commit_id", sa.String(64), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("made", sa.BigInteger(), nullable=False),
        sa.Column("document", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["repository_id"], ["repositories.id"], name="fk_facts_repository_id", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("repository_id", "commit_id", name="pk_facts"),
    )
    # Hubs of the version before add jobs without it as long as they run.
    op.add_column("jobs", sa.Column("asked", sa.Integer(), nullable=False, server_default="0"))
