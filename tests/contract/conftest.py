"""The contract's fixture: each backend in turn."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.contract.places import KINDS, Place


@pytest.fixture(params=sorted(KINDS))
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Place]:
    """Each backend in turn, empty."""
    made = KINDS[request.param](tmp_path / "store")
    yield made
    made.backend.close()
