"""A server beside the tests that speaks as Azure does: Azurite, Microsoft's own, in a folder of its own.

`python -m tests.support.azurite` installs it once below `.venv`, if npm is there and its registry answers.
"""

import base64
import hashlib
import hmac
import itertools
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from email.utils import formatdate
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

VERSION = "3.37.0"
FOLDER = Path(sys.prefix) / "azurite"
_MAIN = FOLDER / VERSION / "node_modules/azurite/dist/src/blob/main.js"
_FAILED = FOLDER / "failed"
_AGAIN_S = 24 * 60 * 60
"""After a failed installation the next one is tried a day later."""
_INSTALL_S = 300
_START_S = 60
_API = "2021-12-02"
_SECRET = base64.b64encode(b"ada-secret-secret" * 4).decode()


def install() -> str:
    """Install it unless it is there; say why it is not there then."""
    reason = why_not()
    if not reason or (_FAILED.exists() and time.time() - _FAILED.stat().st_mtime < _AGAIN_S):
        return reason
    npm = shutil.which("npm")
    if npm is None or shutil.which("node") is None:
        return "no Azurite: there is no npm here"
    FOLDER.mkdir(parents=True, exist_ok=True)
    quick = ["--no-audit", "--no-fund", "--ignore-scripts", "--fetch-retries=1", "--fetch-timeout=30000"]
    with tempfile.TemporaryDirectory(dir=FOLDER) as new:
        command = [npm, "install", "--prefix", new, *quick, "--loglevel=error", f"azurite@{VERSION}"]
        try:
            subprocess.run(command, check=True, capture_output=True, timeout=_INSTALL_S, cwd=new)
            Path(new).rename(FOLDER / VERSION)
            Path(new).mkdir()
        except (OSError, subprocess.SubprocessError):
            if not _MAIN.exists():  # another process may have been faster
                _FAILED.touch()
    return why_not()


def why_not() -> str:
    """Say why no server can run here; empty where one can."""
    if shutil.which("node") is None:
        return "no Azurite: there is no node here"
    if not _MAIN.exists():
        return "no Azurite: `python -m tests.support.azurite` has not installed it"
    return ""


class AzureServer:
    """A server that runs.

    Args:
        folder: Where it keeps everything.

    Attributes:
        url: The endpoint of its one account.
        bucket: A container that is there and empty at the start.
    """

    scheme = "az"
    bucket = "data"
    account = "adastore"

    def __init__(self, folder: Path) -> None:
        self._folder, self._prefixes = folder, itertools.count()
        with socket.create_server(("127.0.0.1", 0)) as held:
            port = held.getsockname()[1]
        self._port = port
        self.url = f"http://127.0.0.1:{port}/{self.account}"

    def start(self) -> None:
        """Start it and wait until it answers."""
        node = shutil.which("node")
        assert node is not None
        command = [node, str(_MAIN), "--blobHost", "127.0.0.1", "--blobPort", str(self._port)]
        command += [
            "--location",
            str(self._folder),
            "--silent",
            "--skipApiVersionCheck",
            "--disableTelemetry",
        ]
        environ = {"PATH": os.environ["PATH"], "AZURITE_ACCOUNTS": f"{self.account}:{_SECRET}"}
        with (self._folder / "log").open("ab") as log:
            self._process = subprocess.Popen(command, stdout=log, stderr=log, env=environ, cwd=self._folder)
        begin = time.monotonic()
        while time.monotonic() - begin < _START_S and self._process.poll() is None:
            try:
                self._make_container()
                return
            except urllib.error.HTTPError as error:
                raise RuntimeError(error.read()) from error
            except OSError:
                time.sleep(0.1)
        raise RuntimeError((self._folder / "log").read_text()[-2000:])

    def _make_container(self) -> None:
        """Make the container; an object store's client makes none."""
        date = formatdate(usegmt=True)
        resource = f"/{self.account}/{self.account}/{self.bucket}\nrestype:container"
        signed = f"PUT\n{chr(10) * 11}x-ms-date:{date}\nx-ms-version:{_API}\n{resource}"
        request = urllib.request.Request(f"{self.url}/{self.bucket}?restype=container", method="PUT")
        key = f"SharedKey {self.account}:{_hmac(signed)}"
        for name, value in {"x-ms-date": date, "x-ms-version": _API, "Authorization": key}.items():
            request.add_header(name, value)
        request.add_header("Content-Length", "0")
        urllib.request.urlopen(request, timeout=5).close()

    def kill(self) -> None:
        """End it at once."""
        self._process.kill()
        self._process.wait()

    def new_prefix(self) -> str:
        """Return a part of the container that no other test has."""
        return f"t{next(self._prefixes)}"

    def environment(self, user: str = "ada", *, url: str | None = None) -> dict[str, str]:
        """Return what a user of the server has in the environment: a key, or a signature for reading."""
        endpoint = f"{url}/{self.account}" if url else self.url
        named = {"AZURE_STORAGE_ACCOUNT_NAME": self.account, "AZURE_STORAGE_ENDPOINT": endpoint}
        if user == "reader":
            return {**named, "AZURE_STORAGE_SAS_TOKEN": self._reading()}
        return {**named, "AZURE_STORAGE_ACCOUNT_KEY": _SECRET}

    def keys(self, user: str = "ada", *, url: str | None = None) -> dict[str, str]:
        """Return the same as settings of the client."""
        return {name.lower(): value for name, value in self.environment(user, url=url).items()}

    def _reading(self) -> str:
        """Return a signature with which everything in the container may be listed and read."""
        begin, end = "2026-01-01T00:00:00Z", "2126-01-01T00:00:00Z"
        resource = f"/blob/{self.account}/{self.bucket}"
        fields = ["rl", begin, end, resource, "", "", "", _API, "c", "", "", "", "", "", "", ""]
        pairs = {"sp": "rl", "st": begin, "se": end, "sv": _API, "sr": "c", "sig": _hmac("\n".join(fields))}
        return urlencode(pairs)


def _hmac(text: str) -> str:
    key = base64.b64decode(_SECRET)
    return base64.b64encode(hmac.digest(key, text.encode(), hashlib.sha256)).decode()


@contextmanager
def serving(folder: Path) -> Iterator[AzureServer]:
    """Run a server of one's own."""
    server = AzureServer(folder)
    server.start()
    try:
        yield server
    finally:
        server.kill()


@cache
def _shared() -> tuple[Any, AzureServer]:
    import atexit

    folder = tempfile.TemporaryDirectory(prefix="tether-azurite-")
    running = serving(Path(folder.name))
    server = running.__enter__()
    atexit.register(folder.cleanup)
    atexit.register(running.__exit__, None, None, None)
    return running, server


def azure_server() -> AzureServer:
    """Return the server of this test session, started when first asked for; skips where there is none."""
    import pytest

    reason = why_not()
    if reason:
        pytest.skip(reason)
    return _shared()[1]


if __name__ == "__main__":
    sys.stderr.write(f"{reason}; tests of az:// are skipped\n" if (reason := install()) else "")
