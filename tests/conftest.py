"""What tests of several folders share."""

from collections.abc import Iterator

import pytest
from tests.support.postgres import MISSING, Cluster, find_binaries


@pytest.fixture(scope="session")
def postgres() -> Iterator[Cluster]:
    """Return a PostgreSQL server, one for each process of tests; skips where none is installed."""
    binaries = find_binaries()
    if binaries is None:
        pytest.skip(MISSING)
    cluster = Cluster(binaries)
    yield cluster
    cluster.close()
