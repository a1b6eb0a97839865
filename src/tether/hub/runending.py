"""The end of a run on the hub: from rows to a commit that `refs/runs/ID` names, by a push of its own."""

import logging
from collections.abc import Sequence
from typing import Any

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from tether.core.digest import Digest, hash_bytes, parse_digest
from tether.core.identity import Person
from tether.core.kinds import ObjectKind
from tether.core.names import path_bytes, run_ref
from tether.core.objects import Commit
from tether.core.tree import EMPTY_TREE, Entry, EntryKind
from tether.core.treeedit import edit_tree
from tether.errors import TetherError
from tether.hub.access import OPERATOR, Principal
from tether.hub.acting import Act
from tether.hub.committing import Packs, copy_recipes, needed_packs
from tether.hub.database.models import RepositoryRow
from tether.hub.database.tracking import TrackedFile, TrackedPoints, TrackedRun
from tether.hub.guarding import PushGuard
from tether.hub.hub import Hub
from tether.hub.repositories import open_repository
from tether.hub.storing import LEVEL, Storing, names
from tether.hub.trackedrecords import metrics_logged, record_of
from tether.hub.workspaces import DAY
from tether.mlflow.document import Document
from tether.repo.ingest import ContentWriter
from tether.repo.repository import Repository
from tether.repo.session import WriteSession
from tether.runs.journal import METRICS, RECORD, TRACKED
from tether.runs.metrics import Metrics, encode_series
from tether.runs.pinning import ARTEFACTS
from tether.runs.rundoc import RunRecord
from tether.sync.arrivals import note_arrival
from tether.sync.serving import Serving
from tether.sync.wire import PushRequest, RefMove

_logger = logging.getLogger("tether.hub")


def end_run(hub: Hub, principal: Principal, row: RepositoryRow, run: str) -> None:
    """Store a run that ended; done again it changes nothing.

    Raises:
        Forbidden, QuotaExceeded, Unavailable: As for a push; the run stays under way then.
    """
    ending: list[_Ending] = []

    def beside(session: Session) -> None:
        ending[0].record(session)

    repository = open_repository(hub, row, beside=beside)
    try:
        if run_ref(run) in repository.root().refs:
            return
        ending.append(_Ending(hub, principal, row, repository, run))
        ending[0].run()
    finally:
        repository.close()


def end_lost(hub: Hub) -> int:
    """Store the runs that nobody told of for as long as a workspace lives; return how many."""
    oldest, count = hub.now() - hub.settings.workspace_days * DAY, 0
    with hub.database.session(reads_only=True) as session:
        query = select(TrackedRun.id, RepositoryRow).join(
            RepositoryRow, RepositoryRow.id == TrackedRun.repository_id
        )
        query = query.where(TrackedRun.changed <= oldest, RepositoryRow.deleted_at.is_(None))
        found = session.execute(query).all()
    for run, row in found:
        try:
            end_run(hub, OPERATOR, row, run)
            count += 1
        except TetherError as error:
            _logger.warning("run %s of %s cannot be stored: %s", run, row.full_name, error)
    return count


class _Ending:
    """One run on its way into the repository."""

    def __init__(
        self, hub: Hub, principal: Principal, row: RepositoryRow, repository: Repository, run: str
    ) -> None:
        self._hub, self._principal, self._row = hub, principal, row
        self._repository, self._id = repository, run
        self._guard = PushGuard(hub, principal, row)

    def run(self) -> None:
        """Write the run and let a ref name it."""
        hub, repository = self._hub, self._repository
        with hub.database.session(reads_only=True) as session:
            row = session.get(TrackedRun, self._id)
            if row is None:
                return
            files = session.scalars(select(TrackedFile).where(TrackedFile.run_id == self._id)).all()
            metrics = metrics_logged(session, self._id)
        packs: Packs = {parse_digest(each.digest): each.packs for each in files}
        entries = [_entry(each) for each in files]
        data = self._live(needed_packs(repository, entries, packs))
        commit, own = self._write(row, files, metrics, packs)
        for name in data:
            note_arrival(repository.backend, name, hub.now())
        request = PushRequest(_write_id(self._id), (*data, *own), (RefMove(run_ref(self._id), None, commit),))
        Serving(repository, self._guard, tracer=hub.tracer).push(
            request, f"run {self._id} by {self._principal.name}"
        )

    def _live(self, packs: Sequence[str]) -> list[Digest]:
        """Return those packs that no root lists yet."""
        there = set(self._repository.root().packs())
        found = dict.fromkeys(Digest(bytes.fromhex(name)) for name in packs)
        return [name for name in found if name not in there]

    def _write(
        self, row: TrackedRun, files: Sequence[TrackedFile], metrics: Metrics, packs: Packs
    ) -> tuple[Digest, list[Digest]]:
        """Write commit, tree nodes, recipes and the files of the record; return the commit and the packs."""
        hub, repository = self._hub, self._repository
        session = WriteSession(Storing(hub, self._row, repository.backend), repository.objects, LEVEL)
        writer = ContentWriter(session)
        try:
            entries = {path_bytes(f"{ARTEFACTS}/{each.path}"): _entry(each) for each in files}
            copy_recipes(repository, session, entries.values(), packs)
            document, now = Document.decode(row.document.encode(), row.id), hub.clock()
            record = record_of(row, files, metrics, now)
            own = {RECORD: record.encode(), TRACKED: document.encode()}
            if metrics.series:
                own[METRICS] = encode_series(metrics)
            for name, data in own.items():
                key = name.encode()
                entries[key] = Entry(key, EntryKind.FILE, len(data), writer.add(data, key))
            writer.close()
            tree = edit_tree(session, EMPTY_TREE, dict[bytes, Entry | None](entries)).digest
            author = Person(row.account.name, "")
            made = Commit(tree, (), author, now, author, now, f"run: {_shown(record)}\n")
            commit = session.put(ObjectKind.COMMIT, made.encode())
            sealed = session.seal()
        except BaseException:
            writer.close()
            session.abort()
            raise
        return commit, self._live([*names(sealed, "data"), *names(sealed, "meta")])

    def record(self, session: Session) -> None:
        """Remove the rows in the transaction in which the ref is made."""
        self._guard.confirm(session)
        for table in (TrackedPoints, TrackedFile):
            session.execute(delete(table).where(table.run_id == self._id))
        session.execute(delete(TrackedRun).where(TrackedRun.id == self._id))
        act = Act(self._hub, session, self._principal, self._hub.now())
        act.record("run.end", f"{self._row.full_name} {self._id}", repository=self._row)


def _write_id(run: str) -> bytes:
    """Return what tells the push of a run from others, so that doing it again is seen."""
    return hash_bytes(run.encode())[:16]


def _entry(file: TrackedFile) -> Entry:
    name = path_bytes(file.path).rpartition(b"/")[2]
    return Entry(name, EntryKind.FILE, file.size, parse_digest(file.digest))


def _shown(record: RunRecord) -> str:
    text: Any = record.name or " ".join(record.command) or record.id
    return "".join(each if each.isprintable() else "?" for each in text)[:200]
