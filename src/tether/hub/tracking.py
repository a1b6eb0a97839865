"""Runs that MLflow's clients log into a hub: rows while they are under way, refs when they have ended."""

import os
import secrets
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from functools import partial
from threading import Lock

import msgspec
from sqlalchemy import Text, cast, or_, select
from sqlalchemy.orm import Session

from tether.core.digest import Digest, parse_digest
from tether.core.names import RUNS, path_bytes, run_ref
from tether.core.tree import Entry, EntryKind
from tether.core.treeread import find, iter_directory
from tether.core.ulid import DRAWN_BITS, make_ulid
from tether.errors import Conflict, InvalidInput, NotFound, TetherError
from tether.hub.access import require_user
from tether.hub.branchrules import tree_path
from tether.hub.database.models import RepositoryRow
from tether.hub.database.rights import PATH
from tether.hub.database.tracking import TrackedEvent, TrackedFile, TrackedPoints, TrackedRun
from tether.hub.hub import Hub
from tether.hub.repositories import open_repository
from tether.hub.staging import require_there
from tether.hub.storing import Storing, store_content
from tether.hub.trackedrecords import points_logged
from tether.hub.workspaces import Asking
from tether.mlflow.document import RUNNING, Document, Event
from tether.mlflow.recorded import document_of, points_of, summarised, text_of
from tether.mlflow.store import Contents, File, Point, Run
from tether.mlflow.views import latest_of
from tether.repo.contents import ContentReader
from tether.repo.history import History
from tether.repo.objectdb import ObjectDb
from tether.repo.repository import Repository
from tether.repo.streams import ReadInto
from tether.runs.journal import TRACKED
from tether.runs.metrics import Series
from tether.runs.pinning import ARTEFACTS
from tether.runs.reading import KnownRun, read_file, series_of, stored_run
from tether.runs.rundoc import check_name, number

MOST_LIVE = 1000
"""Runs that may be under way in one repository."""
MOST_FILES = 10_000
"""Artefacts of one run."""
MOST_DOCUMENT = 8 << 20
_CACHED = 10_000


class StoredRuns:
    """What was read of stored runs, by commit; they never change."""

    def __init__(self) -> None:
        self._known: OrderedDict[Digest, Run] = OrderedDict()
        self._lock = Lock()

    def get(self, commit: Digest, read: Callable[[], Run]) -> Run:
        """Return a run, read only if it is not known."""
        with self._lock:
            known = self._known.get(commit)
            if known is not None:
                self._known.move_to_end(commit)
                return known
        found = read()
        with self._lock:
            self._known[commit] = found
            if len(self._known) > _CACHED:
                self._known.popitem(last=False)
        return found


