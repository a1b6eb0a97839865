"""Systems that send to another place and get from it: Tether to a hub, Git LFS to a bare repository."""

import json
import subprocess
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager

from benchmarks.adapters.base import Adapter
from benchmarks.adapters.git_lfs import GitLfs
from benchmarks.adapters.tether import Tether
from benchmarks.measure import Plan

PASSWORD = "benchmark-password"


class Remote(Adapter, ABC):
    """A system with another place beside its own repository."""

    @abstractmethod
    def served(self) -> AbstractContextManager[None]:
        """Make the other place, empty, and make it known to the repository; not measured."""

    @abstractmethod
    def push(self) -> Plan:
        """Send what the other place lacks."""

    @abstractmethod
    def pull(self) -> Plan:
        """Get what this repository lacks, and check it out."""

    @abstractmethod
    def clone_remote(self) -> Plan:
        """Make a working copy in `session.clone` from the other place."""

    @abstractmethod
    def pull_clone(self) -> Plan:
        """Bring the working copy in `session.clone` up to date."""


class TetherHub(Tether, Remote):
    """Tether with a hub of its own, a process on this machine, over the loopback."""

    name = "tether-hub"
    workloads = frozenset("ABCD")
    _address = ""

    @contextmanager
    def served(self) -> Iterator[None]:
        """Start a hub with one user and one repository, and sign in."""
        folder = str(self.session.store)
        self._do("hub", "user", "add", "ada", "--root", folder, "--admin", "--password-stdin", given=PASSWORD)
        with self._hub(folder) as base:
            self._do("login", base, "--user", "ada", "--password-stdin", given=PASSWORD)
            self._address = f"{base}/ada/work"
            self._do("repo", "create", self._address, "--private")
            self._do("remote", "add", "origin", self._address)
            yield

    @contextmanager
    def _hub(self, folder: str) -> Iterator[str]:
        serve = self.run("hub", "serve", "--root", folder, "--port", "0", "--json")
        with (self.session.room / "hub.log").open("wb") as log:
            hub = subprocess.Popen(
                serve, env=self.environment(), stdout=subprocess.PIPE, stderr=log, cwd=self.session.room
            )
        try:
            assert hub.stdout is not None
            yield _url(hub.stdout.readline().decode())
        finally:
            hub.terminate()
            hub.wait()

    def _do(self, *arguments: str, given: str = "") -> None:
        subprocess.run(
            self.run(*arguments),
            input=given.encode(),
            env=self.environment(),
            cwd=self.session.tree,
            check=True,
            stdout=subprocess.DEVNULL,
        )

    def push(self) -> Plan:
        """Push the branch."""
        return [self.run("push")]

    def pull(self) -> Plan:
        """Pull the branch."""
        return [self.run("pull")]

    def clone_remote(self) -> Plan:
        """Clone from the hub."""
        return [self.run("clone", self._address, str(self.session.clone))]

    def pull_clone(self) -> Plan:
        """Pull in the clone."""
        return [self.run("-C", str(self.session.clone), "pull")]


class GitLfsRemote(GitLfs, Remote):
    """Git LFS with a bare repository in a folder, which LFS serves itself over file://."""

    name = "git-lfs-remote"

    @contextmanager
    def served(self) -> Iterator[None]:
        """Make a bare repository and name it."""
        other = self.session.store
        subprocess.run(["git", "init", "-q", "--bare", str(other)], env=self.environment(), check=True)
        remote = ["git", "remote", "add", "origin", f"file://{other}"]
        subprocess.run(remote, env=self.environment(), cwd=self.session.tree, check=True)
        yield

    def push(self) -> Plan:
        """Push the branch with its objects."""
        return [["git", "push", "-q", "-u", "origin", "main"]]

    def pull(self) -> Plan:
        """Pull the branch."""
        return [["git", "pull", "-q"]]

    def clone_remote(self) -> Plan:
        """Clone from the bare repository."""
        return [["git", "clone", "-q", f"file://{self.session.store}", str(self.session.clone)]]

    def pull_clone(self) -> Plan:
        """Pull in the clone."""
        return [["git", "-C", str(self.session.clone), "pull", "-q"]]


def _url(line: str) -> str:
    return str(json.loads(line)["url"])
