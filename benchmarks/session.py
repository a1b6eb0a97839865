"""One job: a system on a workload in a fresh room, and the results of its operations."""

import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.measure import Place, Plan, Sample, run
from benchmarks.pages import Filler, warm
from benchmarks.scratch import settle
from benchmarks.trees import stored_bytes
from benchmarks.workloads import Workload


@dataclass(frozen=True, slots=True)
class Settings:
    """What the command line chose, and what fills free memory before each measurement."""

    filler: Filler
    tether: tuple[str, ...]
    environments: Path
    repeat: int
    until: str | None
    timeout_s: float


@dataclass(slots=True)
class Result:
    """An operation's runs, and how large the store was after it (None where that was not asked)."""

    operation: str
    samples: list[Sample] = field(default_factory=list)
    stored_bytes: int | None = None
    added_bytes: int | None = None
    error: str | None = None


class OperationFailed(Exception):
    """An operation failed that the following ones need."""


class Finished(Exception):
    """The operation the user asked to stop after is done."""


@dataclass(slots=True)
class Session:
    """Paths and results of a job. `tree` is the working copy, `home` the only home folder tools see.

    `servers` are processes whose work counts for the system that is measured, not for others.
    """

    room: Path
    workload: Workload
    settings: Settings
    environment: dict[str, str] = field(default_factory=dict)
    results: list[Result] = field(default_factory=list)
    servers: list[int] = field(default_factory=list)

    @property
    def tree(self) -> Path:
        """Return the working copy."""
        return self.room / "tree"

    @property
    def store(self) -> Path:
        """Return where systems without a store inside the working copy keep theirs."""
        return self.room / "store"

    @property
    def clone(self) -> Path:
        """Return where a clone or a full restore goes."""
        return self.room / "clone"

    @property
    def home(self) -> Path:
        """Return the home folder of the tools."""
        return self.room / "home"

    def copy_first_version(self) -> None:
        """Make the working copy from the first version, not measured."""
        self.home.mkdir()
        source = self.workload.version(self.workload.versions[0])
        subprocess.run(["cp", "-r", "--no-target-directory", source, self.tree], check=True)

    def measure(
        self,
        operation: str,
        plan: Plan | None,
        *,
        repeat: int = 1,
        before_again: Callable[[], None] | None = None,
        stdout: Path | None = None,
        reads: Path | None = None,
    ) -> Result | None:
        """Run an operation and keep its result; None where the system has no such operation.

        Args:
            operation: Its name.
            plan: Its commands.
            repeat: How often.
            before_again: Called between two runs.
            stdout: Gets what is printed.
            reads: The folder that it reads most of; the page cache has it then.
        """
        if plan is None:
            return None
        result = Result(operation)
        for turn in range(repeat):
            if turn and before_again:
                before_again()
            if reads is not None:
                warm(reads)
            settle(self.room)
            self.settings.filler.occupy()
            sample = run(plan, self.place(), stdout)
            result.samples.append(sample)
            result.error = sample.error
            if sample.error:
                break
        self.keep(result)
        return result

    def keep(self, result: Result) -> None:
        """Keep a result, tell of it on standard error, and stop where the user asked to."""
        self.results.append(result)
        last = result.samples[-1]
        text = f"{last.wall_s:9.3f} s + {last.sync_s:6.3f} sync {last.peak_bytes / 1e6:8.0f} MB resident"
        print(f"    {result.operation:20}{text}  {result.error or ''}".rstrip(), file=sys.stderr, flush=True)
        if result.operation == self.settings.until:
            raise Finished

    def place(self) -> Place:
        """Return where and with which variables commands run."""
        return Place(self.tree, self.environment, self.settings.timeout_s, tuple(self.servers))

    def size_up(self, result: Result | None, roots: list[Path]) -> None:
        """Add the store's size to a result, and what it grew by since the last one that has a size."""
        if result is None:
            return
        if result.error:
            raise OperationFailed(result.operation)
        sizes = [old.stored_bytes for old in self.results if old.stored_bytes is not None]
        result.stored_bytes = stored_bytes(roots)
        result.added_bytes = result.stored_bytes - (sizes[-1] if sizes else 0)

    def forget(self, path: Path) -> Callable[[], None]:
        """Return a function that removes a folder, to make an operation possible again."""
        return lambda: shutil.rmtree(path, ignore_errors=True)
