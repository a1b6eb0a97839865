"""What tests of several folders share."""

import gc
from collections.abc import Iterator

import pytest
from tests.support.passwords import hash_cheaply
from tests.support.postgres import MISSING, Cluster, find_binaries

import tether.cli  # noqa: F401 - it sets the threshold of a process that ends soon; ours is set after it

_OFTEN = (20_000, 10, 10)

hash_cheaply()


def pytest_collection_finish() -> None:
    """Let cycles go soon: commands that run in this process leave files open in them and hundreds of MB."""
    gc.collect()
    gc.freeze()  # what was imported and collected so far stays, and is not looked at again
    gc.set_threshold(*_OFTEN)


@pytest.fixture(scope="session")
def postgres() -> Iterator[Cluster]:
    """Return a PostgreSQL server, one for each process of tests; skips where none is installed."""
    binaries = find_binaries()
    if binaries is None:
        pytest.skip(MISSING)
    cluster = Cluster(binaries)
    yield cluster
    cluster.close()
