"""One hub of this process: its settings, its database and its clock."""

import os
from collections.abc import Callable
from dataclasses import dataclass

from tether.core.identity import Time
from tether.hub.database.engine import Database
from tether.hub.database.migrate import migrate
from tether.hub.database.moving import move_roots
from tether.hub.settings import HubSettings
from tether.storage.oserrors import translated


@dataclass(frozen=True, slots=True)
class Hub:
    """What everything in the hub is given.

    Attributes:
        clock: Gives the time; nothing else in the hub reads one.
    """

    settings: HubSettings
    database: Database
    clock: Callable[[], Time]

    @classmethod
    def open(cls, settings: HubSettings, clock: Callable[[], Time]) -> "Hub":
        """Open the hub in the folder that the settings name; make it, or bring its tables up to date.

        Raises:
            InvalidInput: The address of the database is none.
            Unsupported: The database belongs to a newer hub.
            Unavailable: The database cannot be reached.
        """
        with translated(str(settings.root)):
            settings.root.mkdir(parents=True, exist_ok=True, mode=0o700)
            settings.repositories.mkdir(exist_ok=True, mode=0o700)
            if not settings.database:  # SQLite would let everybody read it
                os.close(os.open(settings.root / "hub.db", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
        database = Database(settings.database_url)
        try:
            migrate(database)
            move_roots(database, settings.repositories)
        except BaseException:
            database.close()
            raise
        return cls(settings, database, clock)

    def now(self) -> int:
        """Return the time as the tables keep it: microseconds since 1970."""
        return self.clock().micros

    def close(self) -> None:
        """Close the database."""
        self.database.close()
