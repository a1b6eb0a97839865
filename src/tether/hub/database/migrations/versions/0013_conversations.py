"""Discussions and pull requests, with what is said in them, and who is told."""

from collections.abc import Iterable
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"

_ID, _COMMIT, _MICROS, _WORD = sa.String(32), sa.String(64), sa.BigInteger(), sa.String(16)
_BRANCH, _PATH, _NAME = sa.String(255), sa.String(1000), sa.String(100)


def _of(table: str, column: str, target: str, ondelete: str | None = "CASCADE") -> sa.ForeignKeyConstraint:
    name = f"fk_{table}_{column}"
    return sa.ForeignKeyConstraint([column], [f"{target}.id"], name=name, ondelete=ondelete)


def _by(table: str, column: str = "account_id") -> sa.ForeignKeyConstraint:
    return _of(table, column, "accounts", None)


def _key(table: str, *columns: str) -> sa.PrimaryKeyConstraint:
    return sa.PrimaryKeyConstraint(*columns, name=f"pk_{table}")


def _column(name: str, kind: sa.types.TypeEngine[Any], *, empty: bool = False) -> sa.Column[Any]:
    return sa.Column(name, kind, nullable=empty)


def upgrade() -> None:
    """Make the tables."""
    _conversations()
    _people()
    _pulls()
    _findings()


def _indexes(table: str, columns: Iterable[str]) -> None:
    for column in columns:
        op.create_index(f"ix_{table}_{column}", table, [column])


def _conversations() -> None:
    op.create_table(
        "conversations",
        _column("id", _ID),
        _column("repository_id", _ID),
        _column("number", sa.Integer()),
        _column("kind", _WORD),
        _column("title", sa.String(250)),
        _column("body", sa.Text()),
        _column("account_id", _ID),
        _column("state", _WORD),
        _column("labels", sa.JSON()),
        _column("path", _PATH, empty=True),
        _column("commit_id", _COMMIT, empty=True),
        _column("entries", sa.Integer()),
        _column("created", _MICROS),
        _column("updated", _MICROS),
        _of("conversations", "repository_id", "repositories"),
        _by("conversations"),
        _key("conversations", "id"),
        sa.UniqueConstraint("repository_id", "number", name="uq_conversations_repository_id"),
    )
    _indexes("conversations", ["account_id"])
    op.create_index("ix_conversations_listed", "conversations", ["repository_id", "kind", "state", "number"])
    op.create_table(
        "conversation_entries",
        _column("conversation_id", _ID),
        sa.Column("number", sa.Integer(), nullable=False, autoincrement=False),
        _column("kind", _WORD),
        _column("account_id", _ID, empty=True),
        _column("body", sa.Text()),
        _column("details", sa.JSON()),
        _column("thread", sa.Integer(), empty=True),
        _column("verdict", _WORD, empty=True),
        _column("commit_id", _COMMIT, empty=True),
        _column("created", _MICROS),
        _column("edited", _MICROS, empty=True),
        _column("deleted", sa.Boolean()),
        _of("conversation_entries", "conversation_id", "conversations"),
        _by("conversation_entries"),
        _key("conversation_entries", "conversation_id", "number"),
    )
    _indexes("conversation_entries", ["account_id"])
    op.create_index("ix_conversation_entries_thread", "conversation_entries", ["conversation_id", "thread"])


def _people() -> None:
    op.create_table(
        "subscriptions",
        _column("conversation_id", _ID),
        _column("account_id", _ID),
        _column("reason", _WORD),
        _column("muted", sa.Boolean()),
        _of("subscriptions", "conversation_id", "conversations"),
        _by("subscriptions"),
        _key("subscriptions", "conversation_id", "account_id"),
    )
    _indexes("subscriptions", ["account_id"])
    op.create_table(
        "notices",
        _column("account_id", _ID),
        _column("conversation_id", _ID),
        _column("reason", _WORD),
        _column("event", _WORD),
        _column("actor", _NAME),
        _column("entry", sa.Integer()),
        _column("unread", sa.Boolean()),
        _column("changed", _MICROS),
        _of("notices", "conversation_id", "conversations"),
        _by("notices"),
        _key("notices", "account_id", "conversation_id"),
    )
    _indexes("notices", ["conversation_id"])
    op.create_index("ix_notices_listed", "notices", ["account_id", "unread", "changed"])


def _pulls() -> None:
    op.create_table(
        "pulls",
        _column("conversation_id", _ID),
        _column("source_id", _ID, empty=True),
        _column("source_name", sa.String(201)),
        _column("source_branch", _BRANCH),
        _column("target_branch", _BRANCH),
        _column("head", _COMMIT),
        _column("base", _COMMIT, empty=True),
        _column("target", _COMMIT),
        _column("draft", sa.Boolean()),
        _column("merged", _COMMIT, empty=True),
        _column("method", _WORD, empty=True),
        _column("merged_by", _ID, empty=True),
        _column("merged_at", _MICROS, empty=True),
        _of("pulls", "conversation_id", "conversations"),
        _of("pulls", "source_id", "repositories", "SET NULL"),
        _by("pulls", "merged_by"),
        _key("pulls", "conversation_id"),
    )
    op.create_index("ix_pulls_source", "pulls", ["source_id", "source_branch"])
    op.create_table(
        "pull_reviewers",
        _column("conversation_id", _ID),
        _column("account_id", _ID),
        _of("pull_reviewers", "conversation_id", "conversations"),
        _by("pull_reviewers"),
        _key("pull_reviewers", "conversation_id", "account_id"),
    )
    _indexes("pull_reviewers", ["account_id"])
    op.create_table(
        "pull_threads",
        _column("conversation_id", _ID),
        sa.Column("number", sa.Integer(), nullable=False, autoincrement=False),
        _column("path", _PATH),
        _column("commit_id", _COMMIT),
        _column("digest", _COMMIT),
        _column("anchor", sa.JSON()),
        _column("suggestion", sa.Text(), empty=True),
        _column("resolved", _MICROS, empty=True),
        _column("resolved_by", _ID, empty=True),
        _column("applied", _COMMIT, empty=True),
        _of("pull_threads", "conversation_id", "conversations"),
        _by("pull_threads", "resolved_by"),
        _key("pull_threads", "conversation_id", "number"),
    )


def _findings() -> None:
    op.create_table(
        "commit_checks",
        _column("repository_id", _ID),
        _column("commit_id", _COMMIT),
        _column("name", _NAME),
        _column("state", _WORD),
        _column("summary", sa.Text()),
        _column("url", sa.String(2000)),
        _column("account_id", _ID),
        _column("created", _MICROS),
        _column("changed", _MICROS),
        _of("commit_checks", "repository_id", "repositories"),
        _by("commit_checks"),
        _key("commit_checks", "repository_id", "commit_id", "name"),
    )
    op.create_table(
        "merge_trials",
        _column("repository_id", _ID),
        _column("target", _COMMIT),
        _column("head", _COMMIT),
        _column("state", _WORD),
        _column("base", _COMMIT, empty=True),
        _column("count", sa.Integer()),
        _column("conflicts", sa.Text()),
        _column("made", _MICROS),
        _of("merge_trials", "repository_id", "repositories"),
        _key("merge_trials", "repository_id", "target", "head"),
    )
    op.create_index("ix_merge_trials_made", "merge_trials", ["repository_id", "made"])
