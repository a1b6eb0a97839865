"""Brings the tables of a database to what this version of the hub needs.

Alembic takes a part of a second to import, so functions do it: a hub that finds all done does without.
"""

from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import Connection, inspect, text

from tether.errors import Unsupported
from tether.hub.database.engine import Database

if TYPE_CHECKING:
    from alembic.config import Config

_HEAD = "head"
_MIGRATIONS = Path(__file__).parent / "migrations"
_DONE = "alembic_version"
"""The table, of one row, in which Alembic notes the newest migration that was run."""
_LOCK = 0x7E7E
"""The number of the lock that PostgreSQL keeps while one of several hubs migrates."""


def migrate(database: Database, revision: str = _HEAD) -> None:
    """Run the migrations that the database lacks, in one transaction.

    Where all have been run, which is so at nearly every start of a hub, nobody is waited for.

    Args:
        database: What to migrate.
        revision: The last one to run.

    Raises:
        Unsupported: It was used by a newer hub.
        Unavailable: It cannot be reached.
    """
    with database.connection() as connection:
        if revision == _HEAD and _is_done(connection):
            return
        wait_for_turn(connection)
        migrate_within(connection, revision)


def _is_done(connection: Connection) -> bool:
    """Say whether the newest migration of this version is the newest that was run."""
    if not inspect(connection).has_table(_DONE):
        return False
    found = connection.execute(text(f"SELECT version_num FROM {_DONE}")).scalars().all()
    return list(found) == [newest_migration()]


def newest_migration() -> str:
    """Return the newest migration that this version knows, by the number with which its file is named."""
    return max(path.name for path in (_MIGRATIONS / "versions").glob("[0-9]*.py")).partition("_")[0]


def wait_for_turn(connection: Connection) -> None:
    """Let nobody else migrate until the end of the transaction; on SQLite nobody can."""
    if connection.dialect.name == "postgresql":
        connection.execute(text("SET LOCAL lock_timeout = 0"))
        connection.execute(text(f"SELECT pg_advisory_xact_lock({_LOCK})"))


def migrate_within(connection: Connection, revision: str) -> None:
    """Run the migrations that are lacking in the transaction of a connection; errors as for `migrate`."""
    from alembic import command

    revision_of(connection)
    config = _config()
    config.attributes["connection"] = connection
    command.upgrade(config, revision)


def revision_of(connection: Connection) -> str | None:
    """Return the newest migration that a database has; None where it has none.

    Raises:
        Unsupported: It was used by a newer hub.
    """
    from alembic.runtime.migration import MigrationContext
    from alembic.script import ScriptDirectory

    scripts = ScriptDirectory.from_config(_config())
    known = {script.revision for script in scripts.walk_revisions()}
    found = MigrationContext.configure(connection).get_current_heads()
    if unknown := ", ".join(sorted(set(found) - known)):
        raise Unsupported(f"the database has tables of a newer hub ({unknown})", hint="use a newer Tether")
    return found[0] if found else None


def _config() -> "Config":
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS))
    config.set_main_option("path_separator", "os")
    return config
