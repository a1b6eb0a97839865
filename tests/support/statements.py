"""What the database of a hub is asked."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import event
from tests.support.hub import HubRoom


@contextmanager
def statements(hub: HubRoom) -> Iterator[list[str]]:
    """Yield a list that gets each statement that the database is asked in the block."""
    asked: list[str] = []

    def note(connection: Any, cursor: Any, statement: str, *_: Any) -> None:
        asked.append(statement)

    engine = hub.hub.database.engine
    event.listen(engine, "before_cursor_execute", note)
    try:
        yield asked
    finally:
        event.remove(engine, "before_cursor_execute", note)
