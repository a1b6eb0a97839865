"""The physical limits: plain tools that copy, list, hash and compress the same tree."""

import shutil
from pathlib import Path

from benchmarks.adapters.base import Adapter, first_line, shell
from benchmarks.measure import Plan
from benchmarks.session import Settings

TOOLS = ("cp", "tar", "find", "zstd", "b3sum")


class Limits(Adapter):
    """No system: each operation is the least that a system must do."""

    name = "limits"
    workloads = frozenset({"A", "B", "C", "D", "flat"})

    @classmethod
    def missing(cls, settings: Settings) -> str | None:
        """Return which tools are missing."""
        absent = [tool for tool in TOOLS if shutil.which(tool) is None]
        return f"{', '.join(absent)} not installed" if absent else None

    @classmethod
    def version(cls, settings: Settings) -> str:
        """Return the versions of the tools that are not part of every system."""
        return f"{first_line('b3sum', '--version')}, {first_line('zstd', '--version')}"

    @property
    def archive(self) -> Path:
        """Return where the tar of the tree is."""
        return self.session.room / "tree.tar"

    def copy(self) -> Plan:
        """Copy the tree."""
        return [["cp", "-r", str(self.session.tree), str(self.session.clone)]]

    def archive_tree(self) -> Plan:
        """Write the tree into one file."""
        return [["tar", "-cf", str(self.archive), "."]]

    def extract(self) -> Plan:
        """Write the tree from one file."""
        target = self.session.clone
        return [shell(f"mkdir {target} && tar -xf {self.archive} -C {target}")]

    def list_status(self) -> Plan:
        """Ask for the size and time of every file."""
        return [["find", ".", "-type", "f", "-printf", "%s %T@\\n"]]

    def hash_all(self) -> Plan:
        """Hash every file with BLAKE3 on all cores."""
        return [shell("find . -type f -print0 | xargs -0 b3sum")]

    def compress(self) -> Plan:
        """Compress the archive quickly on two threads."""
        return [["zstd", "-q", "-f", "-1", "-T2", str(self.archive), "-o", str(self.session.store)]]
