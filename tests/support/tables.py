"""The tables of a hub in an empty database, quickly: how they are made is tested elsewhere."""

import tempfile
from contextlib import closing
from functools import cache
from pathlib import Path

from tether.hub.database.engine import Database
from tether.hub.database.migrate import migrate


def lay_tables(root: Path) -> None:
    """Begin the folder of a hub with an empty database that has its tables, unless something is in it."""
    root.mkdir(mode=0o700, parents=True, exist_ok=True)
    if not any(root.iterdir()):
        lay_database(root / "hub.db")


def lay_database(place: Path) -> None:
    """Write an empty SQLite database that has its tables."""
    place.write_bytes(_migrated())
    place.chmod(0o600)


@cache
def _migrated() -> bytes:
    """Return an empty SQLite database with all tables."""
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder) / "hub.db"
        with closing(Database(f"sqlite:///{place}")) as database:
            migrate(database)
        return place.read_bytes()
