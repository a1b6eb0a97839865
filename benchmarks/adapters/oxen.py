"""Oxen through its Python binding: the package holds neither a command line nor a server."""

from pathlib import Path

from benchmarks.adapters.base import TREES, Adapter, first_line
from benchmarks.measure import Plan
from benchmarks.session import Settings

DRIVER = Path(__file__).parent / "drivers" / "call_oxen.py"


def python(settings: Settings) -> Path:
    """Return the Python of the environment that holds the oxenai package."""
    return settings.environments / "oxen" / "bin" / "python"


class Oxen(Adapter):
    """Oxen; it checks out branches only, so every version gets one, not measured."""

    name = "oxen"
    workloads = TREES

    @classmethod
    def missing(cls, settings: Settings) -> str | None:
        """Return why it cannot run here, or None."""
        return None if python(settings).exists() else f"no {python(settings)} with the package oxenai"

    @classmethod
    def version(cls, settings: Settings) -> str:
        """Return the version of the package."""
        code = "from importlib.metadata import version; print('oxenai', version('oxenai'))"
        return first_line(str(python(settings)), "-c", code)

    def run(self, *arguments: str) -> list[str]:
        """Return a command that makes the driver call the library."""
        return [str(python(self.session.settings)), str(DRIVER), str(self.session.tree), *arguments]

    def store(self) -> list[Path]:
        """Return the repository's folder."""
        return [self.session.tree / ".oxen"]

    def init(self) -> Plan | None:
        """Make an empty repository."""
        return [self.run("init")]

    def add_commit(self, label: str) -> Plan | None:
        """Add everything and commit it, then give the commit a branch to come back to."""
        return [self.run("add"), self.run("commit", label)]

    def status(self) -> Plan | None:
        """Compare the working copy with the repository."""
        return [self.run("status")]

    def checkout(self, back: int) -> Plan | None:
        """Change to the branch of a version."""
        return [self.run("checkout", self.label(back))]

    def start(self) -> Plan | None:
        """Start Python and import the library."""
        return [self.run("nothing")]
