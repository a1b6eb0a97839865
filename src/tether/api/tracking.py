"""`tether.run`: a block of Python as a run, or a part of the run whose command it belongs to."""

import os
import resource
import sys
import threading
import time
from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Self

from tether.api.repo import Repo
from tether.api.runinputs import RunRequest
from tether.api.running import (
    DATA_PREFIX,
    RUN_FOLDER,
    Begun,
    artefact_name,
    begun,
    described,
    note_altered,
    variable,
)
from tether.core.identity import Person
from tether.errors import InvalidInput, NotFound
from tether.runs.journal import Journal
from tether.runs.rundoc import Exit, Resources, Scalar, Status, scalar
from tether.runs.sealing import Ending, note_ending, seal
from tether.runs.usage import moved_bytes


class Run:
    """A run that is under way; a `with` statement is its length. `tether.run` makes one.

    Attributes:
        id: Of the run.
        data: The folders and files with its data, by name.
        altered: When it has ended, the files of its data that somebody wrote to meanwhile, by the name of
            the data; at most a thousand of each.
        unchecked: Names of data that could not be looked at then: nobody knows whether somebody wrote to it.
    """

    def __init__(self, repo: Repo | None, request: RunRequest) -> None:
        self._repo, self._request = repo, request
        self._begun, self._describing = ExitStack(), ExitStack()
        self._journal: Journal | None = None
        self._began = _Account.now()
        self._lock = threading.Lock()
        self.id = ""
        self.data: Mapping[str, Path] = {}
        self.altered: Mapping[str, tuple[str, ...]] = {}
        self.unchecked: tuple[str, ...] = ()
        self._own: Begun | None = None

    def __enter__(self) -> Self:
        if self._repo is None:
            self._attach(Path(self._request.environ[RUN_FOLDER]))
            return self
        run = self._own = self._begun.enter_context(begun(self._repo, self._request))
        self._journal, self.id, self.data = run.journal, run.journal.id, run.folders
        run.journal.kept = True
        self._describing.enter_context(described(run.journal, self._request))
        self._began = _Account.now()
        return self

    def _attach(self, folder: Path) -> None:
        """Take part in the run of the command that this process belongs to."""
        journal = Journal(folder)
        record = journal.record()
        environ = self._request.environ
        names = {each.name: variable(DATA_PREFIX, each.name) for each in record.data}
        self.data = {name: Path(environ[key]) for name, key in names.items() if key in environ}
        wanted = [text.partition("=")[0] for text in self._request.data]
        missing = [name for name in wanted if name not in names]
        if missing:
            hint = f"write 'tether run --data {missing[0]}=REV:PATH -- COMMAND'"
            raise InvalidInput(f"the run that this belongs to does not read {missing[0]}", hint=hint)
        self._journal, self.id = journal, journal.id
        for name, value in (*self._request.parameters.items(), *self._request.seeds.items()):
            journal.parameter(name, value)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        journal, self._journal = self._active(), None
        journal.close()
        if self._repo is None:
            return
        with self._begun:
            resources = self._began.until_now()
            self._describing.close()
            unchecked = self._own.unchecked if self._own is not None else ()
            ending = note_ending(self._repo.repository, journal, _ending(error, resources), unchecked)
            found = note_altered(self._repo, self._own) if self._own is not None else None
            self.altered = {name: each.files for name, each in found.inputs.items()} if found else {}
            self.unchecked = found.unchecked if found else ()
            seal(self._repo.repository, journal, ending, self._repo.author)

    def param(self, name: str, value: object) -> None:
        """Record a parameter; numbers, texts, truth and None stay what they are, all else becomes text.

        Raises:
            AlreadyExists: It has another value already.
        """
        with self._lock:
            self._active().parameter(name, value)

    def metric(self, name: str, value: object, step: int | None = None) -> None:
        """Record a value of a metric; without a step it is the next one.

        Raises:
            InvalidInput: It is no number.
        """
        with self._lock:
            self._active().metric(name, value, step, time.time())

    def artefact(self, path: str | Path, name: str | None = None) -> None:
        """Keep a file, or the files below a folder, as they are now.

        Args:
            path: Where it is.
            name: Its path in the run; None takes `path`, or its last part if that leads elsewhere.

        Raises:
            NotFound: There is nothing.
        """
        with self._lock:
            self._active().artefact(Path(path), name or artefact_name(str(path)))

    def _active(self) -> Journal:
        if self._journal is None:
            raise NotFound("the run is not under way", hint="use it inside of its 'with' statement")
        return self._journal


