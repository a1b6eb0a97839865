"""The runs of a repository as an MLflow client sees them while a command runs.

The first run that the command begins is the run of the command itself. Each further one is a run of its own,
with the same code and data. Runs of earlier commands are read as they are, and never change.
"""

import os
import secrets
import threading
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

import msgspec

from tether.api.mlflowlive import LiveRun, name_or_none, points_from, unlike
from tether.api.opened import Opened
from tether.core.names import RUNS, path_bytes, run_ref
from tether.core.tree import Entry, EntryKind
from tether.core.treeread import find, iter_directory
from tether.core.ulid import DRAWN_BITS, make_ulid
from tether.errors import AlreadyExists, Conflict, InvalidInput, NotFound, TetherError
from tether.mlflow.document import RUNNING, Document, Event
from tether.mlflow.recorded import (
    document_of,
    inputs_of,
    recorded_status,
    status_of,
    summarised,
    text_of,
)
from tether.mlflow.store import Contents, File, Point, Run
from tether.repo.history import History
from tether.runs.journal import ENVIRONMENT, FOLDER, PATCH, TRACKED, Journal
from tether.runs.metrics import Series
from tether.runs.pinning import ARTEFACTS
from tether.runs.reading import KnownRun, read_file, runs_of, series_of, stored_run, under_way
from tether.runs.rundoc import Status, stamp
from tether.runs.sealing import Ending, seal

_MOST_OPEN = 64
"""Runs whose files stay open; a sweep may leave a thousand without an end."""
_BLOCK = 1 << 20


