"""Tether, and Tether with its smallest compression."""

from pathlib import Path

from benchmarks.adapters.base import Adapter, first_line
from benchmarks.measure import Plan
from benchmarks.session import Settings
from benchmarks.workloads import NAMES


class Tether(Adapter):
    """Tether through its command line."""

    name = "tether"
    workloads = frozenset(NAMES)

    @classmethod
    def missing(cls, settings: Settings) -> str | None:
        """Return why the command cannot run."""
        try:
            first_line(*settings.tether, "version")
        except OSError as error:
            return str(error)
        return None

    @classmethod
    def version(cls, settings: Settings) -> str:
        """Return what `tether version` says."""
        return first_line(*settings.tether, "version")

    def environment(self) -> dict[str, str]:
        """Add the author."""
        author = {"TETHER_USER_NAME": "Benchmark", "TETHER_USER_EMAIL": "benchmark@example.com"}
        return super().environment() | author

    def run(self, *arguments: str) -> list[str]:
        """Return a command of Tether."""
        return [*self.session.settings.tether, *arguments]

    def revision(self, back: int) -> str:
        """Return the revision so many commits before main."""
        return f"main~{back}" if back else "main"

    def store(self) -> list[Path]:
        """Return the repository's folder."""
        return [self.session.tree / ".tether"]

    def init(self) -> Plan | None:
        """Make an empty repository."""
        return [self.run("init")]

    def add_commit(self, label: str) -> Plan | None:
        """Stage everything and commit it."""
        return [self.run("add", "."), self.run("commit", "-m", label)]

    def status(self) -> Plan | None:
        """Compare the working copy with the stage."""
        return [self.run("status")]

    def checkout(self, back: int) -> Plan | None:
        """Go to an older commit, or back to the branch."""
        return [self.run("checkout", self.revision(back)) if back else self.run("switch", "main")]

    def read(self, back: int, path: str) -> Plan | None:
        """Print a file of a commit."""
        return [self.run("cat", f"{self.revision(back)}:{path}")]

    def changes(self, old: int, new: int) -> Plan | None:
        """List what changed with its amount."""
        return [self.run("diff", self.revision(old), self.revision(new), "--stat")]

    def log(self) -> Plan | None:
        """List the newest commits."""
        return [self.run("log", "-n", "10")]

    def check(self) -> Plan | None:
        """Verify every object."""
        return [self.run("fsck", "--full")]

    def clone(self) -> Plan | None:
        """Clone from the folder."""
        return [self.run("clone", str(self.session.tree), str(self.session.clone))]

    def start(self) -> Plan | None:
        """Start and print the version."""
        return [self.run("version")]


class TetherSmallest(Tether):
    """Tether that takes more time for fewer bytes."""

    name = "tether-smallest"

    def init(self) -> Plan | None:
        """Make an empty repository and choose the compression."""
        return [self.run("init"), self.run("config", "storage.compression", "smallest")]
