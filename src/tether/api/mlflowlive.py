"""A run of the command that is under way, as an MLflow client sees it."""

from collections.abc import Mapping

import msgspec

from tether.errors import InvalidInput
from tether.mlflow.document import Document
from tether.mlflow.recorded import document_of, is_same, points_of, scalar_of, text_of
from tether.mlflow.store import Point, Run
from tether.runs.journal import METRICS, RECORD, TRACKED, Journal
from tether.runs.metrics import Metrics, Series, read_lines
from tether.runs.rundoc import RunRecord, check_name


class LiveRun:
    """A run of this command.

    Attributes:
        journal: Where it is written.
        document: What clients said of it; it has no data of the record, which is added when it is shown.
    """

    def __init__(self, journal: Journal, document: Document) -> None:
        self.journal, self.document = journal, document
        self._read, self._metrics = 0, Metrics()
        self._latest: dict[str, tuple[int, Point]] = {}

    def keep(self, document: Document) -> None:
        """Change what is known of it."""
        self.journal.replace(TRACKED, document.encode())
        self.document = document

    def call(self, name: str) -> None:
        """Call it as its client does, unless the person said how."""
        record = RunRecord.decode(self.journal.read(RECORD) or b"")
        if (
            record.name in (None, self.document.name)
            and name != record.name
            and name_or_none(name) is not None
        ):
            self.journal.tell(msgspec.structs.replace(record, name=name))

    def metrics(self) -> Metrics:
        """Return the metrics so far; only what was added since the last time is read."""
        try:
            with (self.journal.folder / METRICS).open("rb") as file:
                file.seek(self._read)
                data = file.read()
        except FileNotFoundError:
            data = b""
        whole = data[: data.rfind(b"\n") + 1]
        self._read += len(whole)
        return read_lines(whole.splitlines(), self._metrics)

    def latest(self) -> dict[str, Point]:
        """Return of each metric the value with the greatest step, of those the newest."""
        for name, series in self.metrics().series.items():
            seen, best = self._latest.get(name, (0, None))
            count = len(series.steps)
            if count > seen:
                new = points_from(name, series, seen)
                best = max([*new, best] if best else new, key=lambda each: (each.step, each.time))
                self._latest[name] = (count, best)
        return {name: point for name, (_, point) in self._latest.items()}

    def run(self) -> Run:
        """Return it as clients see it."""
        record = self.journal.record()
        shown = document_of(msgspec.to_builtins(record), self.document.encode())
        parameters = {name: text_of(value) for name, value in record.parameters.items()}
        return Run(record.id, shown, parameters, self.latest, True)


def points_from(name: str, series: Series, start: int = 0) -> list[Point]:
    """Return the points of a series, from one of them on."""
    columns = zip(series.steps[start:], series.values[start:], series.times[start:], strict=True)
    return points_of(name, columns)


def unlike(journal: Journal, parameters: Mapping[str, str]) -> dict[str, object]:
    """Return parameters as they are kept, without those that the person gave in other words: 1e-1 for 0.1."""
    given = RunRecord.decode(journal.read(RECORD) or b"").parameters
    found: dict[str, object] = {}
    for name, text in parameters.items():
        if name not in given or not is_same(given[name], text):
            found[name] = scalar_of(text)
    return found


def name_or_none(name: str) -> str | None:
    """Return a name that a run can have; None where it cannot have this one."""
    try:
        return check_name(name, "run")
    except InvalidInput:
        return None
