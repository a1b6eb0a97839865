"""Git with LFS for every kind of data file."""

from benchmarks.adapters.base import TREES, first_line
from benchmarks.adapters.git import Git
from benchmarks.measure import Plan
from benchmarks.session import Settings

TRACKED = ("*.jpg", "*.csv", "*.parquet", "*.safetensors", "*.jsonl")


class GitLfs(Git):
    """Git LFS; clones take the objects from the first repository over file://."""

    name = "git-lfs"
    program = "git-lfs"
    workloads = TREES

    @classmethod
    def version(cls, settings: Settings) -> str:
        """Return the version of the extension."""
        return first_line("git-lfs", "version")

    def init(self) -> Plan | None:
        """Make an empty repository whose data files LFS keeps."""
        return [["git", "init", "-q"], ["git", "lfs", "install"], ["git", "lfs", "track", *TRACKED]]

    def changes(self, old: int, new: int) -> Plan | None:
        """List the names of what changed: the content is pointers."""
        return [["git", "diff", "--name-status", self.revision(old), self.revision(new)]]

    def check(self) -> Plan | None:
        """Verify the objects of LFS and then those of Git."""
        return [["git", "lfs", "fsck"], ["git", "fsck", "--full"]]

    def clone(self) -> Plan | None:
        """Clone over file://, which LFS serves itself."""
        return [["git", "clone", "-q", f"file://{self.session.tree}", str(self.session.clone)]]

    def start(self) -> Plan | None:
        """Start the extension."""
        return [["git", "lfs", "version"]]