def run(
    repo: str | Path | Repo = ".",
    *,
    name: str | None = None,
    data: Iterable[str] = (),
    parameters: Mapping[str, Scalar] | None = None,
    seeds: Mapping[str, int] | None = None,
) -> Run:
    """Return a run to be the length of a `with` statement; it is stored in the repository when that ends.

    In a command of `tether run` it is that run, which goes on after the statement.

    Args:
        repo: The repository, or a folder in it; then who runs it is looked up as the command does.
        name: What people call the run.
        data: What it reads, each as `NAME=REV:PATH`; `run.data[NAME]` is a read-only folder or file with it.
        parameters: Parameters that are known at once; `Run.param` records others.
        seeds: Seeds by name.

    Example:
        >>> with tether.run(repo, data=["train=v1:images"], parameters={"lr": 0.1}) as run:
        ...     for step, loss in enumerate([0.9, 0.4]):
        ...         run.metric("loss", loss, step)
        ...     sorted(path.name for path in run.data["train"].iterdir())
        ['cat.png']
        >>> repo.runs()[0].record.metrics["loss"].last
        0.4

    Raises:
        NotFound: There is no such repository, revision or path.
        InvalidInput: A name cannot be one, or nobody has said who runs it.
    """
    environ = dict(os.environ)
    request = RunRequest(
        (sys.executable, *sys.argv) if sys.argv and sys.argv[0] else (sys.executable,),
        Path.cwd(),
        environ,
        name=name,
        data=tuple(data),
        parameters={key: scalar(value) for key, value in (parameters or {}).items()},
        seeds=dict(seeds or {}),
    )
    if RUN_FOLDER in environ:
        return Run(None, request)
    return Run(repo if isinstance(repo, Repo) else _opened(Path(repo), environ), request)


def _opened(path: Path, environ: Mapping[str, str]) -> Repo:
    """Open a repository as the command does for whoever runs this: a script of theirs stands for them."""
    base = environ.get("XDG_CONFIG_HOME")
    settings = (Path(base) if base else Path.home() / ".config") / "tether" / "config.toml"
    repo = Repo.open(path, user_config=settings)
    name, email = environ.get("TETHER_USER_NAME"), environ.get("TETHER_USER_EMAIL")
    if name and email:
        repo.author = Person(name, email)
    return repo


class _Account:
    """What this process and its children have used since the machine started."""

    def __init__(self, wall_s: float, user_s: float, system_s: float, moved: tuple[int, int] | None) -> None:
        self._wall_s, self._user_s, self._system_s, self._moved = wall_s, user_s, system_s, moved

    @classmethod
    def now(cls) -> "_Account":
        both = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
        user, system = sum(each.ru_utime for each in both), sum(each.ru_stime for each in both)
        return cls(time.monotonic(), user, system, moved_bytes("self"))

    def until_now(self) -> Resources:
        now = self.now()
        moved = [after - before for before, after in zip(self._moved or (), now._moved or (), strict=True)]
        return Resources(
            wall_s=round(now._wall_s - self._wall_s, 6),
            user_s=max(0.0, now._user_s - self._user_s),
            system_s=max(0.0, now._system_s - self._system_s),
            peak_bytes=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
            read_bytes=moved[0] if moved else None,
            written_bytes=moved[1] if moved else None,
        )


def _ending(error: BaseException | None, resources: Resources) -> Ending:
    if error is None or (isinstance(error, SystemExit) and not error.code):
        return Ending(Status.FINISHED, Exit(code=0), resources)
    kind = Status.INTERRUPTED if isinstance(error, KeyboardInterrupt) else Status.FAILED
    return Ending(kind, Exit(error=type(error).__name__), resources)
