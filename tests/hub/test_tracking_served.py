"""A real client of MLflow and a hub in a process."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.support import mlflowclient
from tests.support.shelf import Shelf

SCRIPT = Path(__file__).parents[1] / "support/mlflowscript.py"


@pytest.fixture
def shelf(tmp_path: Path) -> Iterator[Shelf]:
    """Return the repository and a hub that runs."""
    if reason := mlflowclient.why_not():
        pytest.skip(reason)
    shelf = Shelf(tmp_path / "shelf")
    yield shelf
    shelf.hub.stop()


def test_a_script_logs_into_a_repository_of_a_hub(shelf: Shelf, tmp_path: Path) -> None:
    """Its address is the server, a token the password; what the script logged is there for a clone."""
    environ = {
        "PATH": "/usr/bin:/bin",
        "HOME": str(tmp_path),
        "PYTHONPATH": str(mlflowclient.place_of("2")),
        "GIT_PYTHON_REFRESH": "quiet",
        "OMP_NUM_THREADS": "1",
        "MLFLOW_TRACKING_URI": shelf.url,
        "MLFLOW_TRACKING_USERNAME": "ada",
        "MLFLOW_TRACKING_PASSWORD": shelf.token,
    }
    done = subprocess.run(
        [sys.executable, SCRIPT, tmp_path / "calls"], env=environ, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr

    shelf.ada.do("fetch", "-q", cwd=shelf.source)
    runs = {run["name"]: run for run in json.loads(shelf.ada.do("runs", "list", "--json", cwd=shelf.source))}
    assert {"base", "depth-1", "depth-2"} <= set(runs)
    rev = f"runs/{runs['base']['id']}:artefacts/notes/hello.txt"
    assert shelf.ada.do("cat", rev, cwd=shelf.source) == "hello"