class HubStore:
    """The runs of one repository for the handlers of `tether.mlflow`, in one transaction.

    Args:
        asking: Who asks, and where; that they may is known.
        session: The transaction.
        repository: The same repository, open.
        stored: What was read of stored runs.
    """

    def __init__(self, asking: Asking, session: Session, repository: Repository, stored: StoredRuns) -> None:
        self.hub, self.principal, self.row = asking
        self.session, self.repository, self._stored = session, repository, stored
        self.ended: list[str] = []
        """Runs that this request ended, to be stored after the transaction."""

    # -- runs -------------------------------------------------------------------------------

    def now(self) -> int:
        """Return the time in milliseconds since 1970."""
        return self.hub.now() // 1000

    def home(self) -> str | None:
        """Return None: what belongs to no run has no place here."""
        return None

    def runs(self) -> Iterator[Run]:
        """Yield all runs, the newest first; those that are damaged are left out."""
        query = select(TrackedRun).where(TrackedRun.repository_id == self.row.id)
        live = {each.id: each for each in self.session.scalars(query)}
        refs = self.repository.root().refs
        commits = {name.removeprefix(RUNS): commit for name, commit in refs.items() if name.startswith(RUNS)}
        for run in sorted({*live, *commits}, reverse=True):
            try:
                yield self._as_run(run, commits[run]) if run in commits else self._of_row(live[run])
            except TetherError:
                continue

    def run(self, run: str) -> Run:
        """Return a run.

        Raises:
            NotFound: There is none.
        """
        row = self._row(run)
        return self._of_row(row) if row is not None else self._as_run(run, self._commit(run))

    def _row(self, run: str, *, change: bool = False) -> TrackedRun | None:
        plain = run.isascii() and run.isalnum()
        lock = {"of": TrackedRun} if change else None
        found = (
            self.session.get(TrackedRun, run, with_for_update=lock, populate_existing=change)
            if plain
            else None
        )
        return found if found is not None and found.repository_id == self.row.id else None

    def _commit(self, run: str) -> Digest:
        try:
            commit = self.repository.root().refs.get(run_ref(run))
        except InvalidInput:
            commit = None
        if commit is None:
            raise NotFound(f"Run with id={run[:200]} not found")
        return commit

    def _known(self, run: str, commit: Digest) -> KnownRun:
        return stored_run(self.repository, History.of(self.repository), run, commit)

    def _as_run(self, run: str, commit: Digest) -> Run:
        def read() -> Run:
            known = self._known(run, commit)
            record = msgspec.to_builtins(known.record)
            document = document_of(record, read_file(self.repository, known, TRACKED))
            parameters = {name: text_of(value) for name, value in known.record.parameters.items()}
            latest = summarised(record["metrics"], document.ended)
            return Run(run, document, parameters, lambda: latest, False)

        return self._stored.get(commit, read)

    def _of_row(self, row: TrackedRun) -> Run:
        parameters = msgspec.json.decode(row.parameters, type=dict[str, str])
        document = Document.decode(row.document.encode(), row.id)
        return Run(row.id, document, parameters, lambda: self._latest(row.id), True)

    def _latest(self, run: str) -> dict[str, Point]:
        by_name: dict[str, list[Point]] = {}
        for point in self.points(run):
            by_name.setdefault(point.name, []).append(point)
        return latest_of(by_name)

    def points(self, run: str) -> Iterator[Point]:
        """Return the values of all metrics of a run under way, as they came."""
        return points_logged(self.session, run)

    def begin(self, document: Document) -> Run:
        """Begin a run."""
        user = require_user(self.principal)
        query = select(TrackedRun.id).where(TrackedRun.repository_id == self.row.id)
        if len(self.session.scalars(query.limit(MOST_LIVE)).all()) >= MOST_LIVE:
            raise Conflict(f"{self.row.full_name} has {MOST_LIVE} runs under way", hint="end some")
        now = self.hub.now()
        made = TrackedRun(
            id=make_ulid(now, secrets.randbits(DRAWN_BITS)),
            repository_id=self.row.id,
            account_id=user.id,
            document=_encoded(msgspec.structs.replace(document, user=user.name)),
            parameters="{}",
            created=now,
            changed=now,
        )
        self.session.add(made)
        self.session.flush()
        return self._of_row(made)

    def keep(self, run: str, document: Document) -> None:
        """Change what is known of a run; one that ended is stored after this request.

        Raises:
            Conflict: It is stored and never changes.
        """
        row = self.change(run)
        row.document = _encoded(document)
        if document.status != RUNNING:
            self.ended.append(run)

    def log(self, run: str, points: Sequence[Point], parameters: Mapping[str, str]) -> None:
        """Add values of metrics, and parameters.

        Raises:
            Conflict: It is stored and never changes.
            InvalidInput: A parameter has another value, or a name cannot be one.
        """
        row = self.change(run)
        if parameters:
            known = msgspec.json.decode(row.parameters, type=dict[str, str])
            for name, text in parameters.items():
                if known.setdefault(check_name(name, "parameter"), text) != text:
                    raise InvalidInput(f"Changing param values is not allowed: {name} is {known[name]!r}")
            row.parameters = _limited(msgspec.json.encode(known).decode())
        if points:
            values = [
                (check_name(point.name, "metric"), number(point.value), point.step, point.time)
                for point in points
            ]
            self.session.add(TrackedPoints(run_id=run, points=msgspec.json.encode(values).decode()))

    def history(self, run: str, name: str) -> Sequence[Point]:
        """Return all values of a metric as they came."""
        if self._row(run) is not None:
            return [point for point in self.points(run) if point.name == name]
        series = series_of(self.repository, self._known(run, self._commit(run))).get(name)
        return [] if series is None else _points(name, series)

    def events(self) -> Iterable[Event]:
        """Return what happened to experiments and the registry: here, and in runs that were pushed."""
        query = select(TrackedEvent.event).where(TrackedEvent.repository_id == self.row.id)
        here = [msgspec.json.decode(text, type=Event) for text in self.session.scalars(query)]
        return [*here, *(event for run in self.runs() for event in run.document.events)]

    def record(self, event: Event) -> None:
        """Keep what happened."""
        text = _limited(msgspec.json.encode(event).decode())
        self.session.add(TrackedEvent(repository_id=self.row.id, event=text))
        self.session.flush()

    def change(self, run: str) -> TrackedRun:
        """Return a run for a change: others wait for the end of the transaction.

        Raises:
            NotFound: There is none.
            Conflict: It is stored and never changes.
        """
        row = self._row(run, change=True)
        if row is None:
            self.run(run)
            raise Conflict(f"run {run} is stored and never changes", hint="begin another one")
        row.changed = self.hub.now()
        return row

    # -- artefacts --------------------------------------------------------------------------

    def files(self, run: str, path: str) -> Sequence[File]:
        """Return what lies in a folder of artefacts; nothing where there is none."""
        if self._row(run) is not None:
            return self._live_files(run, path)
        found = self._entry(run, path)
        if found is None or found.kind != EntryKind.DIRECTORY:
            return []
        return [
            File(os.fsdecode(each.name), None if each.kind == EntryKind.DIRECTORY else each.size)
            for each in iter_directory(self.repository.objects, found.digest)
        ]

    def _live_files(self, run: str, path: str) -> list[File]:
        below, found = f"{path}/" if path else "", dict[str, int | None]()
        query = select(TrackedFile).where(TrackedFile.run_id == run)
        for row in self.session.scalars(query.where(TrackedFile.path.startswith(below, autoescape=True))):
            name, slash, _ = row.path.removeprefix(below).partition("/")
            found[name] = None if slash else row.size
        return [File(name, found[name]) for name in sorted(found)]

    def read(self, run: str, path: str) -> Contents:
        """Return an artefact.

        Raises:
            NotFound: There is none.
        """
        if self._row(run) is not None:
            return self._read_live(run, path)
        found = self._entry(run, path)
        if found is None or found.kind not in (EntryKind.FILE, EntryKind.EXECUTABLE):
            raise NotFound(f"no artefact {path[:200]!r} in run {run}")
        return Contents(found.size, self.repository.contents.stream(found.digest))

    def _read_live(self, run: str, path: str) -> Contents:
        row = self.session.get(TrackedFile, (run, path))
        if row is None:
            raise NotFound(f"no artefact {path[:200]!r} in run {run}")
        contents = staged_contents(self.repository, [name for part in row.packs.values() for name in part])
        return Contents(row.size, contents.stream(parse_digest(row.digest)))

    def _entry(self, run: str, path: str) -> Entry | None:
        tree = self._known(run, self._commit(run)).tree
        whole = path_bytes(f"{ARTEFACTS}/{path}" if path else ARTEFACTS)
        return None if tree is None else find(self.repository.objects, tree, whole)

    def write(self, run: str, path: str, blocks: Iterable[bytes]) -> None:
        """Refuse: files come without a transaction around them; see `put_file`."""
        raise InvalidInput("a file is put by a request of its own")


