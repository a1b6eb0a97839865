"""What the crash tests share."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tether.worktree import checkoutblocks

_MEMORY = Path("/dev/shm")


@pytest.fixture
def room() -> Iterator[Path]:
    """Return an empty folder, in memory where there is one: hundreds of repositories are synced there."""
    base = _MEMORY if _MEMORY.is_dir() else None
    with tempfile.TemporaryDirectory(prefix="tether-crash-", dir=base) as folder:
        yield Path(folder)


@pytest.fixture(autouse=True)
def _one_look_at_the_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ask the clock of the disk once: how often it is asked again depends on time, and so would the steps."""
    monkeypatch.setattr(checkoutblocks, "_TICKS", 0)
