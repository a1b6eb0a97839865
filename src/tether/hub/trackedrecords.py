"""What is known of a run that MLflow's clients log, as a record like those of runs that are stored."""

from collections.abc import Iterator, Sequence

import msgspec
from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session

from tether.core.identity import Time
from tether.errors import InvalidInput, TetherError
from tether.hub.database.models import RepositoryRow
from tether.hub.database.tracking import TrackedFile, TrackedPoints, TrackedRun
from tether.hub.hub import Hub
from tether.mlflow.document import RUNNING, Document
from tether.mlflow.recorded import recorded_status, scalar_of
from tether.mlflow.store import Point
from tether.runs.metrics import Metrics, Series
from tether.runs.reading import KnownRun
from tether.runs.rundoc import Artefact, RunRecord, Status, check_name, stamp

_COMMAND_TAG = "mlflow.source.name"
_MOST_RUNS = 50
_MOST_POINTS = 8 << 20
"""Characters of logged values that one page reads."""
_Points = list[tuple[str, float | str, int, int]]


def points_logged(session: Session, run: str) -> Iterator[Point]:
    """Yield the values of all metrics of a run under way, as they came."""
    query = select(TrackedPoints.points).where(TrackedPoints.run_id == run).order_by(TrackedPoints.id)
    for text in session.scalars(query):
        for name, value, step, time in msgspec.json.decode(text, type=_Points):
            yield Point(name, float(value), step, time)


def metrics_logged(session: Session, run: str) -> Metrics:
    """Return the metrics of a run under way."""
    found = Metrics()
    for point in points_logged(session, run):
        found.series.setdefault(point.name, Series()).add(point.value, point.step, point.time / 1000)
    return found


def record_of(row: TrackedRun, files: Sequence[TrackedFile], metrics: Metrics, now: Time) -> RunRecord:
    """Return the record of a run as it is now; one under way has not ended.

    Args:
        row: The run.
        files: Its artefacts.
        metrics: Its metrics.
        now: The time, which is when it ended if it did.
    """
    document = Document.decode(row.document.encode(), row.id)
    texts = msgspec.json.decode(row.parameters, type=dict[str, str])
    source = document.tags.get(_COMMAND_TAG)
    return RunRecord(
        id=row.id,
        status=Status(recorded_status(document.status, Status.LOST)),
        command=() if source is None else (source,),
        started=stamp(now._replace(micros=row.created)),
        ended=stamp(now),
        name=_name(document.name),
        parameters={name: scalar_of(text) for name, text in texts.items()},
        metrics=metrics.summaries(),
        artefacts=tuple(
            Artefact(each.path, each.digest, each.size) for each in sorted(files, key=lambda file: file.path)
        ),
    )


def _name(name: str) -> str | None:
    try:
        return check_name(name, "run")
    except InvalidInput:
        return None


class TrackedUnderWay:
    """The runs of a repository that are under way on the hub, for its pages; see `tether.pages.underway`."""

    def __init__(self, hub: Hub, row: RepositoryRow) -> None:
        self._hub, self._row = hub, row

    def runs(self) -> list[KnownRun]:
        """Return the newest of them; metrics are left out where they are more than one page reads."""
        query = self._own().order_by(TrackedRun.id.desc()).limit(_MOST_RUNS)
        with self._hub.database.session(reads_only=True) as session:
            return list(self._known(session, session.scalars(query).all()))

    def run(self, run: str) -> KnownRun | None:
        """Return one of them by its id; None where there is none, or it is damaged."""
        with self._hub.database.session(reads_only=True) as session:
            rows = session.scalars(self._own().where(TrackedRun.id == run)).all()
            return next(self._known(session, rows), None)

    def _own(self) -> Select[TrackedRun]:
        return select(TrackedRun).where(TrackedRun.repository_id == self._row.id)

    def _known(self, session: Session, rows: Sequence[TrackedRun]) -> Iterator[KnownRun]:
        ids = [row.id for row in rows]
        lengths, left = self._lengths(session, ids), _MOST_POINTS
        files: dict[str, list[TrackedFile]] = {}
        for file in session.scalars(select(TrackedFile).where(TrackedFile.run_id.in_(ids))) if ids else ():
            files.setdefault(file.run_id, []).append(file)
        for row in rows:
            fits = lengths.get(row.id, 0) <= left
            left -= lengths.get(row.id, 0) if fits else 0
            try:
                metrics = metrics_logged(session, row.id) if fits else Metrics()
                record = record_of(row, files.get(row.id, ()), metrics, self._hub.clock())
            except TetherError:  # damaged: its client is told when it asks for it
                continue
            status = Document.decode(row.document.encode(), row.id).status
            if status == RUNNING:
                record = msgspec.structs.replace(record, status=Status.RUNNING, ended=None)
            yield KnownRun(record)

    def series(self, run: KnownRun) -> dict[str, Series] | None:
        """Return the metrics of one of them; None where they are more than a page reads."""
        with self._hub.database.session(reads_only=True) as session:
            too_long = self._lengths(session, [run.id]).get(run.id, 0) > _MOST_POINTS
            return None if too_long else metrics_logged(session, run.id).series

    def _lengths(self, session: Session, runs: Sequence[str]) -> dict[str, int]:
        """Return how many characters the logged values of some runs have."""
        if not runs:
            return {}
        total = func.sum(func.length(TrackedPoints.points))
        query = select(TrackedPoints.run_id, total).where(TrackedPoints.run_id.in_(runs))
        return {run: int(length) for run, length in session.execute(query.group_by(TrackedPoints.run_id))}
