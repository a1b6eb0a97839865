"""Brings the tables of a database to what this version of the hub needs."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text

from tether.errors import Unsupported
from tether.hub.database.engine import Database

_LOCK = 0x7E7E
"""The number of the lock that PostgreSQL keeps while one of several hubs migrates."""


def migrate(database: Database, revision: str = "head") -> None:
    """Run the migrations that the database lacks, in one transaction.

    Args:
        database: What to migrate.
        revision: The last one to run.

    Raises:
        Unsupported: It was used by a newer hub.
        Unavailable: It cannot be reached.
    """
    with database.connection() as connection:
        wait_for_turn(connection)
        migrate_within(connection, revision)


def wait_for_turn(connection: Connection) -> None:
    """Let nobody else migrate until the end of the transaction; on SQLite nobody can."""
    if connection.dialect.name == "postgresql":
        connection.execute(text("SET LOCAL lock_timeout = 0"))
        connection.execute(text(f"SELECT pg_advisory_xact_lock({_LOCK})"))


def migrate_within(connection: Connection, revision: str) -> None:
    """Run the migrations that are lacking in the transaction of a connection; errors as for `migrate`."""
    revision_of(connection)
    config = _config()
    config.attributes["connection"] = connection
    command.upgrade(config, revision)


def revision_of(connection: Connection) -> str | None:
    """Return the newest migration that a database has; None where it has none.

    Raises:
        Unsupported: It was used by a newer hub.
    """
    scripts = ScriptDirectory.from_config(_config())
    known = {script.revision for script in scripts.walk_revisions()}
    found = MigrationContext.configure(connection).get_current_heads()
    if unknown := ", ".join(sorted(set(found) - known)):
        raise Unsupported(f"the database has tables of a newer hub ({unknown})", hint="use a newer Tether")
    return found[0] if found else None


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    config.set_main_option("path_separator", "os")
    return config
