"""Runs under way that MLflow's clients tell of."""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"

_SERIAL = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def _of(table: str, column: str, target: str, *, cascade: bool = True) -> sa.ForeignKeyConstraint:
    name = f"fk_{table}_{column}"
    return sa.ForeignKeyConstraint([column], [target], name=name, ondelete="CASCADE" if cascade else None)


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "tracked_runs",
        sa.Column("id", sa.String(26), nullable=False),
        sa.Column("repository_id", sa.String(32), nullable=False),
        sa.Column("account_id", sa.String(32), nullable=False),
        sa.Column("document", sa.Text(), nullable=False),
        sa.Column("parameters", sa.Text(), nullable=False),
        sa.Column("created", sa.BigInteger(), nullable=False),
        sa.Column("changed", sa.BigInteger(), nullable=False),
        _of("tracked_runs", "repository_id", "repositories.id"),
        _of("tracked_runs", "account_id", "accounts.id", cascade=False),
        sa.PrimaryKeyConstraint("id", name="pk_tracked_runs"),
    )
    op.create_table(
        "tracked_points",
        sa.Column("id", _SERIAL, nullable=False),
        sa.Column("run_id", sa.String(26), nullable=False),
        sa.Column("points", sa.Text(), nullable=False),
        _of("tracked_points", "run_id", "tracked_runs.id"),
        sa.PrimaryKeyConstraint("id", name="pk_tracked_points"),
    )
    op.create_table(
        "tracked_files",
        sa.Column("run_id", sa.String(26), nullable=False),
        sa.Column("path", sa.String(1000), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("digest", sa.String(64), nullable=False),
        sa.Column("packs", sa.JSON(), nullable=False),
        _of("tracked_files", "run_id", "tracked_runs.id"),
        sa.PrimaryKeyConstraint("run_id", "path", name="pk_tracked_files"),
    )
    op.create_table(
        "tracked_events",
        sa.Column("id", _SERIAL, nullable=False),
        sa.Column("repository_id", sa.String(32), nullable=False),
        sa.Column("event", sa.Text(), nullable=False),
        _of("tracked_events", "repository_id", "repositories.id"),
        sa.PrimaryKeyConstraint("id", name="pk_tracked_events"),
    )
    for table, column in (
        ("tracked_runs", "repository_id"),
        ("tracked_runs", "account_id"),
        ("tracked_points", "run_id"),
        ("tracked_events", "repository_id"),
    ):
        op.create_index(f"ix_{table}_{column}", table, [column])
