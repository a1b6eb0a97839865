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
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    config.set_main_option("path_separator", "os")
    with database.connection() as connection:
        if not database.is_sqlite:
            connection.execute(text("SET LOCAL lock_timeout = 0"))
            connection.execute(text(f"SELECT pg_advisory_xact_lock({_LOCK})"))
        _refuse_newer(connection, ScriptDirectory.from_config(config))
        config.attributes["connection"] = connection
        command.upgrade(config, revision)


def _refuse_newer(connection: Connection, scripts: ScriptDirectory) -> None:
    known = {script.revision for script in scripts.walk_revisions()}
    found = set(MigrationContext.configure(connection).get_current_heads())
    if found - known:
        unknown = ", ".join(sorted(found - known))
        raise Unsupported(f"the database has tables of a newer hub ({unknown})", hint="use a newer Tether")
