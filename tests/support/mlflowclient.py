"""Clients of MLflow as people have them: two major versions, each in a folder of its own beside the tests.

`python -m tests.support.mlflowclient` installs them once below `.venv`, if the package index answers.
"""

import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

VERSIONS = {"2": "2.22.4", "3": "3.17.2"}
FOLDER = Path(sys.prefix) / "mlflow-clients"
_FAILED = FOLDER / "failed"
_AGAIN_S = 24 * 60 * 60
"""After a failed installation the next one is tried a day later."""
_INSTALL_S = 300


def place_of(major: str) -> Path:
    """Return the folder of a client: what `PYTHONPATH` names to have it."""
    return FOLDER / VERSIONS[major]


def install() -> str:
    """Install those that are not there; say why one is not there then."""
    if not why_not() or (_FAILED.exists() and time.time() - _FAILED.stat().st_mtime < _AGAIN_S):
        return why_not()
    FOLDER.mkdir(parents=True, exist_ok=True)
    for major, version in VERSIONS.items():
        if not place_of(major).exists():
            _install(version, place_of(major))
    return why_not()


def _install(version: str, place: Path) -> None:
    with tempfile.TemporaryDirectory(dir=FOLDER) as new:
        command = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        command += ["--only-binary=:all:", "--retries=1", "--target", new, f"mlflow-skinny=={version}"]
        try:
            subprocess.run(command, check=True, capture_output=True, timeout=_INSTALL_S)
            shutil.rmtree(Path(new) / "bin", ignore_errors=True)
            Path(new).rename(place)
            Path(new).mkdir()
        except (OSError, subprocess.SubprocessError):
            if not place.exists():  # another process may have been faster
                _FAILED.touch()


def why_not() -> str:
    """Say why a client is not there; empty where both are."""
    if all(place_of(major).exists() for major in VERSIONS):
        return ""
    return "no MLflow clients: `python -m tests.support.mlflowclient` has not installed them"


if __name__ == "__main__":
    sys.stderr.write(f"{reason}; tests with its clients are skipped\n" if (reason := install()) else "")
