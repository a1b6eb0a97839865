"""What the answers are made from: a store of runs, which a journal on this machine or a hub's database is."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from tether.mlflow.document import Document, Event


class Point(NamedTuple):
    """One value of a metric."""

    name: str
    value: float
    step: int
    time: int
    """Milliseconds since 1970."""


class File(NamedTuple):
    """A file of a run, or a folder, whose size is None."""

    name: str
    size: int | None


class Contents(NamedTuple):
    """A file on its way out."""

    size: int
    blocks: Iterator[bytes]


@dataclass(frozen=True, slots=True)
class Run:
    """One run.

    Attributes:
        id: Its id.
        document: What clients said of it.
        parameters: As the text that clients gave or would read.
        latest: Gives of each metric the value with the greatest step; may have to read them.
        live: Whether it is under way here, so that it can change.
    """

    id: str
    document: Document
    parameters: Mapping[str, str]
    latest: Callable[[], Mapping[str, Point]]
    live: bool


class Store(Protocol):
    """Runs of one repository. Each request has the store for itself, but for the bodies of artefacts."""

    def now(self) -> int:
        """Return the time in milliseconds since 1970."""
        ...

    def home(self) -> str | None:
        """Return the run that takes what belongs to no run; None where there is none."""
        ...

    def runs(self) -> Iterator[Run]:
        """Yield all runs, the newest first."""
        ...

    def run(self, run: str) -> Run:
        """Return a run.

        Raises:
            NotFound: There is none.
        """
        ...

    def begin(self, document: Document) -> Run:
        """Begin a run and return it."""
        ...

    def keep(self, run: str, document: Document) -> None:
        """Change what is known of a run.

        Raises:
            Conflict: It is stored and never changes.
        """
        ...

    def log(self, run: str, points: Sequence[Point], parameters: Mapping[str, str]) -> None:
        """Add values of metrics, and parameters.

        Raises:
            Conflict: It is stored and never changes.
            AlreadyExists: A parameter has another value.
        """
        ...

    def history(self, run: str, name: str) -> Sequence[Point]:
        """Return all values of a metric as they came."""
        ...

    def events(self) -> Iterable[Event]:
        """Return what happened to experiments and the registry, in any order."""
        ...

    def record(self, event: Event) -> None:
        """Keep what happened to an experiment or the registry."""
        ...

    def files(self, run: str, path: str) -> Sequence[File]:
        """Return what lies in a folder of artefacts; nothing where there is none."""
        ...

    def read(self, run: str, path: str) -> Contents:
        """Return an artefact.

        Raises:
            NotFound: There is none.
        """
        ...

    def write(self, run: str, path: str, blocks: Iterable[bytes]) -> None:
        """Keep an artefact; what comes is either kept whole or not at all.

        Raises:
            Conflict: The run is stored and never changes.
            InvalidInput: The path leads elsewhere.
        """
        ...
