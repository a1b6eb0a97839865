"""What the tests of the command line share."""

from pathlib import Path

import pytest
from tests.support.cli import Room


@pytest.fixture
def room(tmp_path: Path) -> Room:
    """Return an empty room."""
    return Room(tmp_path)


@pytest.fixture
def inside(room: Room) -> None:
    """Let the commands of the room run in this process."""
    room.inside = True