class JournalStore:
    """Runs for the handlers of `tether.mlflow`.

    Args:
        repo: Where they are.
        journal: Of the run of the command.

    Attributes:
        lock: Held by who answers a request, but while the body of an artefact comes or goes.
    """

    def __init__(self, repo: Opened, journal: Journal) -> None:
        self.lock = threading.RLock()
        self._repo, self._main = repo, journal.id
        self._live = {journal.id: LiveRun(journal, Document())}
        self._stored: dict[str, Run] = {}
        self._open: OrderedDict[str, Journal] = OrderedDict()
        self._begun = self._closed = False
        self._last_event = 0

    # -- runs -------------------------------------------------------------------------------

    def now(self) -> int:
        """Return the time in milliseconds since 1970."""
        return self._repo.clock().micros // 1000

    def home(self) -> str | None:
        """Return the run of the command."""
        return self._main

    def runs(self) -> Iterator[Run]:
        """Yield all runs, the newest first; those that are damaged are left out."""
        for live in reversed([*self._live.values()]):
            yield live.run()
        problems: list[TetherError] = []
        for known in runs_of(self._repo.repository, problems):
            if known.id not in self._live:
                try:
                    yield self._as_run(known)
                except TetherError as error:
                    problems.append(error)

    def run(self, run: str) -> Run:
        """Return a run.

        Raises:
            NotFound: There is none.
        """
        live = self._live.get(run)
        return live.run() if live is not None else self._as_run(self._known(run))

    def _known(self, run: str) -> KnownRun:
        repository = self._repo.repository
        with suppress(InvalidInput):
            commit = repository.root().refs.get(run_ref(run))
            if commit is not None:
                return stored_run(repository, History.of(repository), run, commit)
            journal = Journal(repository.directory / FOLDER / run)
            known = under_way(journal) if journal.is_told else None
            if known is not None:
                return known
        raise NotFound(f"Run with id={run[:200]} not found")

    def _as_run(self, known: KnownRun) -> Run:
        if known.id in self._stored:
            return self._stored[known.id]
        repository, record = self._repo.repository, msgspec.to_builtins(known.record)
        document = document_of(record, read_file(repository, known, TRACKED))
        parameters = {name: text_of(value) for name, value in known.record.parameters.items()}
        latest = summarised(record["metrics"], document.ended)
        run = Run(known.id, document, parameters, lambda: latest, False)
        if known.tree is not None:
            self._stored[known.id] = run
        return run

    def begin(self, document: Document) -> Run:
        """Begin a run: that of the command, or another one beside it."""
        self._check_open()
        if not self._begun:
            self._begun, live = True, self._live[self._main]
            live.call(document.name)
            live.keep(msgspec.structs.replace(document, events=live.document.events))
            return live.run()
        live = LiveRun(self._beside(document), Document())
        live.keep(msgspec.structs.replace(document, command=self._main))
        self._live[live.journal.id] = live
        return live.run()

    def _beside(self, document: Document) -> Journal:
        main, now = self._live[self._main].journal, self._repo.clock()
        newest = max((*self._live, *self._refs()))
        journal = main.beside(make_ulid(now.micros, secrets.randbits(DRAWN_BITS), newest))
        record = msgspec.structs.replace(
            main.record(), id=journal.id, name=name_or_none(document.name), started=stamp(now), parameters={}
        )
        journal.tell(record)
        return journal

    def _refs(self) -> Iterator[str]:
        return (
            name.removeprefix(RUNS) for name in self._repo.repository.root().refs if name.startswith(RUNS)
        )

    def keep(self, run: str, document: Document) -> None:
        """Change what is known of a run.

        Raises:
            Conflict: It is stored and never changes.
        """
        live = self._changing(run)
        live.call(document.name)
        of_record = inputs_of(msgspec.to_builtins(live.journal.record()))
        inputs = tuple(each for each in document.inputs if each not in of_record)
        live.keep(msgspec.structs.replace(document, inputs=inputs))
        if document.status != RUNNING:
            live.journal.close()

    def log(self, run: str, points: Sequence[Point], parameters: Mapping[str, str]) -> None:
        """Add values of metrics, and parameters.

        Raises:
            Conflict: It is stored and never changes.
            InvalidInput: A parameter has another value, or a name cannot be one.
        """
        journal = self._changing(run).journal
        if parameters:
            try:
                journal.add_parameters(unlike(journal, parameters))
            except AlreadyExists as error:
                raise InvalidInput(
                    f"Changing param values is not allowed: {error}", hint=error.hint
                ) from None
        if points:
            journal.points([(point.name, point.value, point.step, point.time / 1000) for point in points])
            self._opened(journal)

    def _opened(self, journal: Journal) -> None:
        self._open[journal.id] = journal
        self._open.move_to_end(journal.id)
        if len(self._open) > _MOST_OPEN:
            self._open.popitem(last=False)[1].close()

    def history(self, run: str, name: str) -> Sequence[Point]:
        """Return all values of a metric as they came."""
        live = self._live.get(run)
        if live is not None:
            several: Mapping[str, Series] = live.metrics().series
        else:
            several = series_of(self._repo.repository, self._known(run))
        series = several.get(name)
        return [] if series is None else points_from(name, series)

    def events(self) -> Iterable[Event]:
        """Return what happened to experiments and the registry."""
        return [event for run in self.runs() for event in run.document.events]

    def record(self, event: Event) -> None:
        """Keep what happened, with the run of the command; no two events have the same time."""
        self._check_open()
        self._last_event = max(event.at, self._last_event + 1)
        live = self._live[self._main]
        kept = (*live.document.events, msgspec.structs.replace(event, at=self._last_event))
        live.keep(msgspec.structs.replace(live.document, events=kept))

    def _changing(self, run: str) -> LiveRun:
        self._check_open()
        live = self._live.get(run)
        if live is None:
            self.run(run)
            raise Conflict(f"run {run} is stored and never changes", hint="begin another one")
        self._begun = True  # a client that writes to the run of the command has taken it for its own
        return live

    def _check_open(self) -> None:
        if self._closed:
            raise Conflict("the command has ended")

    # -- artefacts --------------------------------------------------------------------------

    def files(self, run: str, path: str) -> Sequence[File]:
        """Return what lies in a folder of artefacts; nothing where there is none."""
        live = self._live.get(run)
        if live is not None:
            return _files(live.journal.copies / path)
        found = self._entry(run, path)
        if found is None or found.kind != EntryKind.DIRECTORY:
            return []
        entries = iter_directory(self._repo.repository.objects, found.digest)
        return [
            File(os.fsdecode(each.name), None if each.kind == EntryKind.DIRECTORY else each.size)
            for each in entries
        ]

    def read(self, run: str, path: str) -> Contents:
        """Return an artefact.

        Raises:
            NotFound: There is none.
        """
        live = self._live.get(run)
        if live is not None:
            return _contents(live.journal.copies / path, path)
        found = self._entry(run, path)
        if found is None or found.kind not in (EntryKind.FILE, EntryKind.EXECUTABLE):
            raise NotFound(f"no artefact {path[:200]!r} in run {run}")
        return Contents(found.size, self._repo.repository.contents.stream(found.digest))

    def _entry(self, run: str, path: str) -> Entry | None:
        tree = self._known(run).tree
        whole = path_bytes(f"{ARTEFACTS}/{path}" if path else ARTEFACTS)
        return None if tree is None else find(self._repo.repository.objects, tree, whole)

    def write(self, run: str, path: str, blocks: Iterable[bytes]) -> None:
        """Keep an artefact.

        Raises:
            Conflict: The run is stored and never changes.
            InvalidInput: The path leads elsewhere.
        """
        with self.lock:
            journal = self._changing(run).journal
        journal.receive(path, blocks)

    # -- the end ----------------------------------------------------------------------------

    def declare(self, folder: Path) -> None:
        """Make the datasets that this repository has inputs of their runs.

        Args:
            folder: Where the command ran.
        """
        from tether.api.loggedinputs import declared

        for live in self._live.values():
            if not live.document.inputs or live.document.deleted:
                continue
            record = live.journal.record()
            found = declared(self._repo, record, live.document.inputs, folder)
            if found.inputs != live.document.inputs:
                live.journal.tell(msgspec.structs.replace(record, data=found.data))
                live.keep(msgspec.structs.replace(live.document, inputs=found.inputs))

    def close(self, status: Status) -> None:
        """Take nothing more, and note how runs ended whose client did not say so.

        Args:
            status: How the command ended.
        """
        with self.lock:
            self._closed = True
            now = self.now()
            for live in self._live.values():
                live.journal.close()
                if (live.journal.folder / TRACKED).exists() and live.document.status == RUNNING:
                    ended = {"status": status_of(status), "ended": now}
                    live.keep(msgspec.structs.replace(live.document, **ended))
            self._share(ENVIRONMENT)
            self._share(PATCH)

    def _share(self, name: str) -> None:
        data = self._live[self._main].journal.read(name)
        for run, live in self._live.items():
            if data is not None and run != self._main:
                live.journal.write(name, data)

    def store(self, status: Status) -> None:
        """Store the runs beside that of the command; those that were deleted are forgotten."""
        for run, live in self._live.items():
            if run == self._main:
                continue
            if live.document.deleted:
                live.journal.remove()
                continue
            how = Status(recorded_status(live.document.status, status))
            ended = _stamp(self._repo, live.document.ended or self.now())
            seal(self._repo.repository, live.journal, Ending(how, ended=ended), self._repo.author)


def _stamp(repo: Opened, millis: int) -> str | None:
    """Return a time that a client said; None where there is no such time."""
    try:
        return stamp(repo.clock()._replace(micros=millis * 1000))
    except (OverflowError, ValueError):
        return None


def _files(folder: Path) -> list[File]:
    try:
        with os.scandir(folder) as entries:
            found = [
                File(each.name, None if each.is_dir() else each.stat().st_size)
                for each in entries
                if not each.is_symlink()
            ]
    except (FileNotFoundError, NotADirectoryError):
        return []
    return sorted(found)


def _contents(place: Path, name: str) -> Contents:
    if not place.is_file() or place.is_symlink():
        raise NotFound(f"no artefact {name[:200]!r}")
    file = place.open("rb")

    def blocks() -> Iterator[bytes]:
        with file:
            left = size
            while left and (data := file.read(min(left, _BLOCK))):
                left -= len(data)
                yield data

    size = os.fstat(file.fileno()).st_size
    return Contents(size, blocks())
