"""Git without extensions."""

from pathlib import Path

from benchmarks.adapters.base import Adapter
from benchmarks.measure import Plan

CONFIG = """
[user]
    name = Benchmark
    email = benchmark@example.com
[init]
    defaultBranch = main
[gc]
    auto = 0
[advice]
    detachedHead = false
[safe]
    directory = *
"""


class Git(Adapter):
    """Git as it comes; its clone from a folder links the objects instead of copying them."""

    name = "git"
    program = "git"
    workloads = frozenset({"A", "C", "flat", "history"})

    def prepare(self) -> None:
        """Write the user's settings."""
        (self.session.home / ".gitconfig").write_text(CONFIG)

    def revision(self, back: int) -> str:
        """Return the revision so many commits before main."""
        return f"main~{back}" if back else "main"

    def store(self) -> list[Path]:
        """Return the repository's folder."""
        return [self.session.tree / ".git"]

    def init(self) -> Plan | None:
        """Make an empty repository."""
        return [["git", "init", "-q"]]

    def add_commit(self, label: str) -> Plan | None:
        """Stage everything and commit it."""
        return [["git", "add", "-A", "."], ["git", "commit", "-q", "-m", label]]

    def status(self) -> Plan | None:
        """Compare the working copy with the index."""
        return [["git", "status", "--porcelain"]]

    def checkout(self, back: int) -> Plan | None:
        """Go to an older commit, or back to the branch."""
        return [["git", "checkout", "-q", self.revision(back)]]

    def read(self, back: int, path: str) -> Plan | None:
        """Print a file of a commit, as it would be checked out."""
        return [["git", "cat-file", "--filters", f"{self.revision(back)}:{path}"]]

    def changes(self, old: int, new: int) -> Plan | None:
        """List what changed with its amount."""
        return [["git", "diff", "--stat", self.revision(old), self.revision(new)]]

    def log(self) -> Plan | None:
        """List the newest commits."""
        return [["git", "log", "-n", "10"]]

    def check(self) -> Plan | None:
        """Verify every object."""
        return [["git", "fsck", "--full"]]

    def clone(self) -> Plan | None:
        """Clone from the folder."""
        return [["git", "clone", "-q", str(self.session.tree), str(self.session.clone)]]

    def start(self) -> Plan | None:
        """Start and print the version."""
        return [["git", "version"]]
