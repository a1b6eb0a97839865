"""hf-xet, the storage client of the Hugging Face hub, against its own store in a local folder."""

import sys
from importlib import metadata
from pathlib import Path

from benchmarks.adapters.base import TREES, Adapter
from benchmarks.measure import Plan
from benchmarks.session import Settings

DRIVER = Path(__file__).parent / "drivers" / "call_hf_xet.py"


class HfXet(Adapter):
    """It stores files by content and has no versions, so there is no status and no checkout."""

    name = "hf-xet"
    workloads = TREES

    @classmethod
    def missing(cls, settings: Settings) -> str | None:
        """Return why it cannot run here, or None."""
        try:
            metadata.version("hf-xet")
        except metadata.PackageNotFoundError:
            return "hf-xet is not installed beside this Python; run: pip install hf-xet"
        return None

    @classmethod
    def version(cls, settings: Settings) -> str:
        """Return the version of the package."""
        return f"hf-xet {metadata.version('hf-xet')}"

    def environment(self) -> dict[str, str]:
        """Keep its caches in the room and itself off the network."""
        own = {"HF_HOME": str(self.session.home / "hf"), "HF_XET_CACHE": str(self.session.home / "xet")}
        return super().environment() | own | {"HF_HUB_OFFLINE": "1", "HF_HUB_DISABLE_TELEMETRY": "1"}

    def prepare(self) -> None:
        """Make the folder of the store."""
        self.session.store.mkdir()

    def run(self, *arguments: str) -> list[str]:
        """Return a command that makes the driver call the library."""
        record = str(self.session.room / "record.json")
        return [sys.executable, str(DRIVER), f"local://{self.session.store}", record, *arguments]

    def add_commit(self, label: str) -> Plan | None:
        """Upload every file of the working copy."""
        return [self.run("up", str(self.session.tree))]

    def clone(self) -> Plan | None:
        """Download every file; not for A, where it writes about a hundred files a second."""
        return None if self.session.workload.name == "A" else [self.run("down", str(self.session.clone))]

    def start(self) -> Plan | None:
        """Start Python and import the library."""
        return [self.run("nothing")]