def put_file(asking: Asking, place: tuple[str, str], read: ReadInto) -> None:
    """Keep an artefact of a run under way; one with the same path is replaced.

    Args:
        asking: Who sends it, and where; that they may write is known.
        place: Run and path.
        read: Gives the bytes.

    Raises:
        NotFound, Conflict: There is no such run, or it is stored.
        InvalidInput: It cannot be a path, or a folder is there.
        QuotaExceeded: The owner has no room for it.
    """
    hub, row = asking.hub, asking.row
    run, path = place
    name = tree_path(path)
    if len(path) > PATH or "\ufffd" in path:
        raise InvalidInput(f"a path here is UTF-8, and has at most {PATH} characters")
    with closing(open_repository(hub, row)) as repository:
        with hub.database.session(reads_only=True) as session:
            _require_live(HubStore(asking, session, repository, StoredRuns()), run, path)
        stored = store_content(Storing(hub, row, repository.backend), read, name)
        # While this lock is held no pack goes away, and afterwards the row keeps it.
        with repository.lock("writer", "tracking").shared(repository.wait):
            require_there(repository, stored)
            with hub.database.session() as session:
                store = HubStore(asking, session, repository, StoredRuns())
                _require_live(store, run, path)
                session.merge(
                    TrackedFile(
                        run_id=run,
                        path=path,
                        size=stored.size,
                        digest=stored.digest.hex(),
                        packs=stored.packs,
                    )
                )


def _require_live(store: HubStore, run: str, path: str) -> None:
    """Let pass what can be put into a run."""
    store.change(run)
    of_run = select(TrackedFile.path).where(TrackedFile.run_id == run)
    above = [path[:at] for at, each in enumerate(path) if each == "/"]
    below = TrackedFile.path.startswith(f"{path}/", autoescape=True)
    if store.session.scalars(of_run.where(or_(TrackedFile.path.in_(above), below)).limit(1)).first():
        raise InvalidInput(f"a file or a folder is in the way of {path[:200]!r}")
    if len(store.session.scalars(of_run.limit(MOST_FILES)).all()) >= MOST_FILES:
        raise Conflict(f"run {run} has {MOST_FILES} artefacts", hint="put them into an archive")


def is_tracked(hub: Hub, row: RepositoryRow, pack: str) -> bool:
    """Say whether an artefact of a run under way needs a pack, by its name in hexadecimal."""
    query = select(TrackedFile.path).join(TrackedRun, TrackedRun.id == TrackedFile.run_id)
    query = query.where(TrackedRun.repository_id == row.id, cast(TrackedFile.packs, Text).contains(pack))
    with hub.database.session(reads_only=True) as session:
        return session.scalars(query.limit(1)).first() is not None


def staged_contents(repository: Repository, packs: Sequence[str]) -> ContentReader:
    """Return a reader of contents that lie in packs which no root lists yet."""
    named = [Digest(bytes.fromhex(name)) for name in packs]
    return ContentReader(ObjectDb(repository.backend, partial(tuple, named)))


def _encoded(document: Document) -> str:
    return _limited(document.encode().decode())


def _limited(text: str) -> str:
    if len(text) > MOST_DOCUMENT:
        raise InvalidInput("too much was said of this run")
    return text


def _points(name: str, series: Series) -> list[Point]:
    return points_of(name, zip(series.steps, series.values, series.times, strict=True))
