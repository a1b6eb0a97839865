"""DVC with an S3 server as the other place, and a bare Git repository for its pointers."""

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks import servers
from benchmarks.adapters.base import find_program, first_line, shell
from benchmarks.adapters.dvc import Dvc
from benchmarks.adapters.remote import Remote
from benchmarks.measure import Plan
from benchmarks.session import Settings


class DvcS3(Dvc, Remote):
    """DVC; the server is the one that Tether's tests use."""

    name = "dvc-s3"
    workloads = frozenset("ABCD")

    @classmethod
    def missing(cls, settings: Settings) -> str | None:
        """Return why it cannot run here, or None."""
        reason = super().missing(settings) or servers.why_no_s3()
        if reason:
            return reason
        dvc = Path(find_program("dvc", settings) or "dvc")
        found = subprocess.run([dvc, "doctor"], capture_output=True, text=True, check=False).stdout
        return None if "\ts3 (" in found else f"{dvc} has no support of S3: pip install 'dvc[s3]'"

    @classmethod
    def version(cls, settings: Settings) -> str:
        """Return the versions of both."""
        dvc = find_program("dvc", settings) or "dvc"
        return f"dvc {first_line(dvc, '--version')}, {servers.s3_version()}"

    @property
    def _pointers(self) -> Path:
        return self.session.room / "pointers"

    def init(self) -> Plan:
        """Make both repositories."""
        return [shell("git init -q && dvc init -q")]

    @contextmanager
    def served(self) -> Iterator[list[int]]:
        """Start the server, and make it known to all repositories of this home."""
        with servers.s3(self.session.store) as server:
            self.session.environment |= server.environment
            self._do("dvc", "remote", "add", "--global", "-q", "-d", "far", f"s3://{server.bucket}/dvc")
            self._do("dvc", "remote", "modify", "--global", "-q", "far", "endpointurl", server.url)
            self._do("dvc", "remote", "modify", "--global", "-q", "far", "region", server.region)
            self._do("git", "init", "-q", "--bare", str(self._pointers))
            self._do("git", "remote", "add", "origin", f"file://{self._pointers}")
            yield [server.pid]

    def _do(self, *command: str) -> None:
        environment = self.session.environment
        program = shutil.which(command[0], path=environment["PATH"]) or command[0]
        subprocess.run([program, *command[1:]], env=environment, cwd=self.session.tree, check=True)

    def push(self) -> Plan:
        """Push the data, then the pointers."""
        return [shell("dvc push -q && git push -q -u origin main")]

    def push_again(self) -> Plan:
        """Push both once more."""
        return self.push()

    def pull_again(self) -> Plan:
        """Pull the pointers, then the data."""
        return [shell("git pull -q && dvc pull -q")]

    def clone_remote(self) -> Plan:
        """Clone the pointers, then pull the data."""
        target = self.session.clone
        return [shell(f"git clone -q file://{self._pointers} {target} && cd {target} && dvc pull -q")]

    def pull_clone(self) -> Plan:
        """Pull both in the clone."""
        return [shell(f"cd {self.session.clone} && git pull -q && dvc pull -q")]

    def slim(self) -> None:
        """Empty the first repository's cache, which the server has."""
        shutil.rmtree(self.session.tree / ".dvc/cache", ignore_errors=True)
