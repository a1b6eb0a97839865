"""One run of a repository, with all that lies beside its record."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tether.api.opened import Opened
from tether.api.runs import document_of, run_beside, run_environment, run_output, run_series, show_run
from tether.errors import NotFound
from tether.runs.metrics import Series
from tether.runs.reading import KnownRun, verdict_of
from tether.runs.rundoc import RunRecord

if TYPE_CHECKING:
    from tether.api.snapshot import Snapshot


@dataclass(frozen=True, slots=True)
class FoundRun:
    """One run of a repository; `repo.find_run` gives it. What lies beside the record is read when asked for.

    Attributes:
        repo: Where it is.
        known: It, as it was stored, or as far as it came.
    """

    repo: Opened
    known: KnownRun

    def __repr__(self) -> str:
        return f"FoundRun({self.id!r}, name={self.record.name!r}, status={str(self.record.status)!r})"

    @property
    def id(self) -> str:
        """Its id."""
        return self.known.id

    @property
    def record(self) -> RunRecord:
        """What is known of it: command, parameters, data, last values of metrics, artefacts, end."""
        return self.known.record

    @property
    def metrics(self) -> Mapping[str, Series]:
        """Every point of its metrics, by name."""
        return run_series(self.repo, self.known)

    @property
    def environment(self) -> dict[str, Any]:
        """What it ran on: Python, packages, machine; empty where that is not known."""
        return run_environment(self.repo, self.known)

    @property
    def verdict(self) -> str | None:
        """How it compared with the run that it repeats; None where it repeats none."""
        return verdict_of(self.repo.repository, self.known)

    @property
    def files(self) -> "Snapshot":
        """All files of it as a read-only folder; its artefacts are below `artefacts`.

        Raises:
            NotFound: It is not stored yet.
        """
        from tether.api.snapshot import at

        if self.known.commit is None:
            raise NotFound(f"run {self.id} is not stored yet", hint="wait until it has ended")
        return at(self.repo, f"runs/{self.id}")

    def output(self, stream: str = "stdout") -> bytes:
        """Return what it printed on `stdout` or `stderr`, as far as that is kept.

        Raises:
            NotFound: It printed nothing there.
        """
        return run_output(self.repo, self.known, stream)

    def document(self) -> dict[str, Any]:
        """Return all that is known of it as `tether runs show --json` has it."""
        from tether.api.registered import told_of

        told = told_of(self.repo, self.known)
        return {
            **document_of(self.record),
            **run_beside(self.repo, self.known),
            "environment": self.environment,
            "mlflow": None if told is None else {"experiment": told.experiment, "tags": told.tags},
        }


def find(repo: Opened, text: str) -> FoundRun:
    """Return the run that a user means; see `tether.runs.reading.find_run`.

    Raises:
        NotFound: There is none.
        InvalidInput: It can be several.
    """
    return FoundRun(repo, show_run(repo, text))
