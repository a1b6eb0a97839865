"""What the tests of the hub share."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.support.hub import HubRoom
from tests.support.postgres import Cluster


@pytest.fixture(params=["sqlite", "postgresql"])
def hub(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[HubRoom]:
    """Return an empty hub, on each database in turn."""
    if request.param == "sqlite":
        room = HubRoom(tmp_path / "hub")
        yield room
        room.close()
        return
    cluster: Cluster = request.getfixturevalue("postgres")
    with cluster.hub_database() as url:
        room = HubRoom(tmp_path / "hub", database=url)
        room.lose_database = lambda: cluster.drop(url)
        yield room
        room.close()
