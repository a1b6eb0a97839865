"""A real browser for the tests: Debian's Chromium, driven by Playwright, and axe-core that looks for faults.

`python -m tests.support.chromium` installs what is lacking: the browser by apt-get where we are root,
axe-core by npm below `.venv`. Where either cannot be had, tests that need it are skipped and say so.
"""

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from playwright.sync_api import Browser

AXE_VERSION = "4.14.1"
FOLDER = Path(sys.prefix) / "axe"
_AXE = FOLDER / AXE_VERSION / "node_modules/axe-core/axe.min.js"
_FAILED = FOLDER / "failed"
_AGAIN_S = 24 * 60 * 60
"""After a failed installation the next one is tried a day later."""
_INSTALL_S = 600
_NAMES = ("chromium", "chromium-browser", "google-chrome")
_FLAGS = (
    "--no-sandbox",  # root has none
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


def install() -> list[str]:
    """Install what is not there; return why something is still lacking."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    lacking = not _found() or not _AXE.exists()
    if lacking and not (_FAILED.exists() and time.time() - _FAILED.stat().st_mtime < _AGAIN_S):
        try:
            if not _found():
                _install_browser()
            if not _AXE.exists():
                _install_axe()
        except (OSError, subprocess.SubprocessError):
            _FAILED.touch()
    return [reason for reason in (why_not(), why_no_axe()) if reason]


def why_not() -> str:
    """Say why no browser can run here; empty where one can."""
    if not _found():
        return (
            "no browser: Chromium is not installed, and only root can install it (apt-get install chromium)"
        )
    try:
        import playwright.sync_api  # noqa: F401 - only whether it is there
    except ImportError:
        return "no browser: `playwright` is not installed"
    return ""


def why_no_axe() -> str:
    """Say why nothing can look for faults of accessibility; empty where it can."""
    return "" if _AXE.exists() else "no axe-core: `python -m tests.support.chromium` has not installed it"


@cache
def axe() -> str:
    """Return the script of axe-core."""
    return _AXE.read_text(encoding="utf-8")


@contextmanager
def browsing() -> Iterator["Browser"]:
    """Run a browser that asks no host but those that pages name."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=_found(), args=[*_FLAGS])
        try:
            yield browser
        finally:
            browser.close()


def _found() -> str | None:
    return next((place for name in _NAMES if (place := shutil.which(name))), None)


def _install_browser() -> None:
    apt = shutil.which("apt-get")
    if apt is None or os.geteuid() != 0:
        raise FileNotFoundError("apt-get")
    environ = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for words in (["update"], ["install", "-y", "--no-install-recommends", "chromium", "fonts-dejavu-core"]):
        command = [apt, "-qq", *words]
        subprocess.run(command, check=True, capture_output=True, timeout=_INSTALL_S, env=environ)


def _install_axe() -> None:
    npm = shutil.which("npm")
    if npm is None:
        raise FileNotFoundError("npm")
    quick = ["--no-audit", "--no-fund", "--ignore-scripts", "--fetch-retries=1", "--fetch-timeout=30000"]
    with tempfile.TemporaryDirectory(dir=FOLDER) as new:
        command = [npm, "install", "--prefix", new, *quick, "--loglevel=error", f"axe-core@{AXE_VERSION}"]
        subprocess.run(command, check=True, capture_output=True, timeout=_INSTALL_S, cwd=new)
        Path(new).rename(FOLDER / AXE_VERSION)
        Path(new).mkdir()


if __name__ == "__main__":
    for line in install():
        sys.stderr.write(f"{line}; tests in a browser are skipped\n")
