"""Folders of repositories that no row of the database stands for, as a crash while one is made can leave."""

from pathlib import Path

from sqlalchemy import select, text

from tether.hub.database.models import RepositoryRow
from tether.hub.hub import Hub
from tether.storage.oserrors import translated

ASIDE = "quarantine"
"""The folder of the hub with the folders that were set aside; Tether never deletes them."""


def find_strays(hub: Hub) -> list[str]:
    """Return the names of folders without a row.

    Folders are looked at first, and rows when nobody is making a repository any more: a row that is not
    committed yet has a folder already.

    Raises:
        Unavailable: The folder or the database does not answer.
    """
    with translated(str(hub.settings.repositories)):
        folders = {entry.name for entry in hub.settings.repositories.iterdir()}
    with hub.database.session() as session:  # on SQLite it waits for all who write
        if not hub.database.is_sqlite:
            session.execute(text("LOCK TABLE repositories IN SHARE MODE"))
        known = set(session.scalars(select(RepositoryRow.id)))
    return sorted(folders - known)


def set_stray_aside(hub: Hub, name: str) -> Path:
    """Move the folder of no repository out of the way, and return where it is then; errors as above."""
    aside = hub.settings.root / ASIDE
    target = aside / f"{hub.now() // 1_000_000}-{name}"
    with translated(str(target)):
        aside.mkdir(exist_ok=True, mode=0o700)
        (hub.settings.repositories / name).rename(target)
    return target
