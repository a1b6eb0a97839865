"""Restic: a backup store that cuts by content and compresses."""

from benchmarks.adapters.base import TREES, Adapter, first_line, shell
from benchmarks.measure import Plan
from benchmarks.session import Settings


class Restic(Adapter):
    """Restic without a working copy of its own: a clone is a full restore. It always encrypts."""

    name = "restic"
    program = "restic"
    workloads = TREES | {"flat"}

    @classmethod
    def version(cls, settings: Settings) -> str:
        """Return the version."""
        return first_line("restic", "version")

    def environment(self) -> dict[str, str]:
        """Add the store and its password."""
        own = {"RESTIC_REPOSITORY": str(self.session.store), "RESTIC_PASSWORD": "benchmark"}
        return super().environment() | own

    def snapshot(self, back: int) -> str:
        """Return shell text that finds the snapshot of a version by its tag."""
        listing = f"restic snapshots --json --tag {self.label(back)}"
        return f'"$({listing} | sed -n \'s/.*"short_id":"\\([0-9a-f]*\\)".*/\\1/p\')"'

    def init(self) -> Plan | None:
        """Make an empty store."""
        return [["restic", "-q", "init"]]

    def add_commit(self, label: str) -> Plan | None:
        """Back the working copy up."""
        return [["restic", "-q", "backup", "--tag", label, "."]]

    def read(self, back: int, path: str) -> Plan | None:
        """Print a file of a snapshot."""
        return [shell(f"restic -q dump {self.snapshot(back)} /{path}")]

    def changes(self, old: int, new: int) -> Plan | None:
        """List the files that differ between two snapshots."""
        return [shell(f"restic -q diff {self.snapshot(old)} {self.snapshot(new)}")]

    def log(self) -> Plan | None:
        """List the snapshots."""
        return [["restic", "-q", "snapshots"]]

    def check(self) -> Plan | None:
        """Verify every stored byte."""
        return [["restic", "-q", "check", "--read-data"]]

    def clone(self) -> Plan | None:
        """Restore the newest snapshot."""
        return [["restic", "-q", "restore", "latest", "--target", str(self.session.clone)]]

    def start(self) -> Plan | None:
        """Start and print the version."""
        return [["restic", "version"]]
