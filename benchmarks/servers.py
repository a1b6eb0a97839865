"""Servers that systems send to, on this machine, each ended with the block that started it."""

import shutil
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

READY_S = 60
_VOLUMES = 400
"""Of 128 MiB each: room for several versions of the largest workload."""


@contextmanager
def running(
    command: Sequence[str], log: Path, environment: Mapping[str, str] | None = None
) -> Iterator[tuple[subprocess.Popen[bytes], str]]:
    """Run a server that says on one line of standard output that it is ready; yield it and the line."""
    with log.open("wb") as messages:
        process = subprocess.Popen(
            command, env=environment, stdout=subprocess.PIPE, stderr=messages, cwd=log.parent
        )
    try:
        assert process.stdout is not None
        line = process.stdout.readline().decode()
        if not line:
            raise RuntimeError(f"{command[0]} does not serve: {log.read_text()[-500:]}")
        yield process, line
    finally:
        process.terminate()
        process.wait()


@dataclass(frozen=True, slots=True)
class S3:
    """A server of buckets.

    Attributes:
        url: Its endpoint.
        region: What it calls itself.
        bucket: One that is there, empty.
        environment: What clients have in their environment.
        pid: Its process.
    """

    url: str
    region: str
    bucket: str
    environment: dict[str, str]
    pid: int


@contextmanager
def s3(folder: Path) -> Iterator[S3]:
    """Run SeaweedFS over an empty folder that is made for it."""
    from tests.support import s3 as support  # what it imports would make this process large for nothing

    folder.mkdir()
    with support.serving(folder, volumes=_VOLUMES) as server:
        yield S3(server.url, support.REGION, server.bucket, server.environment(), server.pid)


def why_no_s3() -> str | None:
    """Return why no S3 server can run here, or None."""
    from tests.support import s3 as support

    return support.why_not() or (None if shutil.which("curl") else "curl is not installed")


def s3_version() -> str:
    """Return the version of the S3 server."""
    from tests.support import s3 as support

    done = subprocess.run([support.WEED, "version"], capture_output=True, text=True, check=False)
    words = done.stdout.split()
    return "SeaweedFS " + (words[2] if len(words) > 2 else "unknown")


@contextmanager
def rsync_daemon(folder: Path, settings: Path, uid: int, gid: int) -> Iterator[tuple[str, int]]:
    """Serve a folder, which is made, by a daemon; yield its address and process."""
    folder.mkdir()
    lines = [
        "use chroot = no",
        "[data]",
        f"path = {folder}",
        "read only = no",
        f"uid = {uid}",
        f"gid = {gid}",
    ]
    settings.write_text("\n".join(lines) + "\n")
    port = free_port()
    command = [
        "rsync",
        "--daemon",
        "--no-detach",
        "--address=127.0.0.1",
        f"--port={port}",
        f"--config={settings}",
    ]
    process = subprocess.Popen(command)
    try:
        await_port(port)
        yield f"rsync://127.0.0.1:{port}/data/", process.pid
    finally:
        process.terminate()
        process.wait()


def free_port() -> int:
    """Return a port of this machine that nothing listens on."""
    with socket.create_server(("127.0.0.1", 0)) as held:
        port: int = held.getsockname()[1]
    return port


def await_port(port: int) -> None:
    """Wait until something listens."""
    until = time.monotonic() + READY_S
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            if time.monotonic() > until:
                raise
            time.sleep(0.05)
        else:
            return
