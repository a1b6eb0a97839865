"""Git, with and without LFS, with a bare repository in a folder as the other place, over file://."""

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.adapters.git import Git
from benchmarks.adapters.git_lfs import GitLfs
from benchmarks.adapters.remote import Remote
from benchmarks.measure import Plan


class GitRemote(Git, Remote):
    """Git; packs are made and read as over a network, but no network is between."""

    name = "git-remote"
    workloads = frozenset("ABCD")

    @contextmanager
    def served(self) -> Iterator[list[int]]:
        """Make a bare repository and name it."""
        other = self.session.store
        self._do("git", "init", "-q", "--bare", str(other))
        self._do("git", "remote", "add", "origin", f"file://{other}")
        yield []

    def _do(self, *command: str, cwd: Path | None = None) -> None:
        subprocess.run(command, env=self.session.environment, cwd=cwd or self.session.tree, check=True)

    def push(self) -> Plan:
        """Push the branch."""
        return [["git", "push", "-q", "-u", "origin", "main"]]

    def push_again(self) -> Plan:
        """Push the branch once more."""
        return self.push()

    def pull_again(self) -> Plan:
        """Pull the branch."""
        return [["git", "pull", "-q"]]

    def clone_remote(self) -> Plan:
        """Clone from the bare repository."""
        return [["git", "clone", "-q", f"file://{self.session.store}", str(self.session.clone)]]

    def pull_clone(self) -> Plan:
        """Pull in the clone."""
        return [["git", "-C", str(self.session.clone), "pull", "-q"]]

    def slim(self) -> None:
        """Borrow from the bare repository what it has."""
        for tree in (self.session.tree, self.session.clone):
            if (tree / ".git").exists():
                (tree / ".git/objects/info/alternates").write_text(f"{self.session.store}/objects\n")
                self._do("git", "repack", "-q", "-a", "-d", "-l", cwd=tree)


class GitLfsRemote(GitLfs, GitRemote):
    """Git LFS, which serves the objects itself by copying them to and from the bare repository."""

    name = "git-lfs-remote"

    def slim(self) -> None:
        """Remove the objects that the bare repository has."""
        for tree in (self.session.tree, self.session.clone):
            shutil.rmtree(tree / ".git/lfs/objects", ignore_errors=True)
