"""Other people's readers of what a release exports, in an environment of their own, asked by one process.

`python -m tests.support.validators` installs them once below `.venv`, if pip finds them.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
import venv
from functools import cache
from pathlib import Path
from typing import Any

PACKAGES = (
    "cyclonedx-python-lib[json-validation]==11.12.0",
    "huggingface-hub==2.4.0",
    "in-toto-attestation==0.9.3",
    "mlcroissant==1.1.1",
    "model-signing==1.1.1",
    "pillow",
    "pyopenssl",  # model-signing 1.1.1 imports it and does not ask for it
)
FOLDER = Path(sys.prefix) / "validators"
_DONE = FOLDER / "installed"
_FAILED = FOLDER / "failed"
_AGAIN_S = 24 * 60 * 60
"""After a failed installation the next one is tried a day later."""
_INSTALL_S = 600
_SCRIPT = Path(__file__).with_name("validating.py")
_PYTHON = FOLDER / "bin" / "python"


def install() -> str:
    """Install them unless they are there; say why they are not there then."""
    reason = why_not()
    if not reason or (_FAILED.exists() and time.time() - _FAILED.stat().st_mtime < _AGAIN_S):
        return reason
    venv.create(FOLDER, clear=True)
    here = [path for path in sys.path if path.endswith("site-packages")]
    [packages] = FOLDER.glob("lib/python*/site-packages")
    packages.joinpath("beside.pth").write_text(
        "\n".join(here)
    )  # what is installed here need not be there again
    command = [sys.executable, "-m", "pip", "--python", str(_PYTHON), "install", "--quiet", *PACKAGES]
    quick = ["--disable-pip-version-check", "--retries=1", "--timeout=30"]
    try:
        subprocess.run([*command, *quick], check=True, capture_output=True, timeout=_INSTALL_S)
        _DONE.write_text("\n".join(PACKAGES))
    except (OSError, subprocess.SubprocessError):
        _FAILED.touch()
    return why_not()


def why_not() -> str:
    """Say why nothing can be asked here; empty where it can."""
    if not _DONE.exists() or _DONE.read_text() != "\n".join(PACKAGES):
        return "no validators: `python -m tests.support.validators` has not installed them"
    return ""


class Validators:
    """A process that answers one question after the other."""

    def __init__(self) -> None:
        self._home = tempfile.TemporaryDirectory(prefix="tether-validators-")  # what they keep goes there
        self._process = subprocess.Popen(
            [_PYTHON, "-I", "-W", "ignore", _SCRIPT],
            env={"HOME": self._home.name, "LANG": "C.UTF-8", "PATH": os.environ["PATH"]},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )

    def ask(self, kind: str, **words: Any) -> Any:
        """Return what a reader made of something: `{"ok": bool, "error": text}` and more."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps({"kind": kind, **words}, default=str) + "\n")
        self._process.stdin.flush()
        return json.loads(self._process.stdout.readline())

    def close(self) -> None:
        """End it."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait(timeout=30)
        self._process.stdout.close()
        self._home.cleanup()


@cache
def validators() -> Validators:
    """Return those of this test session, started when first asked for; skips where there are none."""
    import atexit

    import pytest

    reason = why_not()
    if reason:
        pytest.skip(reason)
    found = Validators()
    atexit.register(found.close)
    return found


if __name__ == "__main__":
    sys.stderr.write(f"{reason}; tests with other readers are skipped\n" if (reason := install()) else "")
