"""Teams, rules of branches, locks of files, quotas and what is stored."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"

_ID = sa.String(32)
_NAME = sa.String(100)
_MICROS = sa.BigInteger()


def upgrade() -> None:
    """Make the tables; repositories that are there get no rule, and are counted when the hub serves."""
    _teams()
    _branch_rules()
    _file_locks()
    _quotas()


def _reference(table: str, column: str, target: str, ondelete: str | None = None) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint([column], [f"{target}.id"], name=f"fk_{table}_{column}", ondelete=ondelete)


def _teams() -> None:
    op.create_table(
        "teams",
        sa.Column("id", _ID, nullable=False),
        sa.Column("organisation_id", _ID, nullable=False),
        sa.Column("name", _NAME, nullable=False),
        sa.Column("key", _NAME, nullable=False),
        sa.Column("created", _MICROS, nullable=False),
        _reference("teams", "organisation_id", "accounts"),
        sa.PrimaryKeyConstraint("id", name="pk_teams"),
        sa.UniqueConstraint("organisation_id", "key", name="uq_teams_organisation_id"),
    )
    op.create_table(
        "team_members",
        sa.Column("team_id", _ID, nullable=False),
        sa.Column("account_id", _ID, nullable=False),
        _reference("team_members", "team_id", "teams", "CASCADE"),
        _reference("team_members", "account_id", "accounts"),
        sa.PrimaryKeyConstraint("team_id", "account_id", name="pk_team_members"),
    )
    op.create_index("ix_team_members_account_id", "team_members", ["account_id"])
    op.create_table(
        "team_roles",
        sa.Column("repository_id", _ID, nullable=False),
        sa.Column("team_id", _ID, nullable=False),
        sa.Column("role", sa.String(16), nullable=False),
        _reference("team_roles", "repository_id", "repositories", "CASCADE"),
        _reference("team_roles", "team_id", "teams", "CASCADE"),
        sa.PrimaryKeyConstraint("repository_id", "team_id", name="pk_team_roles"),
    )
    op.create_index("ix_team_roles_team_id", "team_roles", ["team_id"])


def _branch_rules() -> None:
    op.create_table(
        "branch_rules",
        sa.Column("repository_id", _ID, nullable=False),
        sa.Column("key", _NAME, nullable=False),
        sa.Column("name", _NAME, nullable=False),
        sa.Column("branches", sa.String(255), nullable=False),
        sa.Column("content", sa.JSON(), nullable=False),
        _reference("branch_rules", "repository_id", "repositories", "CASCADE"),
        sa.PrimaryKeyConstraint("repository_id", "key", name="pk_branch_rules"),
    )


def _file_locks() -> None:
    op.create_table(
        "file_locks",
        sa.Column("id", _ID, nullable=False),
        sa.Column("repository_id", _ID, nullable=False),
        sa.Column("branch", sa.String(255), nullable=False),
        sa.Column("path", sa.String(1000), nullable=False),
        sa.Column("account_id", _ID, nullable=False),
        sa.Column("created", _MICROS, nullable=False),
        _reference("file_locks", "repository_id", "repositories", "CASCADE"),
        _reference("file_locks", "account_id", "accounts"),
        sa.PrimaryKeyConstraint("id", name="pk_file_locks"),
        sa.UniqueConstraint("repository_id", "branch", "path", name="uq_file_locks_repository_id"),
    )
    op.create_index("ix_file_locks_account_id", "file_locks", ["account_id"])


def _quotas() -> None:
    op.create_table(
        "quotas",
        sa.Column("account_id", _ID, nullable=False),
        sa.Column("bytes", _MICROS),
        sa.Column("repositories", sa.Integer()),
        _reference("quotas", "account_id", "accounts"),
        sa.PrimaryKeyConstraint("account_id", name="pk_quotas"),
    )
    op.create_table(
        "stored_bytes",
        sa.Column("repository_id", _ID, nullable=False),
        sa.Column("bytes", _MICROS, nullable=False),
        sa.Column("changed", _MICROS, nullable=False),
        _reference("stored_bytes", "repository_id", "repositories", "CASCADE"),
        sa.PrimaryKeyConstraint("repository_id", name="pk_stored_bytes"),
    )
