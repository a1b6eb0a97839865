"""What tests of several folders share."""

import gc
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.support.passwords import hash_cheaply
from tests.support.postgres import MISSING, Cluster, find_binaries

import tether.cli  # noqa: F401 - it sets the threshold of a process that ends soon; ours is set after it

_OFTEN = (20_000, 10, 10)
_MEMORY = Path("/dev/shm")
_MUCH = 4 << 30
"""Bytes of memory that are free where folders of tests lie in it; the tests together take a part of that."""
_PLACE = "PYTEST_DEBUG_TEMPROOT"
_ON_DISK = (
    "tests/processes/",
    "tests/unit/storage/",
    "tests/unit/sync/test_shared_packs",
    "tests/unit/worktree/",
)
"""Tests of what file systems do, or of two of them."""
_KILLED_IN_TIME = tuple(
    f"tests/{name}.py"
    for name in (
        "cli/test_hub_transfer",
        "cli/test_partial",
        "hub/test_backup",
        "hub/test_fork_kills",
        "hub/test_forks_in_a_bucket",
        "hub/test_place_kills",
        "hub/test_restoring_to_buckets",
        "hub/test_webhook_kills",
    )
)
"""Tests that end a process after some time or some files: in memory it would be done before."""
_RUNS = (
    "tests/cli/test_demo",
    "tests/cli/test_eval",
    "tests/cli/test_from_python",
    "tests/cli/test_lineage",
    "tests/cli/test_mlflow",
    "tests/cli/test_observed",
    "tests/cli/test_release",
    "tests/cli/test_repro",
    "tests/cli/test_run",
    "tests/docs/",
    "tests/hub/test_lineage",
    "tests/hub/test_runs",
    "tests/hub/test_tracking",
    "tests/unit/api/test_run",
    "tests/unit/mlflow/",
    "tests/unit/runs/",
)
"""Tests of runs, which are told of no file below `/dev` that they read."""


def _free_memory() -> int:
    """Return how many bytes files in memory may take; 0 where there can be none."""
    if not os.access(_MEMORY, os.W_OK):
        return 0
    told = dict(line.split(":") for line in Path("/proc/meminfo").read_text(encoding="ascii").splitlines())
    return min(shutil.disk_usage(_MEMORY).free, int(told["MemAvailable"].split()[0]) * 1024)


# Each write is made durable, so on a disk tests wait for it most of their time.
if _PLACE not in os.environ and _free_memory() >= _MUCH:
    os.environ[_PLACE] = str(_MEMORY)
hash_cheaply()


def pytest_collection_finish() -> None:
    """Let cycles go soon: commands that run in this process leave files open in them and hundreds of MB."""
    gc.collect()
    gc.freeze()  # what was imported and collected so far stays, and is not looked at again
    gc.set_threshold(*_OFTEN)


@pytest.fixture
def tmp_path(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Path]:
    """Return an empty folder: in memory where there is much of it, on the disk for tests that need one."""
    if not request.node.nodeid.startswith((*_ON_DISK, *_KILLED_IN_TIME, *_RUNS)):
        yield tmp_path
        return
    with tempfile.TemporaryDirectory(prefix="tether-", ignore_cleanup_errors=True) as folder:
        yield Path(folder).resolve()


@pytest.fixture(scope="session")
def postgres() -> Iterator[Cluster]:
    """Return a PostgreSQL server, one for each process of tests; skips where none is installed."""
    binaries = find_binaries()
    if binaries is None:
        pytest.skip(MISSING)
    cluster = Cluster(binaries)
    yield cluster
    cluster.close()
