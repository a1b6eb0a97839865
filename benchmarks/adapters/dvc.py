"""DVC beside Git: the data in DVC's cache, its pointers in Git."""

from pathlib import Path

from benchmarks.adapters.base import TREES, find_program, shell
from benchmarks.adapters.git import Git
from benchmarks.measure import Plan
from benchmarks.session import Settings


class Dvc(Git):
    """DVC with copies in the working copy and a remote in a local folder."""

    name = "dvc"
    program = "dvc"
    workloads = TREES

    def environment(self) -> dict[str, str]:
        """Keep its databases in the room and its reports at home."""
        dvc = Path(find_program("dvc", self.session.settings) or "dvc")
        own = super().environment()
        own["PATH"] = f"{dvc.parent}:{own['PATH']}"
        return own | {"DVC_NO_ANALYTICS": "1", "DVC_SITE_CACHE_DIR": f"{self.session.home}/site"}

    @classmethod
    def missing(cls, settings: Settings) -> str | None:
        """Return why it cannot run here, or None."""
        found = find_program("dvc", settings)
        return None if found else f"dvc is not installed in PATH or in {settings.environments}/dvc"

    def tracked(self) -> str:
        """Return the files and folders at the top of the tree, which DVC tracks one by one."""
        first = self.session.workload.version("v1")
        return " ".join(sorted(path.name for path in first.iterdir()))

    def store(self) -> list[Path]:
        """Return the cache and the repository beside it."""
        return [self.session.tree / ".dvc", self.session.tree / ".git"]

    def init(self) -> Plan | None:
        """Make both repositories and a remote."""
        remote = f"dvc remote add -q -d near {self.session.store}"
        return [shell(f"git init -q && dvc init -q && {remote}")]

    def add_commit(self, label: str) -> Plan | None:
        """Add the data, then commit its pointers."""
        return [shell(f"dvc add -q {self.tracked()} && git add -A . && git commit -q -m {label}")]

    def status(self) -> Plan | None:
        """Compare the data with its pointers."""
        return [["dvc", "status"]]

    def checkout(self, back: int) -> Plan | None:
        """Change the pointers, then the data."""
        return [shell(f"git checkout -q {self.revision(back)} && dvc checkout -q")]

    def read(self, back: int, path: str) -> Plan | None:
        """Get a file of a revision and print it."""
        target = self.session.room / "got"
        get = f"dvc get -q -f . {path} --rev {self.revision(back)} -o {target}"
        return [shell(f"{get} && cat {target}")]

    def changes(self, old: int, new: int) -> Plan | None:
        """List the files that differ between two revisions."""
        return [["dvc", "diff", self.revision(old), self.revision(new)]]

    def check(self) -> Plan | None:
        """It has no such command."""
        return None

    def clone(self) -> Plan | None:
        """Push the data, clone the pointers, pull the data: it has no shorter way."""
        clone = f"git clone -q {self.session.tree} {self.session.clone} && cd {self.session.clone}"
        return [shell(f"dvc push -q && {clone} && dvc pull -q")]

    def start(self) -> Plan | None:
        """Start and print the version."""
        return [["dvc", "--version"]]
