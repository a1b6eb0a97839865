"""The contract's fixture: each backend in turn."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.contract.places import BUCKETS, KINDS, Place


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run each test over all kinds of backends, and those that are marked so over every kind of bucket."""
    if "place" in metafunc.fixturenames and not hasattr(metafunc.module, "place"):
        more = sorted(BUCKETS) if metafunc.definition.get_closest_marker("every_bucket") else []
        metafunc.parametrize("place", [*sorted(KINDS), *more], indirect=True)


@pytest.fixture
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Place]:
    """One backend, empty."""
    made = {**KINDS, **BUCKETS}[request.param](tmp_path / "store")
    yield made
    made.backend.close()
