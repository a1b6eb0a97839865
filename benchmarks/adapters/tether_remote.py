"""Tether with another place: a hub, or a bucket without one."""

import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from typing import ClassVar

from benchmarks import servers
from benchmarks.adapters.remote import Remote
from benchmarks.adapters.tether import Tether
from benchmarks.measure import Plan
from benchmarks.session import Settings

PASSWORD = "benchmark-password"


class _TetherRemote(Tether, Remote):
    """What both have in common: the commands, once `_address` is known."""

    workloads = frozenset("ABCD")
    ours: ClassVar[bool] = True
    _address = ""

    def _do(self, *arguments: str, given: str = "") -> None:
        subprocess.run(
            self.run(*arguments),
            input=given.encode(),
            env=self.session.environment,
            cwd=self.session.tree,
            check=True,
            stdout=subprocess.DEVNULL,
        )

    def push(self) -> Plan:
        """Push the branch."""
        return [self.run("push")]

    def push_again(self) -> Plan:
        """Push the branch once more."""
        return self.push()

    def pull_again(self) -> Plan:
        """Pull the branch."""
        return [self.run("pull")]

    def clone_remote(self) -> Plan:
        """Clone from there."""
        return [self.run("clone", self._address, str(self.session.clone))]

    def pull_clone(self) -> Plan:
        """Pull in the clone."""
        return [self.run("-C", str(self.session.clone), "pull")]


class TetherHub(_TetherRemote):
    """Tether with a hub of its own, a process on this machine, over the loopback."""

    name = "tether-hub"

    @contextmanager
    def served(self) -> Iterator[list[int]]:
        """Start a hub with one user and one repository, and sign in."""
        folder = str(self.session.store)
        self._do("hub", "user", "add", "ada", "--root", folder, "--admin", "--password-stdin", given=PASSWORD)
        with self._hub(folder) as (base, pid):
            self._do("login", base, "--user", "ada", "--password-stdin", given=PASSWORD)
            self._address = f"{base}/ada/work"
            self._do("repo", "create", self._address, "--private")
            self._do("remote", "add", "origin", self._address)
            yield [pid]

    @contextmanager
    def _hub(self, folder: str) -> Iterator[tuple[str, int]]:
        serve = self.run("hub", "serve", "--root", folder, "--port", "0", "--json")
        with servers.running(serve, self.session.room / "hub.log", self.session.environment) as (hub, line):
            yield json.loads(line)["url"], hub.pid


class TetherS3(_TetherRemote):
    """Tether with a bucket of an S3 server on this machine, and no hub."""

    name = "tether-s3"

    @classmethod
    def missing(cls, settings: Settings) -> str | None:
        """Return why it cannot run here, or None."""
        return super().missing(settings) or servers.why_no_s3()

    @classmethod
    def version(cls, settings: Settings) -> str:
        """Return the versions of both."""
        return f"{super().version(settings)}, {servers.s3_version()}"

    @contextmanager
    def served(self) -> Iterator[list[int]]:
        """Start the server with a bucket, and name a prefix of it."""
        with servers.s3(self.session.store) as server:
            self.session.environment |= server.environment
            self._address = f"s3://{server.bucket}/work"
            self._do("remote", "add", "origin", self._address)
            yield [server.pid]
