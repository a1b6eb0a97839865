"""What repositories are about, and the words by which they are found."""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"


def _of(table: str) -> sa.ForeignKeyConstraint:
    name = f"fk_{table}_repository_id"
    return sa.ForeignKeyConstraint(["repository_id"], ["repositories.id"], name=name, ondelete="CASCADE")


def upgrade() -> None:
    """Make the columns and tables; the daily job of each repository fills them."""
    # Hubs of the version before add repositories without them as long as they run.
    op.add_column("repositories", sa.Column("about", sa.String(300), nullable=False, server_default=""))
    op.add_column("repositories", sa.Column("topics", sa.String(700), nullable=False, server_default=""))
    op.create_table(
        "search_words",
        sa.Column("repository_id", sa.String(32), nullable=False),
        sa.Column("part", sa.Integer(), nullable=False),
        sa.Column("word", sa.LargeBinary(48), nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.Column("sample", sa.LargeBinary(1000), nullable=True),
        _of("search_words"),
        sa.PrimaryKeyConstraint("repository_id", "part", "word", name="pk_search_words"),
    )
    op.create_index("ix_search_words_word", "search_words", ["word", "part"])
    op.create_table(
        "search_states",
        sa.Column("repository_id", sa.String(32), nullable=False),
        sa.Column("state", sa.String(64), nullable=False),
        sa.Column("branch", sa.String(255), nullable=False),
        sa.Column("partial", sa.Boolean(), nullable=False),
        _of("search_states"),
        sa.PrimaryKeyConstraint("repository_id", name="pk_search_states"),
    )
