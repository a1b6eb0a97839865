"""Borg: a backup store that cuts by content."""

from benchmarks.adapters.base import TREES, Adapter, shell
from benchmarks.measure import Plan


class Borg(Adapter):
    """Borg without encryption; a clone is a full restore."""

    name = "borg"
    program = "borg"
    workloads = TREES | {"flat"}

    def environment(self) -> dict[str, str]:
        """Add the store, and that it may be open to all."""
        own = {
            "BORG_REPO": str(self.session.store),
            "BORG_UNKNOWN_UNENCRYPTED_REPO_ACCESS_IS_OK": "yes",
            "BORG_BASE_DIR": str(self.session.home),
        }
        return super().environment() | own

    def init(self) -> Plan | None:
        """Make an empty store."""
        return [["borg", "init", "-e", "none"]]

    def add_commit(self, label: str) -> Plan | None:
        """Store the working copy as an archive."""
        return [["borg", "create", f"::{label}", "."]]

    def read(self, back: int, path: str) -> Plan | None:
        """Print a file of an archive."""
        return [["borg", "extract", "--stdout", f"::{self.label(back)}", path]]

    def changes(self, old: int, new: int) -> Plan | None:
        """List the files that differ between two archives."""
        return [["borg", "diff", f"::{self.label(old)}", self.label(new)]]

    def log(self) -> Plan | None:
        """List the archives."""
        return [["borg", "list"]]

    def check(self) -> Plan | None:
        """Verify every stored byte."""
        return [["borg", "check", "--verify-data"]]

    def clone(self) -> Plan | None:
        """Restore the newest archive."""
        target = self.session.clone
        return [shell(f"mkdir {target} && cd {target} && borg extract ::{self.label(0)}")]

    def start(self) -> Plan | None:
        """Start and print the version."""
        return [["borg", "--version"]]
