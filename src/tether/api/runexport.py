"""Runs as JSON or as a table, for other programs."""

import csv
import io
import json
from collections.abc import Sequence

from tether.api.opened import Opened
from tether.api.runs import RunQuery, columns_of, document_of, list_runs, run_series, show_run
from tether.errors import InvalidInput, TetherError
from tether.runs.metrics import rows_of
from tether.runs.reading import KnownRun

FORMS = ("json", "csv")


def chosen_runs(
    repo: Opened,
    names: Sequence[str],
    where: Sequence[str] = (),
    shown: Sequence[str] = (),
    doubtful: list[TetherError] | None = None,
) -> list[KnownRun]:
    """Return the runs that are named; where none is, all for which conditions hold, the newest first.

    Args:
        repo: Has them.
        names: Which, if any are named.
        where: Conditions.
        shown: Parameters and metrics that will be shown of them.
        doubtful: Takes what of the conditions, or of what is shown, fits no run.

    Raises:
        NotFound: There is no such run.
        InvalidInput: A name can be several, or a condition cannot be read.
    """
    if names:
        return [show_run(repo, name) for name in names]
    return list_runs(repo, RunQuery(tuple(where), shown=tuple(shown)), doubtful=doubtful)


def export_runs(repo: Opened, runs: Sequence[KnownRun], form: str = "json", *, points: bool = False) -> str:
    """Return runs as a text that other programs read.

    Args:
        repo: Has them.
        runs: Which.
        form: `json` is a list of records, `csv` a table.
        points: With every point of the metrics; a table has nothing else then.

    Raises:
        InvalidInput: There is no such form.
        Corrupt: The metrics of a run are damaged.
    """
    if form not in FORMS:
        raise InvalidInput(f"runs are not written as {form}", hint=f"there are {', '.join(FORMS)}")
    if form == "json":
        return _as_json(repo, runs, points=points)
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    if points:
        writer.writerow(["run", "metric", "step", "value", "time"])
        for run in runs:
            for point in rows_of(run_series(repo, run)):
                writer.writerow([run.id, point["name"], point["step"], point["value"], point["time"]])
        return text.getvalue()
    names, rows = columns_of(runs)
    writer.writerow(names)
    writer.writerows(rows)
    return text.getvalue()


def _as_json(repo: Opened, runs: Sequence[KnownRun], *, points: bool) -> str:
    documents = []
    for run in runs:
        beside = {"points": [*rows_of(run_series(repo, run))]} if points else {}
        documents.append({**document_of(run.record), **beside})
    return json.dumps(documents, indent=1) + "\n"
