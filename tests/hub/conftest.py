"""What the tests of the hub share."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.support.hub import HubRoom


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[HubRoom]:
    """Return an empty hub."""
    room = HubRoom(tmp_path / "hub")
    yield room
    room.close()
