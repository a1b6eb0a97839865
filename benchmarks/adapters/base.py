"""The contract of an adapter: which commands make a system do each operation.

A method returns the commands of one operation, run in the working copy and timed together, or None where the
system has no such operation. Revisions are named by how many versions back from the newest they are.
"""

import os
import shutil
import subprocess
from pathlib import Path
from typing import ClassVar

from benchmarks.measure import Plan
from benchmarks.session import Session, Settings

TREES = frozenset("ABCD")


def shell(text: str) -> list[str]:
    """Return a command that runs shell text and stops at the first failure."""
    return ["sh", "-ec", text]


def first_line(*command: str) -> str:
    """Return the first line a command prints, as a version."""
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return ((done.stdout or done.stderr).strip().splitlines() or ["unknown"])[0]


def find_program(name: str, settings: Settings, environment: str = "") -> str | None:
    """Return the path of a program, looked for in its own environment first and then in PATH."""
    own = settings.environments / (environment or name) / "bin" / name
    return str(own) if own.exists() else shutil.which(name)


class Adapter:
    """A system under measurement; subclasses say how it does each operation."""

    name: ClassVar[str]
    workloads: ClassVar[frozenset[str]] = TREES
    program: ClassVar[str] = ""

    def __init__(self, session: Session) -> None:
        self.session = session
        self.labels: list[str] = []

    @classmethod
    def missing(cls, settings: Settings) -> str | None:
        """Return why the system cannot run here, or None."""
        return None if find_program(cls.program, settings) else f"{cls.program} is not installed"

    @classmethod
    def version(cls, settings: Settings) -> str:
        """Return the version that runs."""
        return first_line(find_program(cls.program, settings) or cls.program, "--version")

    def environment(self) -> dict[str, str]:
        """Return the variables its commands see: a home of their own, and no settings of the user."""
        home = str(self.session.home)
        return {
            "HOME": home,
            "LANG": "C.UTF-8",
            "PATH": os.environ["PATH"],
            "TMPDIR": home,
            "XDG_CACHE_HOME": f"{home}/.cache",
            "XDG_CONFIG_HOME": f"{home}/.config",
        }

    def label(self, back: int) -> str:
        """Return the name of a version, `back` before the newest."""
        return self.labels[-1 - back]

    def prepare(self) -> None:
        """Write settings before the first operation, not measured."""

    def store(self) -> list[Path]:
        """Return the folders that hold the stored versions and what is kept about them."""
        return [self.session.store]

    def init(self) -> Plan | None:
        """Make an empty repository."""
        return None

    def add_commit(self, label: str) -> Plan | None:
        """Store the working copy as the newest version."""
        return None

    def status(self) -> Plan | None:
        """Compare the working copy with what is stored."""
        return None

    def checkout(self, back: int) -> Plan | None:
        """Change the working copy to a version; 0 returns to the newest."""
        return None

    def read(self, back: int, path: str) -> Plan | None:
        """Write one file of a version to standard output."""
        return None

    def changes(self, old: int, new: int) -> Plan | None:
        """List the files that differ between two versions."""
        return None

    def log(self) -> Plan | None:
        """List the ten newest versions."""
        return None

    def check(self) -> Plan | None:
        """Verify every stored byte."""
        return None

    def clone(self) -> Plan | None:
        """Make a second working copy, or restore the newest version in full, into `session.clone`."""
        return None

    def start(self) -> Plan | None:
        """Start the program and do nothing."""
        return None
