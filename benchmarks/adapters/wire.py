"""Limits of sending and getting: plain copies, rsync, and nothing but HTTP."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import metadata
from pathlib import Path
from typing import ClassVar

from benchmarks import servers
from benchmarks.adapters.remote import Remote
from benchmarks.measure import Plan
from benchmarks.session import Settings

DRIVERS = Path(__file__).parent / "drivers"


class Copy(Remote):
    """`cp -r`: of the tree for the first version, of the changed bytes for later ones."""

    name = "copy"
    program = "cp"
    exact: ClassVar[bool] = False

    @contextmanager
    def served(self) -> Iterator[list[int]]:
        """There is nothing to serve."""
        yield []

    def push(self) -> Plan:
        """Copy the tree, or what a later version puts into it."""
        return self._copied(self.session.tree, self.session.store)

    def clone_remote(self) -> Plan:
        """Copy it back."""
        return self._copied(self.session.store, self.session.clone)

    def pull_clone(self) -> Plan:
        """Copy what a later version puts into it once more."""
        return self._copied(self.session.store, self.session.clone)

    def push_again(self) -> None:
        """It cannot know."""

    def pull_again(self) -> None:
        """It cannot know."""

    def _copied(self, source: Path, target: Path) -> Plan:
        label = self.labels[-1]
        if len(self.labels) > 1:
            source, target = self.session.workload.version(label), target.with_name(f"{target.name}-{label}")
        return [["cp", "-r", str(source), str(target)]]


class Rsync(Remote):
    """`rsync -a` to and from a daemon on the loopback."""

    name = "rsync"
    program = "rsync"
    _address = ""

    @contextmanager
    def served(self) -> Iterator[list[int]]:
        """Start the daemon over an empty folder."""
        settings = self.session.room / "rsyncd.conf"
        with servers.rsync_daemon(self.session.store, settings, os.getuid(), os.getgid()) as (address, pid):
            self._address = address
            yield [pid]

    def push(self) -> Plan:
        """Make the folder there like the tree."""
        return [["rsync", "-a", "--delete", f"{self.session.tree}/", self._address]]

    def push_again(self) -> Plan:
        """Compare all once more."""
        return self.push()

    def pull_again(self) -> Plan:
        """Compare all in the other direction."""
        return [["rsync", "-a", "--delete", self._address, f"{self.session.tree}/"]]

    def clone_remote(self) -> Plan:
        """Make a new folder like the one there."""
        return self.pull_clone()

    def pull_clone(self) -> Plan:
        """Make the clone like the folder there."""
        return [["rsync", "-a", "--delete", self._address, f"{self.session.clone}/"]]


class Http(Remote):
    """The server that hubs use, alone: bodies of 64 MiB, four at once, from memory and into nothing.

    What is sent is one file with the bytes of the tree, later of the change; a clone gets the same bytes.
    """

    name = "http"
    exact: ClassVar[bool] = False
    _address = ""

    @classmethod
    def missing(cls, settings: Settings) -> str | None:
        """Return why it cannot run here, or None."""
        try:
            metadata.version("uvicorn")
        except metadata.PackageNotFoundError:
            return f"uvicorn is not installed for {sys.executable}"
        return None if shutil.which("tar") else "tar is not installed"

    @classmethod
    def version(cls, settings: Settings) -> str:
        """Return the versions of the server and of the client."""
        return ", ".join(f"{name} {metadata.version(name)}" for name in ("uvicorn", "httptools", "urllib3"))

    @contextmanager
    def served(self) -> Iterator[list[int]]:
        """Gather the bytes and start the server."""
        folder, workload = self.session.store, self.session.workload
        folder.mkdir()
        for label, source in zip(workload.versions, self._sources(), strict=True):
            subprocess.run(["tar", "-cf", folder / label, "-C", source, "."], check=True)
        serve = [sys.executable, str(DRIVERS / "serve_bytes.py"), str(folder)]
        with servers.running(serve, self.session.room / "http.log") as (process, line):
            self._address = json.loads(line)["url"]
            yield [process.pid]

    def _sources(self) -> list[Path]:
        workload = self.session.workload
        return [self.session.tree, *map(workload.version, workload.versions[1:])]

    def push(self) -> Plan:
        """Send all bodies."""
        return self._moved("put")

    def clone_remote(self) -> Plan:
        """Get all bodies."""
        return self._moved("get")

    def pull_clone(self) -> Plan:
        """Get the bodies of the change."""
        return self._moved("get")

    def push_again(self) -> None:
        """There is no such thing."""

    def pull_again(self) -> None:
        """There is no such thing."""

    def _moved(self, how: str) -> Plan:
        file = self.session.store / self.labels[-1]
        return [[sys.executable, str(DRIVERS / "move_bytes.py"), self._address, how, str(file)]]
